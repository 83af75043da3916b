// The places of a source that can be changed, each with its change. What is only a type is left alone: no test runs it.
import ts from 'typescript';
import { placeOf } from '../house/sources.mjs';

/** @typedef {{ path: string, place: string, line: number, change: string, text: string }} Mutant */

const { SyntaxKind } = ts;

/** What an operator becomes. */
const OPERATORS = new Map([
  [SyntaxKind.LessThanToken, '<='],
  [SyntaxKind.LessThanEqualsToken, '<'],
  [SyntaxKind.GreaterThanToken, '>='],
  [SyntaxKind.GreaterThanEqualsToken, '>'],
  [SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [SyntaxKind.AmpersandAmpersandToken, '||'],
  [SyntaxKind.BarBarToken, '&&'],
  [SyntaxKind.QuestionQuestionToken, '&&'],
  [SyntaxKind.PlusToken, '-'],
  [SyntaxKind.MinusToken, '+'],
  [SyntaxKind.AsteriskToken, '/'],
  [SyntaxKind.SlashToken, '*'],
  [SyntaxKind.PercentToken, '*'],
  [SyntaxKind.PlusEqualsToken, '-='],
  [SyntaxKind.MinusEqualsToken, '+='],
]);

/**
 * Every change of a source, one at a time.
 *
 * @param {import('../house/sources.mjs').Source} source
 * @returns {Mutant[]}
 */
export function findMutants(source) {
  const found = [];
  const visit = (node) => {
    if (isTypeOnly(node)) return;
    for (const change of changesOf(node)) found.push(toMutant(source, node, change));
    ts.forEachChild(node, visit);
  };
  visit(source.tree);
  return found;
}

function isTypeOnly(node) {
  return (
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node)
  );
}

/** The changes at one node: the part of the text that goes, and what comes instead. */
function changesOf(node) {
  if (ts.isBinaryExpression(node)) {
    return OPERATORS.has(node.operatorToken.kind)
      ? [replace(node.operatorToken, OPERATORS.get(node.operatorToken.kind))]
      : [];
  }
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) return unaryChanges(node);
  if (ts.isNumericLiteral(node)) return [replace(node, String(Number(node.text) + 1))];
  if (node.kind === SyntaxKind.TrueKeyword) return [replace(node, 'false')];
  if (node.kind === SyntaxKind.FalseKeyword) return [replace(node, 'true')];
  if (ts.isAwaitExpression(node)) return [replace(node, node.expression.getText())];
  if (ts.isExpressionStatement(node)) return isCall(node.expression) ? [replace(node, ';')] : [];
  if (ts.isConditionalExpression(node)) return [swap(node, node.whenTrue, node.whenFalse)];
  if (ts.isIfStatement(node) && node.elseStatement !== undefined) {
    return [swap(node, node.thenStatement, node.elseStatement)];
  }
  if (ts.isCatchClause(node) && node.block.statements.length > 0) return [replace(node.block, '{}')];
  return [];
}

function unaryChanges(node) {
  const operand = node.operand.getText();
  if (node.operator === SyntaxKind.ExclamationToken) return [replace(node, operand)];
  const other = { [SyntaxKind.PlusPlusToken]: '--', [SyntaxKind.MinusMinusToken]: '++' }[node.operator];
  if (other === undefined) return [];
  return [replace(node, ts.isPrefixUnaryExpression(node) ? `${other}${operand}` : `${operand}${other}`)];
}

/** Whether an expression is a call whose result is dropped; a class without its call of `super` breaks at once. */
function isCall(expression) {
  if (ts.isAwaitExpression(expression) || ts.isVoidExpression(expression))
    return isCall(expression.expression);
  return ts.isCallExpression(expression) && expression.expression.kind !== SyntaxKind.SuperKeyword;
}

function replace(node, to) {
  return { start: node.getStart(), end: node.getEnd(), to };
}

function swap(node, first, second) {
  const text = node.getSourceFile().text;
  const between = text.slice(first.getEnd(), second.getStart());
  // In braces, so that an `else` stays with its own `if`.
  const [then, otherwise] = ts.isIfStatement(node)
    ? [`{ ${second.getText()} }`, `{ ${first.getText()} }`]
    : [`(${second.getText()})`, `(${first.getText()})`];
  return { start: first.getStart(), end: second.getEnd(), to: `${then}${between}${otherwise}` };
}

function toMutant({ path, text, tree }, node, { start, end, to }) {
  const place = placeOf({ path, tree }, node);
  const line = tree.getLineAndCharacterOfPosition(start).line + 1;
  const around = node.getText().length < 60 ? node : undefined;
  const from = text.slice(around?.getStart() ?? start, around?.getEnd() ?? end);
  const into = around
    ? `${text.slice(around.getStart(), start)}${to}${text.slice(end, around.getEnd())}`
    : to;
  const change = `${oneLine(from)} → ${oneLine(into)}`;
  return { path, place, line, change, text: `${text.slice(0, start)}${to}${text.slice(end)}` };
}

function oneLine(text) {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 80 ? `${line.slice(0, 77)}…` : line;
}

/** The items in an order that follows from the seed alone. */
export function shuffled(items, seed) {
  const random = randomNumbers(seed);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** Mulberry32: numbers from 0 to 1. */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

import { lineAt, loadTypeScript, parseSource } from '../text/typescript-ast.mjs';
import { giveWay } from './give-way.mjs';

const LISTED = 5;

/**
 * Cyclomatic complexity of each function, from the syntax tree: one, and one more for each way the path can fork
 * (if, loop, case, catch, ?:, &&, ||, ??). A function inside another counts for itself.
 */
export async function complexity(task, { params }) {
  await giveWay();
  const ts = await loadTypeScript();
  const functions = measure(ts, parseSource(ts, task, params.path));
  functions.sort((a, b) => b.complexity - a.complexity || a.line - b.line);
  const listed = functions.slice(0, LISTED);
  const output = listed.map((one) => `${one.name} (line ${one.line}): ${one.complexity}`).join('\n');
  return {
    output: output || 'No functions.',
    data: { functions: listed, total: functions.length, max: listed[0]?.complexity ?? 0 },
  };
}

function measure(ts, source) {
  const forks = forkTests(ts);
  const functions = [];
  const visit = (node, owner) => {
    let current = owner;
    if (isFunctionWithBody(ts, node)) {
      current = { name: nameOf(ts, node), line: lineAt(source, node.getStart(source)), complexity: 1 };
      functions.push(current);
    } else if (current !== undefined && forks(node)) current.complexity++;
    ts.forEachChild(node, (child) => visit(child, current));
  };
  visit(source, undefined);
  return functions;
}

const isFunctionWithBody = (ts, node) => ts.isFunctionLike(node) && node.body !== undefined;

function forkTests(ts) {
  const { SyntaxKind: kind } = ts;
  const statements = new Set([
    kind.IfStatement,
    kind.ConditionalExpression,
    kind.ForStatement,
    kind.ForInStatement,
    kind.ForOfStatement,
    kind.WhileStatement,
    kind.DoStatement,
    kind.CaseClause,
    kind.CatchClause,
  ]);
  const operators = new Set([
    kind.AmpersandAmpersandToken,
    kind.BarBarToken,
    kind.QuestionQuestionToken,
    kind.AmpersandAmpersandEqualsToken,
    kind.BarBarEqualsToken,
    kind.QuestionQuestionEqualsToken,
  ]);
  return (node) =>
    statements.has(node.kind) || (ts.isBinaryExpression(node) && operators.has(node.operatorToken.kind));
}

// `const add = () => …`, `{ add: function () {} }` and `add = () => …` are known by what they are put into, and a
// callback by what it is handed to.
function nameOf(ts, node) {
  const { parent } = node;
  const owner = ts.isPropertyDeclaration(parent) ? parent.parent : parent;
  const className = ts.isClassLike(owner) ? owner.name?.text : undefined;
  const own = ts.isConstructorDeclaration(node)
    ? 'constructor'
    : (node.name ?? holder(ts, parent))?.getText();
  if (own !== undefined) return className === undefined ? own : `${className}.${own}`;
  return ts.isCallLikeExpression(parent) ? `callback of ${calleeName(parent)}` : '(anonymous)';
}

function holder(ts, parent) {
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) return parent.name;
  if (ts.isPropertyDeclaration(parent)) return parent.name;
  return ts.isBinaryExpression(parent) ? parent.left : undefined;
}

function calleeName({ expression }) {
  return expression?.name?.getText() ?? expression?.escapedText ?? 'a call';
}

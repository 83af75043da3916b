// A default stands in one place: in the schema of its options, and nowhere as `?? 30_000` or `{ timeoutMs = 30_000 }`.
import ts from 'typescript';
import { placeOf, walk } from './sources.mjs';

/** Options that only share their name with one that has a default in a schema. */
const OTHER_OPTIONS = new Set([
  'src/cache/batch.ts maxConcurrent',
  'src/cache/tiers/tier-guard.ts timeoutMs',
  'src/cache/warming.ts maxConcurrent',
  'src/resilience/rate-limit/rate-limiter.ts windowMs',
]);

/** @param {import('./sources.mjs').Source[]} sources */
export function findDefaultsTwice(sources) {
  const inSchemas = new Map();
  for (const source of sources) {
    for (const { name, node } of schemaDefaults(source)) inSchemas.set(name, placeOf(source, node));
  }
  const found = sources.flatMap((source) =>
    literalDefaults(source)
      .filter(({ name }) => inSchemas.has(name))
      .map(({ name, node }) => ({ source, name, node, option: `${source.path} ${name}` })),
  );
  const here = new Set(sources.map(({ path }) => path));
  const gone = [...OTHER_OPTIONS].filter(
    (option) => here.has(option.split(' ')[0]) && !found.some((other) => other.option === option),
  );
  return [
    ...gone.map(
      (option) => `${option} has no default of its own any more: scripts/house/defaults.mjs names it`,
    ),
    ...found
      .filter(({ option }) => !OTHER_OPTIONS.has(option))
      .map(({ source, name, node }) => {
        const place = placeOf(source, node);
        return `${place}: ${node.getText()}, while ${name} has a default at ${inSchemas.get(name)}`;
      }),
  ];
}

/** `timeoutMs: withDefault(…, 30_000)`. */
function schemaDefaults({ tree }) {
  const found = [];
  walk(tree, (node) => {
    if (!ts.isPropertyAssignment(node) || !ts.isCallExpression(node.initializer)) return;
    if (node.initializer.expression.getText() !== 'withDefault') return;
    found.push({ name: node.name.getText(), node });
  });
  return found;
}

/** `options.timeoutMs ?? 30_000`, `{ timeoutMs = 30_000 }` and `(timeoutMs = 30_000) =>`. */
function literalDefaults({ tree }) {
  const found = [];
  walk(tree, (node) => {
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
      if (isLiteral(node.right)) found.push({ name: lastName(node.left), node });
    } else if ((ts.isBindingElement(node) || ts.isParameter(node)) && node.initializer !== undefined) {
      if (isLiteral(node.initializer)) found.push({ name: (node.propertyName ?? node.name).getText(), node });
    }
  });
  return found;
}

/** `timeoutMs` of `this.options.timeoutMs`. */
function lastName(node) {
  return ts.isPropertyAccessExpression(node) ? node.name.text : node.getText();
}

/** A value that is written down: a literal, a calculation with some, or a constant's name. */
function isLiteral(node) {
  if (ts.isBinaryExpression(node)) return isLiteral(node.left) && isLiteral(node.right);
  if (ts.isPrefixUnaryExpression(node)) return isLiteral(node.operand);
  if (ts.isIdentifier(node)) return /^[A-Z][A-Z0-9_]+$/.test(node.text);
  return ts.isLiteralExpression(node) || ['true', 'false', 'null', '[]', '{}'].includes(node.getText());
}

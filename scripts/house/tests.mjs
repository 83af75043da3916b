// Every source with logic of its own has a test of its name, or a test that imports it or names it in its head:
// `// Covers: src/room/file.ts, src/room/other.ts`. And no test file is too long to be read.
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { walk } from './sources.mjs';

const MAX_TEST_LINES = 600;

/**
 * @param {import('./sources.mjs').Source[]} sources
 * @param {import('./sources.mjs').Source[]} tests
 */
export function findSourcesWithoutTest(sources, tests) {
  const paths = new Set(tests.map(({ path }) => path));
  const covered = new Set(tests.flatMap((test) => [...importsOf(test), ...coversOf(test)]));
  const known = new Set(sources.map(({ path }) => path));
  const lost = tests.flatMap((test) =>
    coversOf(test)
      .filter((path) => !known.has(path))
      .map((path) => `${test.path} says that it covers ${path}, which is not there`),
  );
  const untested = sources
    .filter((source) => hasLogic(source) && !paths.has(testOf(source)) && !covered.has(source.path))
    .map(({ path }) => `${path}: no test has its name, imports it or says "// Covers: ${path}"`);
  return [...lost, ...untested];
}

/** @param {import('./sources.mjs').Source[]} tests */
export function findLongTests(tests) {
  return tests
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_TEST_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines; at most ${MAX_TEST_LINES}`);
}

/** The test of a source's name. */
export function testOf({ path }) {
  return path.replace(/^src/, 'tests').replace(/\.ts$/, '.test.ts');
}

/** The files of the repository that a file imports. */
export function importsOf({ path, tree }) {
  return tree.statements
    .filter((statement) => ts.isImportDeclaration(statement) && !statement.importClause?.isTypeOnly)
    .map((statement) => statement.moduleSpecifier.text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts'));
}

/** The sources that a test names in its head. */
export function coversOf({ text }) {
  return [...text.matchAll(/^\/\/ Covers: (.+)$/gm)].flatMap(([, list]) => list.split(', '));
}

/** Whether something can happen in the file: there is a function in it. */
function hasLogic({ tree }) {
  let found = false;
  walk(tree, (node) => {
    if (ts.isFunctionLike(node) && node.body !== undefined) found = true;
  });
  return found;
}

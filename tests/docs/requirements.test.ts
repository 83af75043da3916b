import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { REPOSITORY, readDocument, tableRows } from './markdown.js';

/** The complete list: the numbers of each group run from 1 to the last one without a gap. */
const LAST_OF_GROUP = { S0: 65, S1: 84, S2: 62, S3: 48, S4: 76 };
const IDS = Object.entries(LAST_OF_GROUP).flatMap(([group, last]) =>
  Array.from({ length: last }, (_, index) => `${group}-${String(index + 1).padStart(2, '0')}`),
);
const ALSO = 'Also promised';

const page = readDocument('docs/requirements.md');
const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading as string);
const rowsUnder = (heading: string): string[][] => tableRows(page, heading);
const listed = headings
  .filter((heading) => heading !== ALSO)
  .flatMap(rowsUnder)
  .map(([id = '', behaviour = '', state = '', proof = '', ...rest]) => ({
    id,
    behaviour,
    state,
    proof,
    rest,
  }));
const also = rowsUnder(ALSO).map(([behaviour = '', state = '', proof = '', ...rest]) => ({
  id: behaviour,
  behaviour,
  state,
  proof,
  rest,
}));
const rows = [...listed, ...also];

/** The titles of tests that a proof names. */
const titlesIn = (proof: string): string[] =>
  [...proof.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title);

/** The npm scripts that a proof names, each with the line that it prints. */
const scriptsIn = (proof: string): Array<{ script: string; line: string | undefined }> =>
  [...proof.matchAll(/`npm run ([^`]+)`(?:: ([^";]+))?/g)].map(([, script = '', line]) => ({
    script,
    line: line?.trim(),
  }));

/** Every call in the files of a folder, with its first argument. */
function callsIn(folder: string, files: RegExp): Array<{ name: string; argument: string }> {
  const calls: Array<{ name: string; argument: string }> = [];
  for (const { path, source } of sourcesIn(folder, files)) {
    visit(ts.createSourceFile(path, source, ts.ScriptTarget.Latest), (node, file) => {
      const [argument] = ts.isCallExpression(node) ? node.arguments : [];
      if (argument === undefined || !ts.isStringLiteralLike(argument)) return;
      calls.push({ name: (node as ts.CallExpression).expression.getText(file), argument: argument.text });
    });
  }
  return calls;
}

/** Patterns of the lines that the benchmarks print: a string of theirs to its end, or how one begins. */
function printedByBenchmarks(): RegExp[] {
  const patterns: RegExp[] = [];
  for (const { path, source } of sourcesIn('bench', /\.mjs$/)) {
    visit(ts.createSourceFile(path, source, ts.ScriptTarget.Latest), (node) => {
      const pieces = piecesOf(node);
      // Hardly more than inserted values would be a pattern of everything.
      if (pieces.join('').replace(/\W/g, '').length < 4) return;
      patterns.push(new RegExp(`^${pieces.map(escaped).join('.+')}$`));
      const [start] = (pieces[0] as string).split(':');
      if (pieces.length > 1 && start) patterns.push(new RegExp(`^${escaped(start)}$`));
    });
  }
  return patterns;
}

/** The fixed pieces of a string; between two of them a value is inserted. */
function piecesOf(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (!ts.isTemplateExpression(node)) return [];
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
}

function* sourcesIn(folder: string, files: RegExp): Generator<{ path: string; source: string }> {
  for (const name of readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })) {
    const path = join(REPOSITORY, folder, name);
    if (files.test(name)) yield { path, source: readFileSync(path, 'utf8') };
  }
}

function visit(file: ts.SourceFile, look: (node: ts.Node, file: ts.SourceFile) => void): void {
  const each = (node: ts.Node): void => {
    look(node, file);
    ts.forEachChild(node, each);
  };
  each(file);
}

function escaped(text: string): string {
  return text.trim().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

describe('docs/requirements.md', () => {
  test('has each id of the list exactly once, and no other', () => {
    expect(IDS).toHaveLength(335);
    expect(listed.map(({ id }) => id).sort()).toEqual(IDS);
  });

  test('says of each behaviour whether it is done, partial and what is missing, or open', () => {
    const wrong = rows.filter(
      ({ behaviour, state, rest }) =>
        behaviour === '' || rest.length > 0 || !/^(done|partial: \S.*|open)$/.test(state),
    );
    expect(wrong).toEqual([]);
  });

  test('names a proof for what is done or partial, and none for what is open', () => {
    const wrong = rows.filter(({ state, proof }) => {
      const isProven = titlesIn(proof).length + scriptsIn(proof).length > 0;
      return state === 'open' ? proof !== '' : !isProven;
    });
    expect(wrong).toEqual([]);
  });

  test('has nothing in its proofs but titles of tests and npm scripts', () => {
    const wrong = rows.filter(({ proof }) => {
      const named = proof.split(/; (?="|`npm run )/);
      return proof !== '' && !named.every((one) => /^("[^"]+"|`npm run [^`]+`(: [^";]+)?)$/.test(one));
    });
    expect(wrong).toEqual([]);
  });

  test('names in its proofs only tests that exist', () => {
    const tests = callsIn('tests', /\.ts$/).filter(({ name }) => /^(test|it)\b/.test(name));
    // The tests of a suite for every implementation get their titles where the suite is written.
    const suites = callsIn('src/testing', /-suite\.ts$/).filter(({ name }) => name === 'on');
    const titles = new Set([...tests, ...suites].map(({ argument }) => argument));
    expect(titles.size).toBeGreaterThan(1_000);
    const missing = rows.flatMap(({ proof }) => titlesIn(proof)).filter((title) => !titles.has(title));
    expect([...new Set(missing)]).toEqual([]);
  });

  test('names in its proofs only npm scripts that exist, and lines that a benchmark prints', () => {
    const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };
    const named = rows.flatMap(({ proof }) => scriptsIn(proof));
    expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
    const printed = printedByBenchmarks();
    const isUnknown = (line: string): boolean => !printed.some((pattern) => pattern.test(line));
    expect(isUnknown('a line that is never printed')).toBe(true);
    const missing = named.filter(({ script, line }) =>
      script.startsWith('bench') ? line === undefined || isUnknown(line) : line !== undefined,
    );
    expect(missing).toEqual([]);
  });

  test('counts the rows of each state', () => {
    const count = (state: string): number => listed.filter((row) => row.state.startsWith(state)).length;
    const sentence = `Of ${listed.length} rows, ${count('done')} are done, ${count('partial')} are partial and ${count('open')} are open.`;
    expect(page.split('\n')).toContain(sentence);
  });
});

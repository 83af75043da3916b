// Which tests reach which lines. Measured by running the suite once with coverage, and kept: later runs measure only
// tests that were changed, or that reach a source that was.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { coversOf, importsOf, testOf } from '../house/tests.mjs';
import { jestPart, runJest } from './copy.mjs';

/**
 * @param {string} folder A copy of the repository.
 * @param {string} cacheFile
 * @param {{ sources: import('../house/sources.mjs').Source[], tests: import('../house/sources.mjs').Source[] }} files
 */
export async function measureReach(folder, cacheFile, { sources, tests }) {
  const known = existsSync(cacheFile)
    ? JSON.parse(readFileSync(cacheFile, 'utf8'))
    : { tests: {}, sources: {} };
  const hashes = new Map([...sources, ...tests].map(({ path, text }) => [path, hashOf(text)]));
  const isCurrent = ({ path }) => {
    const test = known.tests[path];
    const isSame = (source) => known.sources[source]?.hash === hashes.get(source);
    return test?.hash === hashes.get(path) && Object.keys(test.files).every(isSame);
  };
  const suite = tests.filter(({ path }) => path.endsWith('.test.ts'));
  const stale = suite.filter((test) => !isCurrent(test)).map(({ path }) => path);
  if (stale.length > 0) {
    console.log(`Running ${stale.length} of ${suite.length} test files with coverage …`);
    addMeasured(known, await runWithCoverage(folder, stale), hashes);
    writeFileSync(cacheFile, JSON.stringify(known));
  }
  for (const path of Object.keys(known.tests)) if (!hashes.has(path)) delete known.tests[path];
  return new Reach(known, suite);
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('base64');
}

async function runWithCoverage(folder, tests) {
  const output = join(folder, '..', 'coverage.json');
  const config = {
    collectCoverage: true,
    coverageReporters: [],
    coverageThreshold: undefined,
    reporters: [[jestPart('coverage-by-file'), { output }]],
  };
  const { stderr } = await runJest(folder, { config, args: ['--silent', '--runTestsByPath', ...tests] });
  if (!existsSync(output)) throw new Error(`Jest wrote no coverage: ${stderr}`);
  return JSON.parse(readFileSync(output, 'utf8'));
}

function addMeasured(known, measured, hashes) {
  for (const [path, statements] of Object.entries(measured.statements)) {
    known.sources[path] = { hash: hashes.get(path), statements };
  }
  for (const [path, test] of Object.entries(measured.tests)) {
    if (test.failed) console.log(`${path} fails without any change and is left out`);
    known.tests[path] = { ...test, hash: test.failed ? 'measure again' : hashes.get(path) };
  }
}

class Reach {
  #tests;
  #sources;
  /** By test: what it imports or names in its head. */
  #named;
  #texts;

  constructor({ tests, sources }, suite) {
    this.#tests = tests;
    this.#sources = sources;
    this.#named = new Map(suite.map((test) => [test.path, [...importsOf(test), ...coversOf(test)]]));
    this.#texts = new Map(suite.map(({ path, text }) => [path, text]));
  }

  /** The test files that run a line, nearest first: of the same name, then naming the source, then reaching few files. */
  testsOf({ path, line }) {
    const statements = this.#statementsAt(path, line);
    const reaches = (test) => {
      const ran = this.#tests[test].files[path];
      return ran !== undefined && (statements.length === 0 || ran.some((id) => statements.includes(id)));
    };
    const passing = Object.keys(this.#tests).filter((test) => !this.#tests[test].failed);
    const reaching = passing.filter(reaches);
    // What runs in a child process alone is not measured: only names lead to its tests.
    const found = reaching.length > 0 ? reaching : passing.filter((test) => this.#distance(test, path) < 2);
    return found.sort(
      (first, second) =>
        this.#distance(first, path) - this.#distance(second, path) ||
        this.#width(first) - this.#width(second),
    );
  }

  /** The innermost statements that contain a line. */
  #statementsAt(path, line) {
    const around = Object.entries(this.#sources[path]?.statements ?? {}).filter(
      ([, [start, end]]) => start <= line && line <= end,
    );
    const shortest = Math.min(...around.map(([, [start, end]]) => end - start));
    return around.filter(([, [start, end]]) => end - start === shortest).map(([id]) => Number(id));
  }

  #distance(test, path) {
    if (test === testOf({ path })) return 0;
    return this.#named.get(test)?.includes(path) ? 1 : 2;
  }

  #width(test) {
    return Object.keys(this.#tests[test].files).length;
  }

  durationMs(tests) {
    return tests.reduce((sum, test) => sum + this.#tests[test].durationMs, 0);
  }

  /** Whether one of the tests starts processes from the package that Jest's global set-up builds. */
  needsBuild(tests) {
    return tests.some((test) => this.#texts.get(test).includes('current-build'));
  }
}

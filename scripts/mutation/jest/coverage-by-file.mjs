// Jest's reporter: writes which statements of which sources each test file ran, at their places in the sources.
import { writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { relative } from 'node:path';

export default class CoverageByFile {
  #root;
  #output;
  #tests = {};
  /** By source: the lines of its statements, which are the same in each test file. */
  #statements = {};

  constructor({ rootDir }, { output }) {
    this.#root = rootDir;
    this.#output = output;
  }

  onTestFileResult({ path }, { coverage, numFailingTests, testExecError, perfStats }) {
    const files = {};
    for (const [file, covered] of Object.entries(coverage ?? {})) {
      const source = relative(this.#root, file);
      this.#statements[source] ??= statementLines(covered);
      const ran = Object.keys(covered.s).filter((id) => covered.s[id] > 0);
      if (ran.length > 0) files[source] = ran.map(Number);
    }
    this.#tests[relative(this.#root, path)] = {
      files,
      failed: numFailingTests > 0 || testExecError !== undefined,
      durationMs: perfStats.runtime,
    };
  }

  onRunComplete() {
    writeFileSync(this.#output, JSON.stringify({ tests: this.#tests, statements: this.#statements }));
  }
}

/** By statement: its first and last line in the source. What ran is the compiled text, with other lines. */
function statementLines({ statementMap, inputSourceMap }) {
  const map = inputSourceMap && new SourceMap(inputSourceMap);
  const lineOf = ({ line, column }) => {
    const { originalLine } = map?.findEntry(line - 1, column) ?? {};
    return originalLine === undefined ? line : originalLine + 1;
  };
  const lines = {};
  for (const [id, { start, end }] of Object.entries(statementMap)) lines[id] = [lineOf(start), lineOf(end)];
  return lines;
}

import { describe, expect, test } from '@jest/globals';
import { codeBlocks, documents, readDocument } from './markdown.js';
import { TypeProgram } from './type-program.js';

const EXTENSIONS = new Map([
  ['ts', 'mts'],
  ['js', 'mjs'],
]);

/** Every block as a file of its own, its lines numbered as in its document. */
function blocksAsFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const path of documents()) {
    for (const { language, code, line } of codeBlocks(readDocument(path), [...EXTENSIONS.keys()])) {
      const name = `${path}.line-${line}.${EXTENSIONS.get(language)}`;
      files.set(name, `${'\n'.repeat(line - 1)}${code}\nexport {};\n`);
    }
  }
  return files;
}

const WRONG = "import { AsyncOrchestrator } from 'tutti';\nnew AsyncOrchestrator({ maxConcurent: 3 });\n";

describe('the documents', () => {
  test('hold only code that compiles against the sources', () => {
    const files = blocksAsFiles();
    expect(files.size).toBeGreaterThan(5);
    // One that does not compile is put among them: were it not found, nothing would be.
    const problems = TypeProgram.ofTexts(files.set('wrong.mts', WRONG)).problems();
    expect(problems.filter((problem) => !problem.startsWith('wrong.mts'))).toEqual([]);
    expect(problems).toEqual([expect.stringContaining('wrong.mts:2')]);
  }, 30_000);
});

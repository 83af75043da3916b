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

describe('the documents', () => {
  test('hold only code that compiles against the sources', () => {
    const files = blocksAsFiles();
    expect(files.size).toBeGreaterThan(5);
    expect(new TypeProgram([], files).problems()).toEqual([]);
  }, 30_000);

  test('would be told of code that does not compile', () => {
    const wrong = "import { AsyncOrchestrator } from 'tutti';\nnew AsyncOrchestrator({ maxConcurent: 3 });\n";
    expect(new TypeProgram([], new Map([['wrong.mts', wrong]])).problems()).toEqual([
      expect.stringContaining('wrong.mts:2'),
    ]);
  }, 30_000);
});

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { findingsOfCompiler } from '../processes/compiler.js';
import { inBuild } from '../processes/current-build.js';
import { codeBlocks, documents, REPOSITORY, readDocument } from './markdown.js';

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

/** Where the files lie: beside the packages, and `tutti` is the sources. */
const CONFIG = {
  extends: join(REPOSITORY, 'tsconfig.json'),
  compilerOptions: {
    // What a reader copies need not use every name, and the libraries' own types are checked elsewhere.
    noUnusedLocals: false,
    noUnusedParameters: false,
    allowJs: true,
    skipLibCheck: true,
    paths: { tutti: [join(REPOSITORY, 'src/index.ts')], 'tutti/*': [join(REPOSITORY, 'src/*/index.ts')] },
  },
  include: ['**/*'],
  exclude: [],
};

/** What is wrong with these files, one line each. */
async function problemsOf(files: ReadonlyMap<string, string>): Promise<string[]> {
  const folder = await mkdtemp(inBuild('documents-'));
  for (const [name, text] of [...files, ['tsconfig.json', JSON.stringify(CONFIG)]] as const) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return await findingsOfCompiler(folder, '-p', '.', '--noEmit');
}

const WRONG = "import { AsyncOrchestrator } from 'tutti';\nnew AsyncOrchestrator({ maxConcurent: 3 });\n";

describe('the documents', () => {
  test('hold only code that compiles against the sources', async () => {
    const files = blocksAsFiles();
    expect(files.size).toBeGreaterThan(5);
    // Two that do not compile are put among them: were they not found, nothing would be.
    files.set('wrong.mts', WRONG).set('docs/guides/worse.md.line-2.mts', WRONG);
    const problems = await problemsOf(files);
    expect(problems.filter((problem) => !/^\S*(wrong|worse)\./.test(problem))).toEqual([]);
    expect(problems).toEqual([
      expect.stringContaining('docs/guides/worse.md.line-2.mts(2,25)'),
      expect.stringContaining('wrong.mts(2,25)'),
    ]);
  }, 30_000);
});

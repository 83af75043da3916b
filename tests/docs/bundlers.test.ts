import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ModelServer, startModelServer } from '../../src/testing/index.js';
import { inBuild } from '../processes/current-build.js';
import { codeBlocks, readDocument } from './markdown.js';

const run = promisify(execFile);
const GUIDE = 'docs/guides/bundlers-and-runtimes.md';

/** The commands of the guide, each with its comment. */
const [block] = codeBlocks(readDocument(GUIDE), ['sh']);
const commands = (block?.code ?? '')
  .replaceAll('\\\n', '')
  .split('\n\n')
  .map((text) => text.trim().split('\n'))
  .map(([comment = '', command = '']) => [comment.replace('# ', ''), command] as const);

const PROGRAM = `
  import { AsyncOrchestrator } from 'tutti';
  import { openai } from 'tutti/providers';
  async function main() {
    const { SERVER, FOLDER } = process.env;
    const orchestrator = new AsyncOrchestrator({
      agents: { model: openai({ model: 'gpt-4.1-mini', baseURL: SERVER }) },
      cache: { directory: FOLDER, secret: 'a secret of 16 bytes' },
    });
    const { output, cached } = await orchestrator.execute('model', 'hello');
    console.log(output, cached);
    await orchestrator.close();
  }
  main();`;

let folder: string;
let server: ModelServer;
beforeAll(async () => {
  // Inside the package, so that it is found by its own name, and the optional packages beside it.
  folder = await mkdtemp(inBuild('bundled-'));
  server = await startModelServer({ text: 'hi' });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

describe(GUIDE, () => {
  test('has commands for a CommonJS bundle, an ES module and own code alone', () => {
    expect(commands).toHaveLength(3);
  });

  test.each(commands)(
    'makes a bundle that keeps answers on disk and calls a model: %s',
    async (_name, command) => {
      const cwd = await mkdtemp(join(folder, 'bundle-'));
      await writeFile(join(cwd, 'main.mjs'), PROGRAM);
      const env = { PATH: process.env.PATH, SERVER: server.openaiURL, FOLDER: join(cwd, 'answers') };
      await run('sh', ['-c', command.replace('npx esbuild', inBuild('node_modules/.bin/esbuild'))], {
        cwd,
        env,
      });
      const bundle = /--outfile=(\S+)/.exec(command)?.[1] as string;
      const first = await run(process.execPath, [bundle], { cwd, env });
      const second = await run(process.execPath, [bundle], { cwd, env });
      expect([first.stdout, second.stdout]).toEqual(['hi false\n', 'hi disk\n']);
    },
  );
});

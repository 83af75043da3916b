import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { type Installation, installPackage, runNode } from './install-package.js';

// The packages that are optional are not installed here, nor beside the bundles.
let installed: Installation;

beforeAll(async () => {
  installed = await installPackage();
}, 60_000);

afterAll(() => installed.remove());

const IMPORTS = `
  import { AsyncOrchestrator } from 'tutti';
  import { anthropic, command, openai } from 'tutti/providers';`;

const PROGRAM_AGENT = `${IMPORTS}
  const orchestrator = new AsyncOrchestrator({ agents: { shout: command({ file: 'tr', args: ['a-z', 'A-Z'] }) } });
  orchestrator.execute('shout', 'hi').then(async ({ output }) => {
    console.log(output.trim());
    await orchestrator.close();
  });`;

const MODELS = `${IMPORTS}
  const orchestrator = new AsyncOrchestrator({
    agents: {
      claude: anthropic({ model: 'claude-sonnet-4-5', apiKey: 'key' }),
      gpt: openai({ model: 'gpt-5', apiKey: 'key' }),
    },
    maxRetries: 0,
  });
  orchestrator.executeMultiple([['claude', 'hi'], ['gpt', 'hi']]).then(async (results) => {
    for (const { error } of results) console.log(error.code, error.message);
    await orchestrator.close();
  });`;

/** Makes one file of a program, and returns what it prints. */
async function bundleAndRun(program: string, format: 'esm' | 'cjs'): Promise<string[]> {
  const source = join(installed.folder, `program-${format}.mjs`);
  await writeFile(source, program);
  const bundle = `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`;
  await build({
    entryPoints: [source],
    outfile: join(installed.folder, bundle),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format,
    logLevel: 'silent',
  });
  const { stdout } = await runNode(installed.folder, bundle);
  return stdout.trim().split('\n');
}

describe('a bundle by esbuild without the optional packages', () => {
  test.each(['esm', 'cjs'] as const)(
    'is made, and runs, in the format %s',
    async (format) => {
      expect(await bundleAndRun(PROGRAM_AGENT, format)).toEqual(['HI']);
    },
    30_000,
  );

  test('says what to install where it is needed', async () => {
    expect(await bundleAndRun(MODELS, 'cjs')).toEqual([
      expect.stringMatching(/^TUTTI_MISSING_PACKAGE .*npm install @anthropic-ai\/sdk/),
      expect.stringMatching(/^TUTTI_MISSING_PACKAGE .*npm install openai@6/),
    ]);
  }, 30_000);
});

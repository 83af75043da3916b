import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { VARIABLES } from '../../src/runtime/environment.js';
import { loadConfig } from '../../src/runtime/index.js';
import { tuttiConfigSchema } from '../../src/runtime/tutti-config.js';
import { inBuild } from '../processes/current-build.js';
import { codeBlocks, readDocument } from './markdown.js';

// Through a variable, since the type check does not cover plain JavaScript.
const script = '../../scripts/configuration.mjs';
const { configurationText } = (await import(script)) as { configurationText(code: object): string };

describe('docs/reference/configuration.md', () => {
  test('is what the schemas and the table of variables make of it; npm run docs:configuration writes it', () => {
    const text = configurationText({ schema: tuttiConfigSchema(), variables: VARIABLES });
    expect(text).toContain(
      '| `maxConcurrent` | `10` | `TUTTI_MAX_CONCURRENT`, `MAX_CONCURRENT_OPERATIONS` |',
    );
    expect(readDocument('docs/reference/configuration.md')).toBe(text);
  });
});

describe('docs/guides/configuration.md', () => {
  const guide = readDocument('docs/guides/configuration.md');

  test('has an example of an .env file that can be loaded, with every variable of its own names', async () => {
    const [{ code } = { code: '' }] = codeBlocks(guide, ['sh']).filter((block) =>
      block.code.includes('TUTTI_'),
    );
    const pairs = [...code.matchAll(/^#? ?(TUTTI_\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]);
    expect(pairs.map(([name]) => name).sort()).toEqual(VARIABLES.map(({ name }) => name).sort());
    const config = await loadConfig({
      path: false,
      env: Object.fromEntries(pairs) as Record<string, string>,
    });
    expect(config.maxConcurrent).toBe(20);
  });

  test('has an example of a JSON file that can be loaded', async () => {
    const [{ code } = { code: '{}' }] = codeBlocks(guide, ['json']);
    const path = inBuild('configuration-of-the-guide.json');
    await writeFile(path, code);
    expect(await loadConfig({ path, env: {} })).toEqual(JSON.parse(code));
  });
});

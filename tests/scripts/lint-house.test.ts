import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';

const rules = new URL('../../scripts/house/rules.mjs', import.meta.url).href;
const { checkHouse } = (await import(rules)) as { checkHouse: (root: string) => Record<string, string[]> };
const folders: string[] = [];

afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** What breaks a rule in a house of these files. */
async function findings(files: Record<string, string>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-house-'));
  folders.push(folder);
  for (const [name, text] of Object.entries({ 'src/index.ts': '', 'tests/a.test.ts': '', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return Object.values(checkHouse(folder)).flat();
}

const covers = (...paths: string[]): Record<string, string> => ({
  'tests/a.test.ts': paths.map((path) => `// Covers: ${path}\n`).join(''),
});

describe('the rules of the house', () => {
  test('find nothing in a house that is in order', async () => {
    const files = {
      'src/index.ts': "export { one } from './a/one.js';",
      'src/a/one.ts': 'export function one() { return 1; }',
      'tests/a/one.test.ts': '',
    };
    expect(await findings(files)).toEqual([]);
  });

  test('one name is declared in one file', async () => {
    const files = {
      'src/a.ts': 'export const LIMIT = 1; export interface Shape { x: 1 }',
      'src/b.ts': 'export const LIMIT = 2; export type Shape = string; const hidden = 1;',
      'src/c.ts': "export { LIMIT } from './a.js'; const hidden = 2;",
    };
    expect(await findings(files)).toEqual([
      'LIMIT is exported by src/a.ts and src/b.ts',
      'Shape is exported by src/a.ts and src/b.ts',
    ]);
  });

  test.each([
    ['the same keys', 'export interface Pace { afterMs: 1; ratio: 2 }'],
    [
      'a name that means the same, and mostly the same keys',
      'export type HedgeSettings = { afterMs: 1; ratio: 2; x: 3 }',
    ],
  ])('no option type has a twin with %s', async (_what, twin) => {
    const files = { 'src/a.ts': 'export interface HedgeOptions { ratio?: 2; afterMs: 1 }', 'src/b.ts': twin };
    expect(await findings(files)).toEqual([
      expect.stringMatching(/both have (ratio, afterMs|afterMs, ratio)$/),
    ]);
    const other = { ...files, 'src/b.ts': 'export interface CallOptions { afterMs: 1; text: 2 }' };
    expect(await findings(other)).toEqual([]);
  });

  test.each([
    ['options.openMs ?? 30_000', 1],
    ['OPEN_MS ?? 1', 0],
    ['((({ openMs = 30_000 }) => openMs)(options))', 1],
    ['(function (openMs = OPEN_MS) { return openMs; })()', 1],
    ['options.openMs ?? later()', 0],
    ['options.closeMs ?? 30_000', 0],
  ])('a default stands in its schema alone: %s', async (expression, count) => {
    const files = {
      'src/schema.ts': 'export const schema = z.strictObject({ openMs: withDefault(z.number(), 30_000) });',
      'src/a.ts': `export const value = ${expression};`,
      ...covers('src/a.ts'),
    };
    expect(await findings(files)).toHaveLength(count);
  });

  test('a member of a class is used by others, or by users', async () => {
    const files = {
      'src/a.ts': 'export class Lane { used() {} idle() { return this.idle(); } #own() {} }',
      'src/b.ts': "import { Lane } from './a.js'; export const lane = new Lane(); lane.used();",
      ...covers('src/a.ts'),
    };
    expect(await findings(files)).toEqual(['src/a.ts:1: Lane.idle is not used']);
    expect(await findings({ ...files, 'src/index.ts': "export { Lane } from './a.js';" })).toEqual([]);
  });

  test('a source with a function in it has a test: of its name, that imports it, or that names it', async () => {
    const source = 'export function one() { return 1; }';
    const files = { 'src/a/one.ts': source, 'src/a/type.ts': 'export type Two = 2;' };
    expect(await findings(files)).toEqual([expect.stringContaining('src/a/one.ts: no test has its name')]);
    expect(await findings({ ...files, 'tests/a/one.test.ts': '' })).toEqual([]);
    const importing = "import { one } from '../src/a/one.js'; one();";
    expect(await findings({ ...files, 'tests/x.test.ts': importing })).toEqual([]);
    expect(await findings({ ...files, ...covers('src/a/type.ts, src/a/one.ts') })).toEqual([]);
    expect(await findings({ ...files, ...covers('src/a/one.ts', 'src/gone.ts') })).toEqual([
      'tests/a.test.ts says that it covers src/gone.ts, which is not there',
    ]);
  });

  test('a test file has at most 600 lines', async () => {
    expect(await findings({ 'tests/long.test.ts': '\n// x'.repeat(600) })).toEqual([
      'tests/long.test.ts has 601 lines; at most 600',
    ]);
    expect(await findings({ 'tests/long.test.ts': '// x\n'.repeat(600) })).toEqual([]);
  });
});

// Covers: src/runtime/config-file.ts, src/runtime/merged-config.ts, src/runtime/tutti-config.ts, src/runtime/hide-secrets.ts
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { withoutSecrets } from '../../src/errors/redact.js';
import { type ConfigError, defineConfig, loadConfig } from '../../src/runtime/index.js';
import { rejection } from '../behaviour/scripted-agents.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const json = (value: unknown) => folder.write('tutti.config.json', JSON.stringify(value, null, 2));
const failure = async (env: Record<string, string> = {}): Promise<ConfigError> =>
  (await rejection(loadConfig({ env }))) as ConfigError;

describe('loadConfig', () => {
  test('is empty where no source has anything', async () => {
    expect(await loadConfig({ env: { HOME: '/home/someone', TUTTI_CALL: 'a', TUTTI_CACHE: '' } })).toEqual(
      {},
    );
  });

  test('reads the JSON file of the working directory', async () => {
    await json({ maxConcurrent: 3, cache: { ttlMs: 5_000 }, retry: { factor: 3 } });
    expect(await loadConfig({ env: {} })).toEqual({
      maxConcurrent: 3,
      cache: { ttlMs: 5_000 },
      retry: { factor: 3 },
    });
  });

  test.each(['tutti.config.mjs', 'config/other.mjs'])(
    'imports %s, whose default may be a promise',
    async (name) => {
      const path = await folder.write(
        name,
        'export default Promise.resolve({ agents: { shout: (task) => task.toUpperCase() }, maxConcurrent: 4 });',
      );
      const config = await loadConfig({ env: {}, ...(name.startsWith('config') ? { path } : {}) });
      expect(config.maxConcurrent).toBe(4);
      expect(Object.keys(config.agents ?? {})).toEqual(['shout']);
    },
  );

  test('puts the environment over the file, setting by setting', async () => {
    await json({ maxConcurrent: 3, timeoutMs: 1_000, cache: { ttlMs: 1, maxEntries: 9 } });
    const env = { TUTTI_MAX_CONCURRENT: '7', CACHE_DEFAULT_TTL: '60' };
    expect(await loadConfig({ env })).toEqual({
      maxConcurrent: 7,
      timeoutMs: 1_000,
      cache: { ttlMs: 60_000, maxEntries: 9 },
    });
  });

  test('reads no file with path: false, and the named one only', async () => {
    await json({ maxConcurrent: 3 });
    expect(await loadConfig({ path: false, env: {} })).toEqual({});
    const path = await folder.write('other.json', '\uFEFF{ "maxRetries": 0 }');
    expect(await loadConfig({ path, env: {} })).toEqual({ maxRetries: 0 });
  });

  test.each([
    [
      { maxConcurrent: 0 },
      ':2',
      'maxConcurrent',
      'maxConcurrent: expected a whole number of at least 1; got 0.',
    ],
    [{ timeoutMs: 5, maxConcurent: 3 }, ':3', 'maxConcurent', 'Did you mean "maxConcurrent"?'],
    [{ cache: { directory: 'x', ttl: 3 } }, ':4', 'cache.ttl', 'Did you mean "ttlMs"?'],
    [{ cache: { ttlMs: 'long' } }, ':3', 'cache.ttlMs', 'got "long".'],
    [{ cache: 'yes' }, ':2', 'cache', 'expected true, false or an object of options'],
    [{ state: { paths: 'x' } }, ':3', 'state.paths', 'Did you mean "path"?'],
    [{ retry: { minDelayMs: 9, maxDelayMs: 1 } }, ':4', 'retry.maxDelayMs', 'expected at least minDelayMs'],
    [{ logLevel: 'loud' }, ':2', 'logLevel', 'expected "debug", "info", "warn", "error" or "silent"'],
  ])('names the line of the file for %j', async (config, line, field, text) => {
    const path = await json(config);
    const error = await failure();
    expect(error).toMatchObject({ code: 'TUTTI_CONFIG', source: `${path}${line}`, field });
    expect(error.message).toContain(`${path}${line}: `);
    expect(error.message).toContain(text);
  });

  test('names the file of a module', async () => {
    const path = await folder.write('tutti.config.mjs', 'export default { maxRetries: -1 };');
    expect(await failure()).toMatchObject({ source: path, field: 'maxRetries' });
  });

  test.each([
    ['tutti.config.json', '{\n "a": 1,,\n}', ':2', 'expected JSON'],
    ['tutti.config.json', '[]', '', 'expected a JSON object; got an array of 0'],
    ['tutti.config.mjs', 'export const config = {};', '', 'expected export default defineConfig'],
    ['tutti.config.mjs', 'throw new Error("at the start");', '', 'cannot be loaded: at the start'],
  ])('refuses %s with the content %j', async (name, text, line, problem) => {
    const path = await folder.write(name, text);
    const error = await failure();
    expect(error.source).toBe(`${path}${line}`);
    expect(error.message).toContain(problem);
  });

  test('refuses a named file that is missing, and two files in one folder', async () => {
    const path = join(folder.path, 'missing.json');
    expect(await rejection(loadConfig({ path, env: {} }))).toMatchObject({
      code: 'TUTTI_CONFIG',
      source: path,
    });
    await json({});
    await folder.write('tutti.config.mjs', 'export default {};');
    expect((await failure()).message).toContain('there is also tutti.config.json');
  });

  test.each([
    [{ path: 7 }, 'path'],
    [{ env: 'PATH' }, 'env'],
    [{ file: 'x' }, 'file'],
  ])('refuses the options %j', async (options, field) => {
    const error = await rejection(loadConfig(options as object));
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field });
  });
});

describe('secrets of a configuration', () => {
  const secret = 'correct-horse-battery';

  test.each(['from the file', 'from the environment'])('%s do not show', async (where) => {
    await json({
      cache: { ttlMs: 1, ...(where === 'from the file' ? { secret: [secret, 'x'.repeat(20)] } : {}) },
    });
    const env = where === 'from the file' ? {} : { TUTTI_CACHE_SECRET: secret };
    const config = await loadConfig({ env });
    const cache = config.cache as { secret: string | string[] };
    expect([cache.secret].flat()[0]).toBe(secret);
    for (const shown of [JSON.stringify(config), JSON.stringify(cache), inspect(config), inspect(cache)]) {
      expect(shown).not.toContain(secret);
      expect(shown).toContain('[hidden]');
    }
    // What another part says of it later does not show it either.
    expect(withoutSecrets(`refused ${secret}`)).toBe('refused [removed]');
  });

  test('of the wrong kind are not shown in the error', async () => {
    await json({ cache: { secret: { value: secret } } });
    const error = await failure();
    expect(error.message).toContain('cache.secret: expected a string or a list of strings; got an object.');
    expect(JSON.stringify(error)).not.toContain(secret);
  });
});

describe('defineConfig', () => {
  test('returns what it is given', () => {
    const config = { agents: { a: (task: string) => task }, maxConcurrent: 2 };
    expect(defineConfig(config)).toBe(config);
  });
});

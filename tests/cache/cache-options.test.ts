import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { resolveCacheDirectory } from '../../src/cache/cache-directory.js';
import { resolveCacheOptions } from '../../src/cache/cache-options.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';

describe('resolveCacheOptions', () => {
  test('fills in the defaults', () => {
    expect(resolveCacheOptions({})).toMatchObject({
      ttlMs: 86_400_000,
      maxSizeBytes: 104_857_600,
      maxMemoryBytes: 33_554_432,
      excludeAgents: [],
      eviction: 'lru',
      enabled: true,
      staleWhileRevalidateMs: 0,
      normalize: false,
    });
  });

  test('accepts the smallest and the largest values', () => {
    const smallest = { ttlMs: 0.001, maxSizeBytes: 1, maxMemoryBytes: 1, maxEntries: 1, tenant: 't' };
    expect(resolveCacheOptions(smallest)).toMatchObject(smallest);
    const largest = {
      ttlMs: 3_153_600_000_000,
      maxSizeBytes: Number.MAX_SAFE_INTEGER,
      staleWhileRevalidateMs: 2_147_483_647,
    };
    expect(resolveCacheOptions(largest)).toMatchObject(largest);
  });

  test.each<[string, object, string]>([
    ['an unknown option, with the nearest known one', { ttl: 5 }, 'ttlMs'],
    ['a misspelt option', { maxSizeByte: 5 }, 'Did you mean "maxSizeBytes"?'],
    ['a time to live of 0', { ttlMs: 0 }, 'ttlMs'],
    ['a negative time to live', { ttlMs: -1 }, 'ttlMs'],
    ['a time to live of NaN', { ttlMs: Number.NaN }, 'ttlMs'],
    ['an endless time to live', { ttlMs: Number.POSITIVE_INFINITY }, 'ttlMs'],
    ['more than a hundred years to live', { ttlMs: 3_153_600_000_001 }, 'ttlMs'],
    ['an empty root directory', { directory: '.x', rootDirectory: '' }, 'rootDirectory'],
    ['a size of 0', { maxSizeBytes: 0 }, 'maxSizeBytes'],
    ['a size of NaN', { maxMemoryBytes: Number.NaN }, 'maxMemoryBytes'],
    ['half an entry', { maxEntries: 0.5 }, 'maxEntries'],
    ['a negative stale time', { staleWhileRevalidateMs: -1 }, 'staleWhileRevalidateMs'],
    ['an eviction nobody knows', { eviction: 'random' }, 'eviction'],
    ['an exclusion that is none', { excludeAgents: [3] }, 'excludeAgents'],
    ['exclusions that are no list', { excludeAgents: 'agent' }, 'excludeAgents'],
    ['a short secret', { secret: 'short' }, 'secret'],
    ['an empty list of secrets', { secret: [] }, 'secret'],
    ['an empty directory', { directory: '' }, 'directory'],
    ['a store that is none', { store: {} }, 'store'],
    ['directory and store', { directory: '.x', store: new Map() }, 'directory or store'],
    ['a Redis tier', { redis: {} }, 'redis'],
    ['an empty tenant', { tenant: '' }, 'tenant'],
    ['a logger that is none', { logger: {} }, 'logger'],
    ['a clock that is none', { clock: Date }, 'clock'],
    ['an unknown normalisation', { normalize: { upper: true } }, 'normalize'],
    ['enabled that is no boolean', { enabled: 1 }, 'enabled'],
  ])('refuses %s', (_, options, text) => {
    const make = () => new ResponseCache(options);
    expect(make).toThrow(InvalidArgumentError);
    expect(make).toThrow(text);
  });
});

describe('new ResponseCache', () => {
  test('touches no file, even when a folder is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-'));
    try {
      const cache = new ResponseCache({ directory: join(folder, 'cache') });
      expect(cache.isPersistent).toBe(true);
      await cache.close();
      expect(readdirSync(folder)).toEqual([]);
      expect(existsSync(join(folder, 'cache'))).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('resolveCacheDirectory', () => {
  test('expands the home directory and takes the rest from the working directory', () => {
    expect(resolveCacheDirectory('~/.tutti', undefined)).toBe(join(homedir(), '.tutti'));
    expect(resolveCacheDirectory('~', undefined)).toBe(homedir());
    expect(resolveCacheDirectory('.tutti', undefined)).toBe(join(process.cwd(), '.tutti'));
    expect(resolveCacheDirectory('a~b', undefined)).toBe(join(process.cwd(), 'a~b'));
  });

  test.each(['/', '/etc', '/etc/tutti', '/usr/lib/tutti', '/proc/self', '/home/../etc', '/dev/shm'])(
    'refuses the system folder %s',
    (directory) => {
      expect(() => resolveCacheDirectory(directory, undefined)).toThrow(InvalidArgumentError);
    },
  );

  test('accepts what lies in the root and refuses what does not', () => {
    const root = join(tmpdir(), 'caches');
    for (const inside of ['', 'a', 'a/../b', '..a']) {
      expect(resolveCacheDirectory(join(root, inside), root)).toContain(root);
    }
    for (const outside of [`${root}_evil`, `${root}/..`, `${root}/../other`, tmpdir()]) {
      expect(() => resolveCacheDirectory(outside, root)).toThrow(/outside rootDirectory/);
    }
    expect(resolveCacheDirectory('~/caches/mine', '~/caches')).toBe(join(homedir(), 'caches/mine'));
  });
});

// Covers: src/cache/lower-reads.ts, src/cache/lower-tiers.ts, src/cache/open-lower-tiers.ts, src/cache/open-tiers.ts
// Covers: src/cache/touch-batcher.ts
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Keyv from 'keyv';
import type { ResponseCacheOptions } from '../../src/cache/cache-options.js';
import type { CacheHit } from '../../src/cache/cached-answer.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { openDatabase } from '../../src/sqlite/open-database.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const secret = 'a secret of enough bytes';
const ask = (task: string, agent = 'expert') => ({ agent, task });
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

let folder: string;
let open: ResponseCache[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-cache-'));
});

afterEach(async () => {
  await Promise.all(open.map((cache) => cache.close()));
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

function openCache(options: ResponseCacheOptions = {}): ResponseCache {
  const cache = new ResponseCache({ directory: folder, secret, ...options });
  open.push(cache);
  return cache;
}

async function onFile(sql: string, ...params: unknown[]): Promise<unknown[]> {
  const database = await openDatabase(join(folder, 'cache.db'));
  try {
    return await database.query(sql, params as never);
  } finally {
    await database.close();
  }
}

describe('ResponseCache on disk', () => {
  test('a second one on the same folder finds what the first stored, hit counts and tags included', async () => {
    const first = openCache();
    await first.set(ask('t'), { output: 'text', costUsd: 0.1, data: { a: 1 } }, { tags: ['docs'] });
    for (let count = 0; count < 3; count += 1) await first.get(ask('t'));
    await first.close();
    const second = openCache();
    expect(await second.get(ask('t'))).toMatchObject({
      output: 'text',
      data: { a: 1 },
      tier: 'disk',
      hits: 4,
    });
    expect(await second.get(ask('t'))).toMatchObject({ tier: 'memory', hits: 5 });
    expect(await second.stats()).toMatchObject({
      hits: 2,
      hitsByTier: { memory: 1, disk: 1 },
      entries: 1,
      memoryEntries: 1,
    });
    expect(await second.deleteByTag('docs')).toBe(1);
    expect(await second.get(ask('t'))).toBeUndefined();
    expect((await second.stats()).entries).toBe(0);
  });

  test('what is served from disk is frozen like what is served from memory', async () => {
    await openCache().set(ask('t'), { output: 'text', data: { list: [1] } });
    await open[0]?.close();
    const hit = (await openCache().get(ask('t'))) as CacheHit;
    expect(() => (hit.data as { list: number[] }).list.push(2)).toThrow(TypeError);
  });

  test('many requests are answered in order, from memory and disk', async () => {
    const first = openCache();
    for (const task of ['a', 'b', 'c']) await first.set(ask(task), { output: task });
    await first.close();
    const second = openCache();
    await second.get(ask('b'));
    const hits = await second.getMany([ask('c'), ask('x'), ask('b'), ask('a'), ask('a')]);
    expect(hits.map((hit) => hit && [hit.output, hit.tier])).toEqual([
      ['c', 'disk'],
      undefined,
      ['b', 'memory'],
      ['a', 'disk'],
      ['a', 'disk'],
    ]);
  });

  test('fifty requests at once for one answer on disk are fifty hits', async () => {
    await openCache().set(ask('t'), { output: 'text' });
    await open[0]?.close();
    const second = openCache();
    const compute = () => 'never';
    const values = await Promise.all(
      Array.from({ length: 50 }, () => second.getOrCompute(ask('t'), compute)),
    );
    expect(new Set(values.map(({ output, cached }) => `${output} ${cached}`))).toEqual(
      new Set(['text disk']),
    );
    expect(await second.stats()).toMatchObject({ hits: 50, misses: 0, sharedFlights: 0 });
  });

  test.each<[string, string]>([
    ['a changed answer', "UPDATE %T SET payload = replace(payload, 'text', 'lies')"],
    ['a cut off answer', 'UPDATE %T SET payload = substr(payload, 1, 10)'],
    ['a removed signature', "UPDATE %T SET signature = ''"],
    ['a longer life', 'UPDATE %T SET expiresAt = expiresAt + 1000000'],
    ['another agent', "UPDATE %T SET agent = 'other'"],
  ])('%s is a miss, counted, reported and removed', async (_, statement) => {
    await openCache().set(ask('t'), { output: 'text' });
    await open[0]?.close();
    await onFile(await fitToTable(statement));
    const cache = openCache();
    const heard: string[] = [];
    cache.observe((name) => heard.push(name));
    expect(await cache.get(ask('t'))).toBeUndefined();
    expect(heard).toContain('cache:reject');
    await cache.flush();
    expect(await cache.stats()).toMatchObject({ integrityFailures: 1, hits: 0, misses: 1, entries: 0 });
  });

  test('an answer copied over another is not served for it', async () => {
    const first = openCache();
    await first.set(ask('a'), { output: 'A' });
    await first.set(ask('b'), { output: 'B' });
    await first.close();
    const table = await tableName();
    await onFile(`DELETE FROM ${table} WHERE key = ?`, first.key(ask('b')));
    await onFile(`UPDATE ${table} SET key = ?`, first.key(ask('b')));
    const cache = openCache();
    expect(await cache.get(ask('b'))).toBeUndefined();
    expect((await cache.stats()).integrityFailures).toBe(1);
  });

  test('verify removes exactly the entries that were touched', async () => {
    const first = openCache();
    for (let index = 0; index < 20; index += 1)
      await first.set(ask(`${index}`), { output: `answer ${index}` });
    await first.close();
    const touched = [3, 7, 11].map((index) => `'${first.key(ask(`${index}`))}'`).join();
    await onFile(await fitToTable(`UPDATE %T SET payload = payload || ' ' WHERE key IN (${touched})`));
    const cache = openCache();
    expect(await cache.verify()).toEqual({ checked: 20, intact: 17, rejected: 3, skipped: 0 });
    await cache.flush();
    expect(await cache.verify()).toEqual({ checked: 17, intact: 17, rejected: 0, skipped: 0 });
    expect((await cache.stats()).integrityFailures).toBe(3);
  });

  test('secrets can be rotated: what the old one signed is served while it is listed', async () => {
    await openCache().set(ask('t'), { output: 'text' });
    await open[0]?.close();
    const rotated = openCache({ secret: ['a new secret of enough bytes', secret] });
    expect(await rotated.get(ask('t'))).toBeDefined();
    await rotated.close();
    const without = openCache({ secret: 'a new secret of enough bytes' });
    expect(await without.get(ask('t'))).toBeUndefined();
    expect((await without.stats()).integrityFailures).toBe(1);
  });

  test('an answer written while the old one is being read is not replaced by it', async () => {
    await openCache().set(ask('t'), { output: 'old' });
    await open[0]?.close();
    const cache = openCache();
    const reading = cache.get(ask('t'));
    await cache.set(ask('t'), { output: 'new' });
    await reading;
    expect((await cache.get(ask('t')))?.output).toBe('new');
  });

  test('an answer deleted while it is being read does not come back', async () => {
    await openCache().set(ask('t'), { output: 'old' });
    await open[0]?.close();
    const cache = openCache();
    const reading = cache.get(ask('t'));
    expect(await cache.delete(ask('t'))).toBe(true);
    await reading;
    expect(await cache.get(ask('t'))).toBeUndefined();
  });

  test('holds separate limits in memory and on disk', async () => {
    const cache = openCache({ maxMemoryBytes: 5_000, maxSizeBytes: 50_000 });
    for (let index = 0; index < 100; index += 1)
      await cache.set(ask(`${index}`), { output: 'x'.repeat(1_000) });
    await cache.flush();
    const stats = await cache.stats();
    expect(stats.memoryBytes).toBeLessThanOrEqual(5_000);
    expect(stats.sizeBytes).toBeLessThanOrEqual(50_000);
    expect(stats.memoryEntries).toBeLessThan(stats.entries);
    expect(await cache.get(ask('99'))).toMatchObject({ tier: 'memory' });
    expect(await cache.get(ask('70'))).toMatchObject({ tier: 'disk' });
  });

  test('an answer too large for memory is served from disk, one too large for both is not stored', async () => {
    const cache = openCache({ maxMemoryBytes: 1_000, maxSizeBytes: 10_000 });
    expect(await cache.set(ask('big'), { output: 'x'.repeat(2_000) })).toBe(true);
    expect(await cache.get(ask('big'))).toMatchObject({ tier: 'disk' });
    expect(await cache.set(ask('big'), { output: 'x'.repeat(20_000) })).toBe(false);
    expect(await cache.get(ask('big'))).toBeUndefined();
  });

  test('an expired answer stays expired in the next process', async () => {
    const clock = new FakeClock();
    const first = openCache({ clock, ttlMs: 1_000 });
    await first.set(ask('t'), { output: 'text' });
    await first.flush();
    await first.close();
    const later = openCache({ clock: new FakeClock(clock.epochMs() + 1_000) });
    expect(await later.get(ask('t'))).toBeUndefined();
  });

  test('touches nothing else in its folder', async () => {
    writeFileSync(join(folder, 'package.json'), '{"name":"mine"}');
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub', 'tsconfig.json'), '{}');
    const cache = openCache({ maxEntries: 2 });
    for (const task of ['a', 'b', 'c']) await cache.set(ask(task), { output: task });
    await cache.flush();
    await cache.verify();
    await cache.clear();
    await cache.close();
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe('{"name":"mine"}');
    expect(readFileSync(join(folder, 'sub', 'tsconfig.json'), 'utf8')).toBe('{}');
    expect(statSync(join(folder, 'cache.db')).mode & 0o777).toBe(0o600);
  });

  test('excluded agents and a cache that is off open no file', async () => {
    const excluded = openCache({ excludeAgents: ['expert'] });
    await excluded.set(ask('t'), { output: 'x' });
    await excluded.getOrCompute(ask('t'), () => 'x');
    const off = openCache({ enabled: false });
    await off.get(ask('t'));
    await settle();
    expect(() => statSync(join(folder, 'cache.db'))).toThrow();
  });
});

describe('ResponseCache on a file that breaks', () => {
  const everything = Array.from({ length: 300 }, (_, n) => `t${n}`);

  test.each([0, 3_616, 12_000])('loses nothing that it has served (pages damaged at %i)', async (offset) => {
    const before = openCache();
    for (const task of everything) await before.set(ask(task), { output: 'x'.repeat(3_000) + task });
    await before.close();
    const file = join(folder, 'cache.db');
    const bytes = readFileSync(file);
    for (let at = 16_384 + offset; at < bytes.length; at += 16_384) bytes.fill(7, at, at + 300);
    writeFileSync(file, bytes);
    const during = openCache();
    for (const task of everything) {
      const value = await during.getOrCompute(ask(task), () => 'x'.repeat(3_000) + task);
      expect(value.output.endsWith(`x${task}`)).toBe(true);
    }
    await during.flush();
    await during.close();
    const after = openCache();
    const found = await after.getMany(everything.map((task) => ask(task)));
    expect(found.filter((hit) => hit === undefined)).toEqual([]);
  });
});

describe('ResponseCache on a Keyv store', () => {
  const broken = (failing: 'rejects' | 'hangs') => {
    let calls = 0;
    const fail = () => {
      calls += 1;
      return failing === 'hangs' ? new Promise<never>(() => {}) : Promise.reject(new Error('store is down'));
    };
    return { store: { get: fail, set: fail, delete: fail }, calls: () => calls };
  };

  test('keeps answers there, found by the next cache, and does not close it', async () => {
    const data = new Map();
    const first = new ResponseCache({ store: new Keyv({ store: data }), secret });
    await first.set(ask('t'), { output: 'text' });
    await first.close();
    const second = new ResponseCache({ store: new Keyv({ store: data }), secret });
    expect(await second.get(ask('t'))).toMatchObject({ output: 'text', tier: 'disk' });
    await second.close();
    expect(data.size).toBe(1);
  });

  test('a store that fails costs no call, is reported once and left alone for a while', async () => {
    const { store, calls } = broken('rejects');
    const cache = new ResponseCache({ store, secret });
    const heard: unknown[] = [];
    cache.observe((name, payload) => name === 'cache:error' && heard.push(payload));
    for (let count = 0; count < 20; count += 1) {
      expect((await cache.getOrCompute(ask(`${count}`), () => 'fine')).output).toBe('fine');
      expect((await cache.get(ask(`${count}`)))?.tier).toBe('memory');
    }
    expect(heard).toHaveLength(1);
    await cache.close();
    expect(heard).toEqual([
      expect.anything(),
      expect.objectContaining({ operation: 'close', message: expect.stringContaining('20 answers') }),
    ]);
    const { storeErrors } = await cache.stats();
    expect(storeErrors).toBeGreaterThan(0);
    expect(calls()).toBeLessThan(10);
  });

  test('a store that hangs delays a call only until its time is over', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ store: broken('hangs').store, secret, clock });
    const call = cache.getOrCompute(ask('t'), () => 'fine');
    await clock.advance(1_000);
    expect((await call).output).toBe('fine');
    expect((await cache.getOrCompute(ask('other'), () => 'fine')).output).toBe('fine');
  });

  test('what was deleted while the store was down is not served when it is back', async () => {
    const clock = new FakeClock();
    const data = new Map<string, unknown>();
    let isDown = false;
    const answer = <T>(give: () => T) =>
      isDown ? Promise.reject(new Error('down')) : Promise.resolve(give());
    const store = {
      get: (key: string) => answer(() => data.get(key)),
      set: (key: string, value: unknown) => answer(() => data.set(key, value)),
      delete: (key: string) => answer(() => data.delete(key)),
    };
    const cache = new ResponseCache({ store, secret, clock });
    await cache.set(ask('t'), { output: 'old' });
    await cache.flush();
    isDown = true;
    await cache.delete(ask('t'));
    isDown = false;
    await clock.advance(120_000);
    expect(data.size).toBe(1);
    expect(await cache.get(ask('t'))).toBeUndefined();
    await cache.set(ask('t'), { output: 'new' });
    expect((await cache.get(ask('t')))?.output).toBe('new');
  });

  test('no storage call is made for an excluded agent', async () => {
    const { store, calls } = broken('rejects');
    const cache = new ResponseCache({ store, secret, excludeAgents: [/^expert$/g] });
    for (let count = 0; count < 3; count += 1) {
      await cache.set(ask('t'), { output: 'x' });
      await cache.get(ask('t'));
      await cache.getOrCompute(ask('t'), () => 'x');
    }
    expect(calls()).toBe(0);
  });
});

async function tableName(): Promise<string> {
  const [row] = (await onFile(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%signature%'",
  )) as Array<{ name: string }>;
  return row?.name as string;
}

async function fitToTable(statement: string): Promise<string> {
  const table = await tableName();
  const columns = (
    (await onFile(`SELECT name FROM pragma_table_info('${table}')`)) as Array<{ name: string }>
  ).map(({ name }) => name);
  // The columns are the disk tier's own business; only their meaning is known here.
  const named = (wanted: string) =>
    columns.find((column) => column.replace(/_/g, '').toLowerCase() === wanted.toLowerCase());
  return statement.replace('%T', table).replace(/expiresAt/g, named('expiresAt') ?? 'expiresAt');
}

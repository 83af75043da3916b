// Covers: src/cache/namespaces.ts, src/cache/namespace-limits.ts
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import Keyv from 'keyv';
import type { ResponseCacheOptions } from '../../src/cache/cache-options.js';
import { AgentAccount } from '../../src/cache/cache-stats.js';
import { cached } from '../../src/cache/cached.js';
import { createEvictionOrder } from '../../src/cache/eviction.js';
import { createNamespaceLimits } from '../../src/cache/namespace-limits.js';
import { Namespaces } from '../../src/cache/namespaces.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { MemoryTier } from '../../src/cache/tiers/memory-tier.js';
import { TierIndex } from '../../src/cache/tiers/tier-index.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const secret = 'a secret of enough bytes';
const ask = (agent: string, task: string | number) => ({ agent, task: String(task) });

let folder: string;
let open: ResponseCache[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-namespaces-'));
});
afterEach(async () => {
  await Promise.all(open.map((cache) => cache.close()));
  open = [];
  rmSync(folder, { recursive: true, force: true });
});

function openCache(options: ResponseCacheOptions): ResponseCache {
  const cache = new ResponseCache({ secret, ...options });
  open.push(cache);
  return cache;
}

/** Which of the tasks have an answer. */
async function stored(cache: ResponseCache, agent: string, tasks: readonly number[]): Promise<number[]> {
  const hits = await cache.getMany(tasks.map((task) => ask(agent, task)));
  return tasks.filter((_, index) => hits[index] !== undefined);
}

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

describe('the time to live of a namespace', () => {
  // What a service with many kinds of data asks for: seconds and entries.
  const KINDS: ReadonlyArray<readonly [name: string, seconds: number, maxEntries: number]> = [
    ['notion', 600, 1_000],
    ['agent', 300, 500],
    ['vector', 3_600, 10_000],
    ['api', 300, 1_000],
    ['mcp', 300, 1_000],
    ['workflow', 600, 500],
    ['config', 1_800, 100],
    ['user', 1_800, 5_000],
    ['session', 86_400, 10_000],
  ];
  const namespaces = Object.fromEntries(
    KINDS.map(([name, seconds, maxEntries]) => [name, { ttlMs: seconds * 1_000, maxEntries }]),
  );

  test.each<readonly [string, number, number]>([...KINDS, ['anything else', 300, 1_000]])(
    'applies to the answers of its agent: %s for %i s',
    async (agent: string, seconds: number, _maxEntries: number) => {
      const clock = new FakeClock();
      const cache = openCache({ namespaces, ttlMs: 300_000, clock });
      await cache.set(ask(agent, 1), { output: 'x' });
      await clock.advance(seconds * 1_000 - 1);
      expect(await stored(cache, agent, [1])).toEqual([1]);
      await clock.advance(1);
      expect(await stored(cache, agent, [1])).toEqual([]);
    },
  );

  test('gives way to the time that an answer is stored with', async () => {
    const clock = new FakeClock();
    const cache = openCache({ namespaces: { pages: { ttlMs: 1_000 } }, clock });
    await cache.set(ask('pages', 1), { output: 'x' }, { ttlMs: 5_000 });
    await clock.advance(4_999);
    expect(await stored(cache, 'pages', [1])).toEqual([1]);
  });

  test('applies to the cached function of its name', async () => {
    const clock = new FakeClock();
    const cache = openCache({ namespaces: { pages: { ttlMs: 1_000 } }, clock });
    let runs = 0;
    const load = cached(() => ++runs, { name: 'pages', cache });
    expect([await load(), await load()]).toEqual([1, 1]);
    await clock.advance(1_000);
    expect(await load()).toBe(2);
  });

  test('is what the advice on times compares with', async () => {
    const clock = new FakeClock();
    const cache = openCache({ namespaces: { pages: { ttlMs: 1_000 } }, clock });
    for (let round = 0; round < 25; round += 1) {
      await cache.getOrCompute(ask('pages', 1), () => 'x');
      await clock.advance(600);
    }
    expect(cache.ttlAdvice()).toEqual([expect.objectContaining({ agent: 'pages', currentTtlMs: 1_000 })]);
  });
});

describe('whose answers belong to a namespace', () => {
  test.each([
    ['live-1', 1],
    ['live-', 1],
    ['alive', undefined],
    ['docs', 2],
    ['cached:docs', 2],
    ['data:docs', 2],
    ['docs-2', undefined],
  ])('%s: the first namespace that names it', (agent, ttlMs) => {
    const namespaces = new Namespaces({ live: { ttlMs: 1, agents: ['live-*'] }, docs: { ttlMs: 2 } });
    expect([namespaces.of(agent)?.ttlMs, namespaces.of(agent)?.ttlMs]).toEqual([ttlMs, ttlMs]);
  });
});

describe('the limit of a namespace', () => {
  test.each(['lru', 'cost-aware'] as const)(
    'holds at every moment in memory, and takes no entry of another namespace: %s',
    (eviction) => {
      const step = fc.record({
        do: fc.constantFrom('set', 'set', 'get', 'delete', 'clear one'),
        key: fc.integer({ min: 0, max: 30 }),
      });
      const namespaces = new Namespaces({ a: { maxEntries: 3 }, b: { maxEntries: 1 }, free: { ttlMs: 5 } });
      const agents = ['a', 'b', 'free'] as const;
      const LIMITS = { a: 3, b: 1, free: 31 };
      fc.assert(
        fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
          const limits = createNamespaceLimits(namespaces, eviction);
          const memory = new MemoryTier({ maxSizeBytes: 1e9, maxEntries: 1e9, eviction, namespaces: limits });
          const free = new Set<string>();
          for (const { do: action, key: number } of steps) {
            const key = String(number);
            const agent = agents[number % 3] as (typeof agents)[number];
            if (action === 'get') memory.get(key, 0);
            else if (action === 'delete') memory.delete(key);
            else if (action === 'clear one') memory.deleteMatching({ agent });
            else memory.set(entryOf(key, agent), 0);
            if (action === 'set' && agent === 'free') free.add(key);
            if (action === 'delete') free.delete(key);
            if (action === 'clear one' && agent === 'free') free.clear();
            const held = [...memory.entries()];
            for (const name of agents) {
              expect(held.filter((one) => one.agent === name).length).toBeLessThanOrEqual(LIMITS[name]);
            }
            expect(new Set(held.filter((one) => one.agent === 'free').map((one) => one.key))).toEqual(free);
            if (action === 'set') expect(memory.peek(key)).toBeDefined();
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  test('evicts what was not used for longest, of its own entries only', async () => {
    const cache = openCache({ namespaces: { pages: { maxEntries: 2 } } });
    await cache.set(ask('other', 0), { output: 'x' });
    await cache.set(ask('pages', 1), { output: 'x' });
    await cache.set(ask('pages', 2), { output: 'x' });
    await cache.get(ask('pages', 1));
    await cache.set(ask('pages', 3), { output: 'x' });
    expect(await stored(cache, 'pages', [1, 2, 3])).toEqual([1, 3]);
    expect(await stored(cache, 'other', [0])).toEqual([0]);
    expect((await cache.stats()).evictions).toBe(1);
  });

  test('evicts no more than the limits of namespace and cache need', () => {
    const namespaces = createNamespaceLimits(new Namespaces({ a: { maxEntries: 2 } }), 'lru');
    const index = new TierIndex(createEvictionOrder('lru'), {
      maxSizeBytes: 400,
      maxEntries: 10,
      namespaces,
    });
    const put = (key: string, agent: string): string[] => {
      const gone = index.makeRoomFor({ key, agent, sizeBytes: 100 });
      index.put(key, { agent, sizeBytes: 100, costUsd: 0, hits: 0 });
      return gone;
    };
    expect([
      put('1', 'a'),
      put('2', 'b'),
      put('3', 'a'),
      put('4', 'a'),
      put('5', 'b'),
      put('6', 'b'),
    ]).toEqual([[], [], [], ['1'], [], ['2']]);
  });

  test.each(['disk', 'store'])('holds on %s too', async (where) => {
    const place = where === 'disk' ? { directory: folder } : { store: new Keyv() };
    const cache = openCache({ ...place, maxMemoryBytes: 1, namespaces: { pages: { maxEntries: 5 } } });
    await cache.set(ask('other', 0), { output: 'x' });
    for (const task of range(20)) {
      await cache.set(ask('pages', task), { output: 'x' });
      await cache.flush();
      expect((await cache.stats()).entries).toBe(1 + Math.min(task + 1, 5));
    }
    expect(await stored(cache, 'pages', range(20))).toEqual([15, 16, 17, 18, 19]);
    expect(await stored(cache, 'other', [0])).toEqual([0]);
  });

  test('a lower one applies to what an earlier process left on disk', async () => {
    const first = openCache({ directory: folder });
    for (const task of range(10)) await first.set(ask('pages', task), { output: 'x' });
    await first.set(ask('other', 0), { output: 'x' });
    await first.close();
    const second = openCache({
      directory: folder,
      maxMemoryBytes: 1,
      namespaces: { pages: { maxEntries: 4 } },
    });
    await second.get(ask('other', 0));
    await second.flush();
    expect((await second.stats()).entries).toBe(5);
    expect(await stored(second, 'other', [0])).toEqual([0]);
  });

  test('holds for two caches on one folder together', async () => {
    const options = { directory: folder, maxMemoryBytes: 1, namespaces: { pages: { maxEntries: 6 } } };
    const [a, b] = [openCache(options), openCache(options)];
    for (const task of range(20)) await (task % 2 === 0 ? a : b).set(ask('pages', task), { output: 'x' });
    await Promise.all([a.flush(), b.flush()]);
    await a.set(ask('pages', 20), { output: 'x' });
    await a.flush();
    expect((await a.stats()).entries).toBeLessThanOrEqual(6);
  });
});

test.each([
  [{ pages: { ttlMs: 0 } }, 'namespaces.pages.ttlMs'],
  [{ pages: { maxEntries: 1.5 } }, 'namespaces.pages.maxEntries'],
  [{ pages: { maxEntires: 1 } }, 'maxEntires'],
  [{ pages: { agents: 'live-*' } }, 'namespaces.pages.agents'],
  [{ pages: 600 }, 'namespaces.pages'],
  [['pages'], 'namespaces'],
])('refuses %j and names the field', (namespaces, field) => {
  const build = () => new ResponseCache({ namespaces: namespaces as never });
  expect(build).toThrow(InvalidArgumentError);
  expect(build).toThrow(field);
});

function entryOf(key: string, agent: string) {
  const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
  const times = { createdAt: 0, expiresAt: 1_000, staleUntil: 1_000, usedAt: 0 };
  const answer = { output: key, usage, costUsd: 0.01 };
  return { key, agent, tags: [], answer, ...times, sizeBytes: 100, account: new AgentAccount(), hits: 0 };
}

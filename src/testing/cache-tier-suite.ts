import assert from 'node:assert/strict';
import type { StoredEntry } from '../cache/cache-entry.js';
import { entrySizeBytes, FORMAT_VERSION } from '../cache/cache-entry.js';
import type { EvictionKind } from '../cache/eviction.js';
import type { CacheTier } from '../cache/tiers/cache-tier.js';
import { FakeClock } from './fake-clock.js';

/** What a tier under test is asked to be. */
export interface TierSettings {
  /** Maximum bytes. */
  maxSizeBytes: number;
  /** Maximum entries; no limit if absent. */
  maxEntries?: number | undefined;
  /** Which entry is evicted first. */
  eviction: EvictionKind;
  /** Time stands still unless the test moves it. */
  clock: FakeClock;
}

/** Makes tiers for the suite. */
export interface TierMaker {
  /** An empty tier over a place of its own. */
  make(settings: TierSettings): Promise<CacheTier>;
  /** Another tier over the same place, as the next process would open it; absent where nothing outlives the tier. */
  reopen?(tier: CacheTier, settings: TierSettings): Promise<CacheTier>;
  /** Whether a reopened tier knows what is there before it is asked for it: sizes, lists, agents, tags. */
  knowsAfterReopen?: boolean | undefined;
}

/** One behaviour that every tier has to show. */
export interface TierTest {
  /** What is shown. */
  readonly name: string;
  /** Shows it, or rejects. */
  run(): Promise<void>;
}

type Overrides = Partial<Omit<StoredEntry, 'key'>>;

const AMPLE_BYTES = 50_000_000;
const HOUR_MS = 3_600_000;

/** An entry for tests; its signature is made up, as tiers do not look at it. */
export function tierEntry(clock: FakeClock, name: string, overrides: Overrides = {}): StoredEntry {
  const now = clock.epochMs();
  const entry = {
    key: Buffer.from(name).toString('hex').padStart(32, '0').slice(-32),
    agent: 'writer',
    tags: [],
    createdAt: now,
    expiresAt: now + HOUR_MS,
    staleUntil: now + HOUR_MS,
    payload: JSON.stringify({ output: name }),
    costUsd: 0,
    hits: 0,
    formatVersion: FORMAT_VERSION,
    keyId: 'abcdefabcdef',
    signature: 'a'.repeat(64),
    ...overrides,
  };
  return { sizeBytes: entrySizeBytes(entry), ...entry };
}

/** An entry of exactly this size. */
function entryOfSize(
  clock: FakeClock,
  name: string,
  sizeBytes: number,
  overrides: Overrides = {},
): StoredEntry {
  return tierEntry(clock, name, { ...overrides, payload: 'x'.repeat(sizeBytes - 32) });
}

const keysOf = (entries: readonly StoredEntry[]): string[] => entries.map(({ key }) => key);

async function list(tier: CacheTier): Promise<StoredEntry[]> {
  const all: StoredEntry[] = [];
  for await (const entry of tier.entries()) all.push(entry);
  return all;
}

/** Which of the entries are still there. */
async function present(tier: CacheTier, entries: readonly StoredEntry[]): Promise<string[]> {
  return (await tier.getMany(keysOf(entries))).flatMap((entry) => (entry === undefined ? [] : [entry.key]));
}

/** What the tier says it holds is what can be listed. */
async function assertSizeIsTrue(tier: CacheTier): Promise<void> {
  const size = await tier.size();
  const all = await list(tier);
  const sizeBytes = all.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  assert.deepEqual({ ...size }, { entries: all.length, sizeBytes });
}

/** The same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

type Body = (tier: CacheTier, clock: FakeClock, settings: TierSettings) => Promise<void>;

/**
 * What every {@link CacheTier} has to do, as tests for any framework:
 * `for (const { name, run } of cacheTierSuite(maker)) test(name, run);`
 */
export function cacheTierSuite(maker: TierMaker): TierTest[] {
  const on = (name: string, body: Body, asked: Partial<TierSettings> = {}): TierTest => ({
    name,
    run: async () => {
      const clock = new FakeClock();
      const settings: TierSettings = { maxSizeBytes: AMPLE_BYTES, eviction: 'lru', clock, ...asked };
      const tier = await maker.make(settings);
      try {
        await body(tier, clock, settings);
      } finally {
        await tier.close();
      }
    },
  });
  return [
    ...basics(on),
    ...deletions(on),
    ...limits(on),
    ...times(on),
    ...closings(on),
    ...reopenings(on, maker),
  ];
}

type Make = (name: string, body: Body, asked?: Partial<TierSettings>) => TierTest;

function basics(on: Make): TierTest[] {
  return [
    on(
      'gives back what was set, in the order of the keys, undefined where there is nothing',
      async (tier, clock) => {
        const [a, b] = [
          tierEntry(clock, 'a', { tags: ['x', 'y'], costUsd: 0.1 + 0.2 }),
          tierEntry(clock, 'b'),
        ];
        await tier.set(a);
        await tier.set(b);
        assert.deepEqual(await tier.getMany([b.key, 'ff'.repeat(16), a.key, b.key]), [b, undefined, a, b]);
        await tier.flush();
        assert.deepEqual(await tier.getMany([b.key, 'ff'.repeat(16), a.key, b.key]), [b, undefined, a, b]);
        assert.deepEqual(await tier.getMany([]), []);
      },
    ),
    on('replaces an entry, and counts it once', async (tier, clock) => {
      const [first, second] = [1_000, 300].map((bytes) => entryOfSize(clock, 'a', bytes));
      for (const entry of [first, second, first] as StoredEntry[]) {
        await tier.set(entry);
        assert.deepEqual(await tier.getMany([entry.key]), [entry]);
        await tier.flush();
        assert.deepEqual(await tier.getMany([entry.key]), [entry]);
        assert.deepEqual({ ...(await tier.size()) }, { entries: 1, sizeBytes: entry.sizeBytes });
      }
    }),
    on('keeps the last of many writes of one key that were not awaited', async (tier, clock) => {
      const writes = Array.from({ length: 200 }, async (_, i) =>
        tier.set(tierEntry(clock, 'a', { payload: String(i) })),
      );
      await Promise.all(writes);
      await tier.flush();
      const [found] = await tier.getMany([tierEntry(clock, 'a').key]);
      assert.equal(found?.payload, '199');
    }),
    on('keeps every character of a payload, however long', async (tier, clock) => {
      // JSON writes a NUL as an escape, so no payload holds one as it is; node:sqlite of Node 22 would end there.
      const payloads = [
        '',
        JSON.stringify('\u0000'),
        'ünï 💥 \ufffd',
        '"\\\n',
        "'; DROP TABLE x; --",
        'é'.repeat(1_000_000),
      ];
      const entries = payloads.map((payload, i) => tierEntry(clock, `p${i}`, { payload }));
      for (const entry of entries) await tier.set(entry);
      await tier.flush();
      assert.deepEqual(await tier.getMany(keysOf(entries)), entries);
    }),
    on('takes names that objects have by themselves', async (tier, clock) => {
      const names = ['__proto__', 'constructor', 'hasOwnProperty'];
      const entries = names.map((name) => ({
        ...tierEntry(clock, name, { agent: name, tags: [name] }),
        key: name,
      }));
      for (const entry of entries) await tier.set(entry);
      await tier.flush();
      assert.deepEqual(await tier.getMany(names), entries);
      assert.equal(await tier.deleteMatching({ agent: '__proto__' }), 1);
      assert.equal(await tier.deleteMatching({ tag: 'constructor' }), 1);
      assert.deepEqual(await present(tier, entries), ['hasOwnProperty']);
    }),
    on('answers many reads at once', async (tier, clock) => {
      const entries = Array.from({ length: 500 }, (_, i) => tierEntry(clock, `n${i}`));
      await Promise.all(entries.map(async (entry) => tier.set(entry)));
      await tier.flush();
      const found = await Promise.all(entries.map(({ key }) => tier.getMany([key])));
      assert.deepEqual(found.flat(), entries);
    }),
    on('lists every entry once', async (tier, clock) => {
      const entries = Array.from({ length: 450 }, (_, i) => tierEntry(clock, `l${i}`));
      await Promise.all(entries.map(async (entry) => tier.set(entry)));
      assert.deepEqual(keysOf(await list(tier)).sort(), keysOf(entries).sort());
    }),
    on('notes uses', async (tier, clock) => {
      const entry = tierEntry(clock, 'a');
      await tier.set(entry);
      tier.touch(entry.key, 3);
      assert.equal((await tier.getMany([entry.key]))[0]?.hits, 3);
      await tier.flush();
      tier.touch(entry.key, 5);
      assert.equal((await tier.getMany([entry.key]))[0]?.hits, 5);
      tier.touch('ff'.repeat(16), 1);
      await tier.flush();
      assert.equal((await tier.size()).entries, 1);
    }),
  ];
}

function deletions(on: Make): TierTest[] {
  return [
    on('deletes an entry, written or not, and says whether there was one', async (tier, clock) => {
      const entry = tierEntry(clock, 'a');
      assert.equal(await tier.delete(entry.key), false);
      await tier.set(entry);
      assert.equal(await tier.delete(entry.key), true);
      await tier.set(entry);
      await tier.flush();
      assert.equal(await tier.delete(entry.key), true);
      assert.equal(await tier.delete(entry.key), false);
      assert.deepEqual(await tier.getMany([entry.key]), [undefined]);
      assert.deepEqual({ ...(await tier.size()) }, { entries: 0, sizeBytes: 0 });
    }),
    on('keeps an entry that is set again right after it was deleted', async (tier, clock) => {
      const entry = tierEntry(clock, 'a');
      await tier.set(entry);
      const gone = tier.delete(entry.key);
      const again = tier.set(entry);
      assert.equal(await gone, true);
      await again;
      await tier.flush();
      assert.deepEqual(await tier.getMany([entry.key]), [entry]);
    }),
    on('deletes by agent, exactly', async (tier, clock) => {
      const agents = ['a', 'A', 'a_', 'ab', '%', 'a', '__proto__'];
      const entries = agents.map((agent, i) => tierEntry(clock, `e${i}`, { agent }));
      for (const entry of entries) await tier.set(entry);
      assert.equal(await tier.deleteMatching({ agent: 'a' }), 2);
      assert.equal(await tier.deleteMatching({ agent: 'a' }), 0);
      assert.deepEqual(await present(tier, entries), keysOf(entries.filter(({ agent }) => agent !== 'a')));
      await assertSizeIsTrue(tier);
    }),
    on('deletes by tag, exactly', async (tier, clock) => {
      const tags = [
        ['docs'],
        ['doc', 'x'],
        ['x', 'docs'],
        ['"docs"'],
        ['x,"docs', 'y'],
        [','],
        ['a,', 'b'],
        ['DOCS'],
        [],
      ];
      const entries = tags.map((list, i) => tierEntry(clock, `e${i}`, { tags: list }));
      for (const entry of entries) await tier.set(entry);
      await tier.flush();
      assert.equal(await tier.deleteMatching({ tag: 'docs' }), 2);
      assert.equal(await tier.deleteMatching({ tag: ',' }), 1);
      assert.equal(await tier.deleteMatching({ tag: '"docs"' }), 1);
      assert.equal((await present(tier, entries)).length, 5);
      await assertSizeIsTrue(tier);
    }),
    on('deletes everything', async (tier, clock) => {
      for (let i = 0; i < 450; i++) await tier.set(tierEntry(clock, `e${i}`));
      assert.equal(await tier.deleteMatching('all'), 450);
      assert.deepEqual({ ...(await tier.size()) }, { entries: 0, sizeBytes: 0 });
      const entry = tierEntry(clock, 'after');
      await tier.set(entry);
      assert.deepEqual(await tier.getMany([entry.key]), [entry]);
    }),
    on('does not count deleted entries as evicted or expired', async (tier, clock) => {
      for (const name of ['a', 'b', 'c']) await tier.set(tierEntry(clock, name));
      await tier.delete(tierEntry(clock, 'a').key);
      await tier.deleteMatching('all');
      assert.deepEqual({ ...tier.counters() }, { evictions: 0, expirations: 0 });
    }),
  ];
}

function limits(on: Make): TierTest[] {
  return [
    on(
      'evicts one entry for one byte over, the one used longest ago',
      async (tier, clock) => {
        const entries = Array.from({ length: 10 }, (_, i) => entryOfSize(clock, `e${i}`, 100));
        for (const entry of entries) await tier.set(entry);
        tier.touch(entries[0]?.key as string, 1);
        await tier.set(entryOfSize(clock, 'more', 100));
        assert.deepEqual(await present(tier, entries), keysOf(entries.filter((_, i) => i !== 1)));
        assert.equal(tier.counters().evictions, 1);
        assert.deepEqual({ ...(await tier.size()) }, { entries: 10, sizeBytes: 1_000 });
      },
      { maxSizeBytes: 1_099 },
    ),
    on(
      'stores no entry larger than the limit, and throws nothing out for it',
      async (tier, clock) => {
        const small = entryOfSize(clock, 'small', 600);
        await tier.set(small);
        const large = entryOfSize(clock, 'large', 1_001);
        await tier.set(large);
        assert.deepEqual(await tier.getMany([small.key, large.key]), [small, undefined]);
        assert.deepEqual({ ...(await tier.size()) }, { entries: 1, sizeBytes: 600 });
        const exact = entryOfSize(clock, 'exact', 1_000);
        await tier.set(exact);
        assert.deepEqual(await tier.getMany([small.key, exact.key]), [undefined, exact]);
      },
      { maxSizeBytes: 1_000 },
    ),
    on(
      'does not serve the former answer once one too large to keep took its place',
      async (tier, clock) => {
        await tier.set(entryOfSize(clock, 'a', 500));
        await tier.flush();
        await tier.set(entryOfSize(clock, 'a', 5_000));
        assert.deepEqual(await tier.getMany([tierEntry(clock, 'a').key]), [undefined]);
        assert.deepEqual({ ...(await tier.size()) }, { entries: 0, sizeBytes: 0 });
      },
      { maxSizeBytes: 1_000 },
    ),
    on(
      'holds no more entries than it may',
      async (tier, clock) => {
        for (let i = 0; i < 25; i++) {
          await tier.set(tierEntry(clock, `e${i}`));
          assert.ok((await tier.size()).entries <= 10);
        }
        assert.equal((await tier.size()).entries, 10);
        assert.equal(tier.counters().evictions, 15);
        await tier.set(tierEntry(clock, 'e24'));
        assert.equal((await tier.size()).entries, 10);
      },
      { maxEntries: 10 },
    ),
    on(
      'keeps what is expensive before what is cheap, when it is asked to',
      async (tier, clock) => {
        const dear = entryOfSize(clock, 'dear', 100, { costUsd: 1 });
        const cheap = entryOfSize(clock, 'cheap', 100, { costUsd: 0.001 });
        await tier.set(dear);
        await tier.set(cheap);
        const next = entryOfSize(clock, 'next', 100, { costUsd: 0.01 });
        await tier.set(next);
        assert.deepEqual(await present(tier, [dear, cheap, next]), keysOf([dear, next]));
      },
      { maxSizeBytes: 200, eviction: 'cost-aware' },
    ),
    on(
      'keeps its sizes true and its limits through random operations',
      async (tier, clock) => {
        const random = seeded(7);
        for (let step = 0; step < 300; step++) {
          const name = `r${Math.floor(random() * 40)}`;
          const choice = random();
          if (choice < 0.7) await tier.set(entryOfSize(clock, name, 40 + Math.floor(random() * 800)));
          else if (choice < 0.8) await tier.delete(tierEntry(clock, name).key);
          else if (choice < 0.9) tier.touch(tierEntry(clock, name).key, step);
          else if (choice < 0.95) await tier.flush();
          else await clock.advance(HOUR_MS / 40);
          if (step % 10 !== 0) continue;
          assert.ok((await tier.size()).sizeBytes <= 5_000);
          await assertSizeIsTrue(tier);
        }
      },
      { maxSizeBytes: 5_000 },
    ),
  ];
}

function times(on: Make): TierTest[] {
  return [
    on('removes an expired entry and counts it as expired', async (tier, clock) => {
      const short = tierEntry(clock, 'short', {
        expiresAt: clock.epochMs() + 500,
        staleUntil: clock.epochMs() + 1_000,
      });
      const long = tierEntry(clock, 'long');
      await tier.set(short);
      await tier.set(long);
      await clock.advance(999);
      assert.deepEqual(await tier.getMany([short.key, long.key]), [short, long]);
      await clock.advance(1);
      assert.deepEqual(await tier.getMany([short.key, long.key]), [undefined, long]);
      assert.deepEqual({ ...(await tier.size()) }, { entries: 1, sizeBytes: long.sizeBytes });
      assert.deepEqual({ ...tier.counters() }, { evictions: 0, expirations: 1 });
    }),
    on('removes many expired entries at once without a read', async (tier, clock) => {
      for (let i = 0; i < 450; i++) await tier.set(tierEntry(clock, `e${i}`));
      await clock.advance(HOUR_MS);
      assert.deepEqual({ ...(await tier.size()) }, { entries: 0, sizeBytes: 0 });
      assert.equal(tier.counters().expirations, 450);
    }),
  ];
}

function closings(on: Make): TierTest[] {
  return [
    on('closes once, and refuses afterwards', async (tier, clock) => {
      await tier.set(tierEntry(clock, 'a'));
      await tier.close();
      await tier.close();
      await assert.rejects(async () => tier.getMany(['a']), { code: 'TUTTI_CLOSED' });
      await assert.rejects(async () => tier.set(tierEntry(clock, 'b')), { code: 'TUTTI_CLOSED' });
      tier.touch('a', 1);
    }),
  ];
}

function reopenings(on: Make, maker: TierMaker): TierTest[] {
  const { reopen } = maker;
  if (reopen === undefined) return [];
  const again = async (tier: CacheTier, settings: TierSettings, body: (next: CacheTier) => Promise<void>) => {
    const next = await reopen.call(maker, tier, settings);
    try {
      await body(next);
    } finally {
      await next.close();
    }
  };
  const tests = [
    on('keeps what was set when it is closed and opened again', async (tier, clock, settings) => {
      const entries = Array.from({ length: 20 }, (_, i) =>
        tierEntry(clock, `e${i}`, { tags: [`t${i % 2}`] }),
      );
      await Promise.all(entries.map(async (entry) => tier.set(entry)));
      await tier.close();
      await again(tier, settings, async (next) => {
        assert.deepEqual(await next.getMany(keysOf(entries)), entries);
      });
    }),
    on('does not bring back what was deleted', async (tier, clock, settings) => {
      const entry = tierEntry(clock, 'a');
      await tier.set(entry);
      await tier.flush();
      await tier.delete(entry.key);
      await tier.close();
      await again(tier, settings, async (next) => {
        assert.deepEqual(await next.getMany([entry.key]), [undefined]);
      });
    }),
  ];
  if (maker.knowsAfterReopen !== true) return tests;
  const knowing = [
    on('knows sizes, uses and the order of uses when it is opened again', async (tier, clock, settings) => {
      const entries = Array.from({ length: 10 }, (_, i) => entryOfSize(clock, `e${i}`, 100));
      for (const entry of entries) {
        await tier.set(entry);
        await tier.flush();
        await clock.advance(1);
      }
      tier.touch(entries[0]?.key as string, 7);
      await tier.close();
      await again(tier, { ...settings, maxSizeBytes: 1_000 }, async (next) => {
        assert.deepEqual({ ...(await next.size()) }, { entries: 10, sizeBytes: 1_000 });
        await next.set(entryOfSize(clock, 'more', 100));
        const left = await next.getMany(keysOf(entries));
        assert.deepEqual(
          keysOf(left.filter((entry) => entry !== undefined)),
          keysOf(entries.filter((_, i) => i !== 1)),
        );
        assert.equal(left[0]?.hits, 7);
      });
    }),
    on('shrinks to a smaller limit when it is opened with one', async (tier, clock, settings) => {
      for (let i = 0; i < 10; i++) await tier.set(entryOfSize(clock, `e${i}`, 100));
      await tier.close();
      await again(tier, { ...settings, maxSizeBytes: 450 }, async (next) => {
        assert.deepEqual({ ...(await next.size()) }, { entries: 4, sizeBytes: 400 });
      });
    }),
    on('deletes by agent and by tag what an earlier one wrote', async (tier, clock, settings) => {
      const labels = [
        { agent: 'a', tags: ['t'] },
        { agent: 'b', tags: ['t'] },
        { agent: 'b', tags: [] },
      ];
      for (const [i, label] of labels.entries()) await tier.set(tierEntry(clock, `e${i}`, label));
      await tier.close();
      await again(tier, settings, async (next) => {
        assert.equal(await next.deleteMatching({ agent: 'a' }), 1);
        assert.equal(await next.deleteMatching({ tag: 't' }), 1);
        assert.equal(await next.deleteMatching('all'), 1);
      });
    }),
  ];
  return [...tests, ...knowing];
}

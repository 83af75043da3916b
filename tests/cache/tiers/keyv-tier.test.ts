import { describe, expect, test } from '@jest/globals';
import Keyv from 'keyv';
import { KeyvTier } from '../../../src/cache/tiers/keyv-tier.js';
import { InvalidArgumentError } from '../../../src/errors/input-errors.js';
import { tierEntry } from '../../../src/testing/cache-tier-suite.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const clock = new FakeClock();

function over(store: Keyv, options: { maxSizeBytes?: number } = {}) {
  const problems: string[] = [];
  const onProblem = (error: Error) => problems.push(error.message);
  return { tier: new KeyvTier({ store, maxSizeBytes: 1e6, clock, onProblem, ...options }), problems };
}

/** A store whose methods fail when they are told to. */
class BrokenStore extends Map<string, unknown> {
  isBroken = true;

  override get(key: string): unknown {
    if (this.isBroken) throw new Error('get failed');
    return super.get(key);
  }

  override set(key: string, value: unknown): this {
    if (this.isBroken) throw new Error('set failed');
    return super.set(key, value);
  }
}

/** A store that notes for how many milliseconds it was to keep what it was given. */
function noting() {
  const map = new Map<string, string>();
  const kept: Array<number | undefined> = [];
  const store = {
    get: async (key: string) => map.get(key),
    set: async (key: string, value: string, ttlMs?: number) => {
      kept.push(ttlMs);
      map.set(key, value);
    },
    delete: async (key: string) => map.delete(key),
  };
  return { kept, store };
}

describe('KeyvTier', () => {
  test('refuses what is no Keyv, saying what to pass', () => {
    for (const store of [undefined, {}, { get: () => 1 }] as unknown as Keyv[]) {
      expect(() => new KeyvTier({ store, maxSizeBytes: 1 })).toThrow(InvalidArgumentError);
    }
  });

  test('leaves everything else in the store alone, and the store open', async () => {
    const map = new Map<string, unknown>();
    const store = new Keyv({ store: map });
    await store.set('mine', 'mine');
    const { tier } = over(store);
    await tier.set(tierEntry(clock, 'a'));
    expect([...map.keys()].filter((key) => key.includes('tutti-cache:'))).toHaveLength(1);
    await tier.deleteMatching('all');
    await tier.close();
    expect(await store.get('mine')).toBe('mine');
    expect(map.size).toBe(1);
  });

  test('rejects when the store says that it did not keep an entry, and does not count it', async () => {
    const { tier, problems } = over(new Keyv({ store: new BrokenStore() }));
    await expect(tier.set(tierEntry(clock, 'a'))).rejects.toMatchObject({
      code: 'TUTTI_CACHE_STORE',
      operation: 'set',
      cause: expect.objectContaining({ message: 'set failed' }),
    });
    expect(await tier.size()).toEqual({ entries: 0, sizeBytes: 0 });
    expect(problems.length).toBeGreaterThan(0);
  });

  test('takes a read that the store swallows for a miss, and one that it does not for a failure', async () => {
    const silent = over(new Keyv({ store: new BrokenStore() })).tier;
    expect(await silent.getMany(['a'])).toEqual([undefined]);
    const loud = over(new Keyv({ store: new BrokenStore(), throwOnErrors: true })).tier;
    await expect(loud.getMany(['a'])).rejects.toThrow('get failed');
  });

  test('reports what the store reports, and stops listening when it is closed', async () => {
    const store = new Keyv();
    const { tier, problems } = over(store);
    store.emit('error', new Error('connection lost'));
    expect(problems).toEqual([expect.stringContaining('connection lost')]);
    await tier.close();
    expect(store.listeners('error')).toHaveLength(0);
  });

  test('counts, labels and limits what it finds from an earlier process, once it was read', async () => {
    const store = new Keyv();
    const first = over(store).tier;
    const entries = ['a', 'b', 'c'].map((name) => tierEntry(clock, name, { payload: 'x'.repeat(68) }));
    for (const entry of entries) await first.set(entry);
    await first.close();
    const { tier } = over(store, { maxSizeBytes: 200 });
    expect(await tier.size()).toEqual({ entries: 0, sizeBytes: 0 });
    expect(await tier.deleteMatching({ agent: 'writer' })).toBe(0);
    for (const entry of entries) expect(await tier.getMany([entry.key])).toEqual([entry]);
    expect(await tier.size()).toEqual({ entries: 2, sizeBytes: 200 });
    expect(tier.counters().evictions).toBe(1);
    expect(await tier.deleteMatching({ agent: 'writer' })).toBe(2);
  });

  test.each([
    ['no JSON', 'rubbish'],
    ['a number', '12'],
    ['no text', 12],
    ['null', 'null'],
  ])('takes a value that is %s for a miss', async (_, value) => {
    const store = new Keyv();
    const entry = tierEntry(clock, 'a');
    await store.set(`tutti-cache:${entry.key}`, value);
    const { tier } = over(store);
    expect(await tier.getMany([entry.key])).toEqual([undefined]);
  });

  test('does not learn from a value that is not what it writes', async () => {
    const store = new Keyv();
    const entry = tierEntry(clock, 'a');
    await store.set(`tutti-cache:${entry.key}`, JSON.stringify({ ...entry, key: 'other', tags: 'none' }));
    const { tier } = over(store);
    expect((await tier.getMany([entry.key]))[0]?.key).toBe('other');
    expect(await tier.size()).toEqual({ entries: 0, sizeBytes: 0 });
  });

  test('believes a store that does not say whether it deleted', async () => {
    const map = new Map<string, string>();
    const store = {
      get: async (key: string) => map.get(key),
      set: async (key: string, value: string) => {
        map.set(key, value);
      },
      delete: async (key: string) => {
        map.delete(key);
        return undefined as unknown as boolean;
      },
    };
    const tier = new KeyvTier({ store, maxSizeBytes: 1e6, clock });
    await tier.set(tierEntry(clock, 'a'));
    expect(await tier.delete(tierEntry(clock, 'a').key)).toBe(true);
    expect(await tier.delete(tierEntry(clock, 'a').key)).toBe(false);
    await tier.close();
  });

  test('keeps an entry in the store for the time that it has left', async () => {
    const { kept, store } = noting();
    const tier = new KeyvTier({ store, maxSizeBytes: 1e6, clock });
    await tier.set({ ...tierEntry(clock, 'a'), staleUntil: clock.epochMs() + 1_234 });
    expect(kept).toEqual([1_234]);
    await tier.set({ ...tierEntry(clock, 'a'), staleUntil: clock.epochMs() + 1 });
    expect(kept).toEqual([1_234, 1]);
    await tier.set({ ...tierEntry(clock, 'a'), staleUntil: clock.epochMs() });
    await tier.set({ ...tierEntry(clock, 'a'), staleUntil: clock.epochMs() - 1 });
    expect(kept).toEqual([1_234, 1]);
    expect(await tier.getMany([tierEntry(clock, 'a').key])).toEqual([undefined]);
  });

  test('fails to tell its size where the store cannot remove what has expired', async () => {
    const clock = new FakeClock();
    const { store } = noting();
    const failing = { ...store, delete: () => Promise.reject(new Error('delete failed')) };
    const tier = new KeyvTier({ store: failing, maxSizeBytes: 1e6, clock });
    const entry = tierEntry(clock, 'a');
    await tier.set(entry);
    await clock.advance(entry.staleUntil - clock.epochMs());
    await expect(tier.size()).rejects.toThrow('delete failed');
  });

  test('does not take an entry whose time is over', async () => {
    const { tier } = over(new Keyv());
    const entry = tierEntry(clock, 'a');
    await tier.set(entry);
    await tier.set({ ...entry, staleUntil: clock.epochMs() });
    expect(await tier.getMany([entry.key])).toEqual([undefined]);
  });
});

// Covers: src/cache/tiers/time-limits.ts
import { describe, expect, test } from '@jest/globals';
import Keyv from 'keyv';
import type { CacheTier } from '../../../src/cache/tiers/cache-tier.js';
import { KeyvTier } from '../../../src/cache/tiers/keyv-tier.js';
import { TierGuard, type TierGuardOptions } from '../../../src/cache/tiers/tier-guard.js';
import { CacheStoreError } from '../../../src/errors/storage-errors.js';
import type { TuttiError } from '../../../src/errors/tutti-error.js';
import { tierEntry } from '../../../src/testing/cache-tier-suite.js';
import { type Chaos, ChaosTier } from '../../../src/testing/chaos-tier.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

function guarded(chaos: Chaos = { kind: 'none' }, options: TierGuardOptions = {}) {
  const clock = new FakeClock();
  const tier = new ChaosTier(new KeyvTier({ store: new Keyv(), maxSizeBytes: 1e6, clock }), chaos, clock);
  const broken: TuttiError[] = [];
  const told = { working: 0, failures: 0 };
  const guard = new TierGuard(tier, {
    clock,
    onBroken: (error) => broken.push(error),
    onWorking: () => told.working++,
    onFailure: () => told.failures++,
    ...options,
  });
  return { guard, tier, clock, broken, told };
}

async function everything(guard: CacheTier, clock: FakeClock): Promise<unknown[]> {
  const entry = tierEntry(clock, 'a');
  const listed: unknown[] = [];
  guard.touch(entry.key, 1);
  const counters = guard.counters();
  for await (const each of guard.entries()) listed.push(each);
  return [
    await guard.getMany([entry.key, 'b']),
    await guard.set(entry),
    await guard.delete(entry.key),
    await guard.deleteMatching('all'),
    await guard.size(),
    await guard.flush().catch(() => undefined),
    counters,
    listed,
    await guard.close(),
  ];
}

const AS_IF_EMPTY = [
  [undefined, undefined],
  undefined,
  false,
  0,
  { entries: 0, sizeBytes: 0 },
  undefined,
  { evictions: 0, expirations: 0 },
  [],
  undefined,
];

describe('TierGuard', () => {
  test.each<[string, Chaos]>([
    ['rejects', { kind: 'rejects' }],
    ['throws at once', { kind: 'throws' }],
    ['rejects with something that is no error', { kind: 'rejects', error: undefined }],
  ])('answers as if it were empty when the tier %s', async (_, chaos) => {
    const { guard, clock } = guarded(chaos);
    expect(await everything(guard, clock)).toEqual(AS_IF_EMPTY);
    expect(guard.isBroken).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('answers as if it were empty when the tier hangs, once its time is over', async () => {
    const { guard, clock, broken } = guarded({ kind: 'hangs' }, { timeoutMs: 100, longTimeoutMs: 500 });
    const answers = everything(guard, clock);
    await clock.advance(10_000);
    expect(await answers).toEqual(AS_IF_EMPTY);
    expect(broken[0]?.message).toContain('longer than');
    expect(clock.pendingTimers).toBe(0);
  });

  test('waits for a slow tier as long as its time allows', async () => {
    const { guard, tier, clock } = guarded({ kind: 'slow', delayMs: 99 }, { timeoutMs: 100 });
    const written = guard.set(tierEntry(clock, 'a'));
    await clock.advance(99);
    await written;
    tier.chaos = { kind: 'slow', delayMs: 101 };
    const read = guard.getMany([tierEntry(clock, 'a').key]);
    await clock.advance(100);
    expect(await read).toEqual([undefined]);
    await clock.advance(1);
  });

  test('reports once that a tier broke and once that it works again', async () => {
    const { guard, tier, clock, broken, told } = guarded({
      kind: 'rejects',
      error: new Error('no such host'),
    });
    for (let n = 0; n < 5; n++) await guard.getMany(['a']);
    expect(broken).toHaveLength(1);
    expect(broken[0]).toBeInstanceOf(CacheStoreError);
    expect(broken[0]).toMatchObject({ code: 'TUTTI_CACHE_STORE', tier: 'store', operation: 'get' });
    expect(broken[0]?.message).toContain('no such host');
    expect(told).toEqual({ working: 0, failures: 1 });
    tier.chaos = { kind: 'none' };
    await clock.advance(1_000);
    await guard.getMany(['a']);
    await guard.getMany(['a']);
    expect(told).toEqual({ working: 1, failures: 1 });
    expect(guard.isBroken).toBe(false);
  });

  test('leaves a broken tier alone, and tries it again with one operation, ever more rarely', async () => {
    const { guard, tier, clock } = guarded({ kind: 'rejects' }, { firstRetryMs: 100, longestRetryMs: 300 });
    const attempts: number[] = [];
    for (let elapsedMs = 0; elapsedMs <= 1_000; elapsedMs += 50) {
      const before = tier.operations;
      await Promise.all([guard.getMany(['a']), guard.getMany(['b']), guard.getMany(['c'])]);
      // The first three are on their way before the first of them fails.
      if (tier.operations > before) attempts.push(elapsedMs);
      if (elapsedMs > 0) expect(tier.operations - before).toBeLessThanOrEqual(1);
      await clock.advance(50);
    }
    expect(attempts[0]).toBe(0);
    expect(attempts.slice(1).map((at, n) => at - (attempts[n] as number))).toEqual([300, 300, 300]);
  });

  test('goes on reading when only writing is broken', async () => {
    const { guard, tier, clock, broken } = guarded();
    const entry = tierEntry(clock, 'a');
    await guard.set(entry);
    tier.chaos = { kind: 'rejects' };
    await guard.set(tierEntry(clock, 'b'));
    tier.chaos = { kind: 'none' };
    const before = tier.operations;
    expect(await guard.getMany([entry.key])).toEqual([entry]);
    guard.touch(entry.key, 9);
    await guard.set(tierEntry(clock, 'b'));
    expect(tier.operations - before).toBe(1);
    expect(guard.isBroken).toBe(true);
    await clock.advance(1_000);
    await guard.set(tierEntry(clock, 'b'));
    expect(guard.isBroken).toBe(false);
    expect(broken).toHaveLength(1);
  });

  test('flushes and closes a broken tier even so, and does not hide that flushing failed', async () => {
    const { guard, tier } = guarded({ kind: 'rejects' });
    await expect(guard.flush()).rejects.toThrow('chaos');
    const before = tier.operations;
    await expect(guard.flush()).rejects.toThrow('chaos');
    await guard.close();
    expect(tier.operations - before).toBe(2);
  });

  test('knows what the tier did not take, until that is told or written', async () => {
    const { guard, tier, clock } = guarded({ kind: 'rejects' });
    const [a, b, c] = [tierEntry(clock, 'a'), tierEntry(clock, 'b'), tierEntry(clock, 'c')];
    for (const entry of [a, b, c]) await guard.set(entry);
    await guard.delete(b.key);
    tier.chaos = { kind: 'none' };
    await clock.advance(1_000);
    await guard.set(c);
    await guard.set(c);
    expect(guard.takeUnwritten()).toEqual([a]);
    expect(guard.takeUnwritten()).toEqual([]);
    await guard.close();
  });

  test('reports at the end how many answers could not be written', async () => {
    const { guard, clock, broken } = guarded({ kind: 'rejects' });
    for (const name of ['a', 'b']) await guard.set(tierEntry(clock, name));
    await guard.close();
    expect(broken.map(({ details }) => details.operation)).toEqual(['set', 'close']);
    expect(broken[1]).toMatchObject({ details: { unwritten: 2 } });
  });

  test('closes a tier that hangs within the time that it is given', async () => {
    const { guard, clock } = guarded({ kind: 'hangs' });
    const closing = guard.close(2_000);
    await clock.advance(2_000);
    await closing;
    expect(clock.pendingTimers).toBe(0);
  });

  test('does not fail because a listener throws', async () => {
    const { guard } = guarded(
      { kind: 'rejects' },
      {
        onBroken: () => {
          throw new Error('mine');
        },
      },
    );
    expect(await guard.getMany(['a'])).toEqual([undefined]);
  });

  test('hands on corrupted entries as they are: judging them is for the seal', async () => {
    const { guard, tier, clock } = guarded();
    const entry = tierEntry(clock, 'a');
    await guard.set(entry);
    tier.chaos = { kind: 'corrupts' };
    const [found] = await guard.getMany([entry.key]);
    expect(found).toMatchObject({ key: entry.key, signature: entry.signature });
    expect(found?.payload).not.toBe(entry.payload);
    const listed = [];
    for await (const each of guard.entries()) listed.push(each.payload);
    expect(listed).toEqual([found?.payload]);
  });

  test('stops reading entries when its reader does', async () => {
    const { guard, clock } = guarded();
    for (const name of ['a', 'b']) await guard.set(tierEntry(clock, name));
    for await (const entry of guard.entries()) {
      expect(entry.agent).toBe('writer');
      break;
    }
  });
});

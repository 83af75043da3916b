// Covers: src/cache/miss-timer.ts
import { describe, expect, test } from '@jest/globals';
import { CacheStatsRecorder } from '../../src/cache/cache-stats.js';
import { IntervalHistogram } from '../../src/cache/interval-histogram.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const ask = (task: string, agent = 'expert') => ({ agent, task });

describe('ResponseCache.stats', () => {
  test('has exactly the promised fields, all plain and zero at the start', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock, maxSizeBytes: 5_000 });
    await clock.advance(70);
    expect(await cache.stats()).toEqual({
      enabled: true,
      entries: 0,
      memoryEntries: 0,
      sizeBytes: 0,
      memoryBytes: 0,
      maxSizeBytes: 5_000,
      hits: 0,
      misses: 0,
      hitRatio: 0,
      hitsByTier: { memory: 0, disk: 0, redis: 0, semantic: 0 },
      sets: 0,
      evictions: 0,
      expirations: 0,
      deletions: 0,
      integrityFailures: 0,
      storeErrors: 0,
      sharedFlights: 0,
      avgHitMs: 0,
      avgMissMs: 0,
      speedup: 0,
      timeSavedMs: 0,
      savedUsd: 0,
      savedTokens: 0,
      uptimeMs: 70,
      byAgent: {},
    });
  });

  test('counts three hits and a miss as three quarters, and nothing after a reset', async () => {
    const cache = new ResponseCache();
    await cache.set(ask('t'), { output: 'x', costUsd: 0.25, usage: { inputTokens: 10, outputTokens: 5 } });
    for (let count = 0; count < 3; count += 1) await cache.get(ask('t'));
    await cache.get(ask('unknown', 'other'));
    const stats = await cache.stats();
    expect(stats).toMatchObject({
      hits: 3,
      misses: 1,
      hitRatio: 0.75,
      savedUsd: 0.75,
      savedTokens: 45,
      sets: 1,
    });
    expect(stats.hits + stats.misses).toBe(4);
    expect(stats.byAgent).toEqual({
      expert: { hits: 3, misses: 0, hitRatio: 1, sets: 1, savedUsd: 0.75 },
      other: { hits: 0, misses: 1, hitRatio: 0, sets: 0, savedUsd: 0 },
    });
    cache.resetStats();
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 0, hitRatio: 0, savedUsd: 0, entries: 1 });
    await cache.get(ask('t'));
    expect(await cache.stats()).toMatchObject({ hits: 1, byAgent: { expert: { hits: 1 } } });
  });

  test('a reset starts evictions and expirations from 0 too', async () => {
    const cache = new ResponseCache({ maxEntries: 1 });
    for (const task of ['a', 'b', 'c']) await cache.set(ask(task), { output: 'x' });
    expect((await cache.stats()).evictions).toBe(2);
    cache.resetStats();
    expect((await cache.stats()).evictions).toBe(0);
    await cache.set(ask('d'), { output: 'x' });
    expect((await cache.stats()).evictions).toBe(1);
  });

  test('the time of a miss includes the work that it caused, computed or set', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock });
    await cache.getOrCompute(ask('computed'), async () => {
      await clock.advance(20);
      return 'x';
    });
    expect((await cache.stats()).avgMissMs).toBe(20);
    await cache.get(ask('set'));
    await clock.advance(40);
    await cache.set(ask('set'), { output: 'x' });
    expect((await cache.stats()).avgMissMs).toBe(30);
    await cache.set(ask('never asked for'), { output: 'x' });
    expect((await cache.stats()).avgMissMs).toBe(30);
    await cache.get(ask('set'));
    const { speedup, timeSavedMs, avgHitMs } = await cache.stats();
    expect([avgHitMs, timeSavedMs, Number.isFinite(speedup)]).toEqual([0, 30, true]);
  });

  test('uptime does not follow the date', async () => {
    const clock = new FakeClock();
    const epochMs = clock.epochMs();
    const stuck = {
      now: () => clock.now(),
      epochMs: () => epochMs - 1e9,
      setTimeout: (() => 0) as FakeClock['setTimeout'],
      clearTimeout: () => {},
    };
    const cache = new ResponseCache({ clock: stuck });
    await clock.advance(500);
    expect((await cache.stats()).uptimeMs).toBe(500);
  });

  test('an agent may be called anything', async () => {
    const cache = new ResponseCache();
    await cache.get(ask('t', '__proto__'));
    expect(Object.keys((await cache.stats()).byAgent)).toEqual(['__proto__']);
  });
});

describe('CacheStatsRecorder', () => {
  const record = (hits: Array<[number, number]>, misses: number[]) => {
    const recorder = new CacheStatsRecorder();
    const account = recorder.account('a');
    for (const [count, ms] of hits) {
      for (let index = 0; index < count; index += 1) recorder.hit('memory', account, 0, 0);
      recorder.tiers.memory.record(ms);
    }
    for (const ms of misses) {
      recorder.miss(account);
      recorder.missTime(ms);
    }
    return recorder.snapshot();
  };

  test('42 hits that each save 240.4 ms save 10,096.8 ms', () => {
    const stats = record([[42, 45.2]], [285.6]);
    expect(stats.timeSavedMs).toBeCloseTo(10_096.8, 9);
    expect(stats.speedup).toBeCloseTo(285.6 / 45.2, 9);
    expect(stats.speedup.toFixed(2)).toBe('6.32');
  });

  test('50 requests with 42 hits of 240 ms less save 10,080 ms', () => {
    const stats = record(
      [[42, 10]],
      Array.from({ length: 8 }, () => 250),
    );
    expect(stats).toMatchObject({ hits: 42, misses: 8, hitRatio: 0.84, timeSavedMs: 10_080 });
  });

  test('nothing is saved by a cache that is slower than the work', () => {
    expect(record([[10, 5]], [1])).toMatchObject({ timeSavedMs: 0, speedup: 0.2 });
  });

  test('each tier weighs by its hits, however few of them were timed', () => {
    const recorder = new CacheStatsRecorder();
    const account = recorder.account('a');
    for (let count = 0; count < 90; count += 1) recorder.hit('memory', account, 0, 0);
    for (let count = 0; count < 10; count += 1) recorder.hit('disk', account, 0, 0);
    recorder.tiers.memory.record(1);
    for (let count = 0; count < 10; count += 1) recorder.tiers.disk.record(11);
    expect(recorder.avgHitMs).toBeCloseTo(2);
  });

  test('keeps a thousand agents apart and all further ones together', () => {
    const recorder = new CacheStatsRecorder();
    for (let index = 0; index < 5_000; index += 1) recorder.miss(recorder.account(`agent${index}`));
    const { byAgent } = recorder.snapshot();
    expect(Object.keys(byAgent)).toHaveLength(1_001);
    expect(byAgent['(other)']?.misses).toBe(4_000);
    expect(byAgent.agent0?.misses).toBe(1);
  });
});

describe('IntervalHistogram', () => {
  test('tells a length that the share does not exceed, within a factor of two', () => {
    const histogram = new IntervalHistogram();
    expect(histogram.quantileMs(0.5)).toBe(0);
    for (const seconds of [1, 10, 100, 1_000]) histogram.record(seconds * 1_000);
    for (const [share, ms] of [
      [0.25, 1_000],
      [0.5, 10_000],
      [0.75, 100_000],
      [1, 1_000_000],
    ] as const) {
      expect(histogram.quantileMs(share)).toBeGreaterThanOrEqual(ms);
      expect(histogram.quantileMs(share)).toBeLessThanOrEqual(2 * ms);
    }
    histogram.record(1e15);
    histogram.record(0);
    expect(histogram.total).toBe(6);
    expect(histogram.quantileMs(1)).toBeGreaterThan(1e9);
  });
});

// Covers: src/cache/ttl-advice.ts
import { describe, expect, test } from '@jest/globals';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const requests = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ agent: 'expert', task: `${index}` }));
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('ResponseCache.warm', () => {
  test('computes what is missing, some at once, so that the first request is a hit', async () => {
    const cache = new ResponseCache();
    await cache.set({ agent: 'expert', task: '3' }, { output: 'there' });
    let [running, most] = [0, 0];
    const report = await cache.warm(
      requests(10),
      async () => {
        running += 1;
        most = Math.max(most, running);
        await tick();
        running -= 1;
        return { output: 'x', costUsd: 0.01 };
      },
      { maxConcurrent: 3, ttlMs: 5_000, tags: ['warm'] },
    );
    expect(report).toEqual({ computed: 9, found: 1, failed: 0, skipped: 0, costUsd: expect.closeTo(0.09) });
    expect(most).toBe(3);
    expect((await cache.get({ agent: 'expert', task: '7' }))?.output).toBe('x');
    expect(await cache.deleteByTag('warm')).toBe(9);
  });

  test.each([1, 4])('stays within its budget with %d at once', async (maxConcurrent) => {
    const cache = new ResponseCache();
    const compute = async () => {
      await tick();
      return { output: 'x', costUsd: 0.3 };
    };
    const report = await cache.warm(requests(10), compute, { maxConcurrent, budgetUsd: 1 });
    expect(report).toMatchObject({ computed: 3, stoppedBy: 'budget', skipped: 7 });
    expect(report.costUsd).toBeLessThanOrEqual(1);
  });

  test('spends its budget to the last cent where the answers cost just that', async () => {
    const compute = () => ({ output: 'x', costUsd: 0.25 });
    const report = await new ResponseCache().warm(requests(10), compute, { maxConcurrent: 1, budgetUsd: 1 });
    expect(report).toMatchObject({ computed: 4, costUsd: 1, stoppedBy: 'budget', skipped: 6 });
  });

  test('begins nothing without a budget to spend', async () => {
    const report = await new ResponseCache().warm(requests(3), () => 'x', { budgetUsd: 0 });
    expect(report).toMatchObject({ computed: 0, skipped: 3, stoppedBy: 'budget' });
  });

  test('throws out nothing that is there', async () => {
    const compute = () => 'y'.repeat(1_000);
    const byBytes = new ResponseCache({ maxSizeBytes: 5_000 });
    await byBytes.set({ agent: 'hot', task: 't' }, { output: 'x'.repeat(1_000) });
    const byEntries = new ResponseCache({ maxEntries: 3 });
    await byEntries.set({ agent: 'hot', task: 't' }, { output: 'x' });
    for (const cache of [byBytes, byEntries]) {
      const report = await cache.warm(requests(20), compute, { maxConcurrent: 2 });
      expect(report.stoppedBy).toBe('room');
      expect(report.computed).toBeGreaterThan(0);
      expect((await cache.stats()).evictions).toBe(0);
      expect(await cache.get({ agent: 'hot', task: 't' })).toBeDefined();
    }
  });

  test('goes on after failures and counts them', async () => {
    let runs = 0;
    const compute = () => {
      runs += 1;
      if (runs % 2 === 0) throw new Error('no');
      return 'x';
    };
    const report = await new ResponseCache().warm(requests(6), compute, { maxConcurrent: 1, budgetUsd: 1 });
    expect(report).toMatchObject({ computed: 3, failed: 3, skipped: 0 });
  });

  test('stops when its signal is aborted', async () => {
    const controller = new AbortController();
    const compute = () => {
      controller.abort();
      return 'x';
    };
    const report = await new ResponseCache().warm(requests(5), compute, {
      maxConcurrent: 1,
      signal: controller.signal,
    });
    expect(report).toMatchObject({ computed: 0, failed: 1, skipped: 4, stoppedBy: 'signal' });
  });

  test.each([{ maxConcurrent: 0 }, { budgetUsd: -1 }, { budgetUsd: Number.NaN }])(
    'refuses %j',
    async (options) => {
      await expect(new ResponseCache().warm([], () => 'x', options)).rejects.toThrow(InvalidArgumentError);
    },
  );
});

describe('ResponseCache.ttlAdvice', () => {
  const repeatEvery = async (intervalMs: number, ttlMs: number) => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock, ttlMs });
    for (let count = 0; count < 40; count += 1) {
      await cache.getOrCompute({ agent: 'expert', task: 't' }, () => 'x');
      await clock.advance(intervalMs);
    }
    return cache.ttlAdvice();
  };

  test('says nothing before there is enough to tell', async () => {
    const cache = new ResponseCache();
    await cache.set({ agent: 'expert', task: 't' }, { output: 'x' });
    for (let count = 0; count < 19; count += 1) await cache.get({ agent: 'expert', task: 't' });
    expect(cache.ttlAdvice()).toEqual([]);
    await cache.get({ agent: 'expert', task: 't' });
    expect(cache.ttlAdvice()).toHaveLength(1);
  });

  test('advises a longer time when answers are asked for again after their end', async () => {
    const [advice] = await repeatEvery(100_000, 60_000);
    expect(advice).toMatchObject({ agent: 'expert', currentTtlMs: 60_000, verdict: 'raise' });
    expect(advice?.suggestedTtlMs).toBeGreaterThanOrEqual(100_000);
    expect(advice?.suggestedTtlMs).toBeLessThanOrEqual(200_000);
  });

  test('advises a shorter time when repeats come soon', async () => {
    const [advice] = await repeatEvery(1_000, 86_400_000);
    expect(advice).toMatchObject({ verdict: 'lower', samples: 39 });
  });

  test('leaves a fitting time alone', async () => {
    expect((await repeatEvery(40_000, 86_400))[0]?.verdict).toBe('keep');
  });
});

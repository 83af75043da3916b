import { describe, expect, test } from '@jest/globals';
import { NO_RETRIES, RetryProgress } from '../../../src/resilience/retry/retry-outlook.js';
import { progress } from '../admitted.js';

describe('RetryProgress', () => {
  test('begins without a failure, ready at once', () => {
    expect(progress(2)).toMatchObject({
      maxRetries: 2,
      failures: 0,
      readyAtMs: 0,
      demandedAtMs: 0,
      firstFailedAtMs: undefined,
      isLast: false,
    });
  });

  test('knows when the next attempt is the last one, and when the first failed', () => {
    const outlook = progress(2);
    outlook.failed(500, 10);
    expect([outlook.isLast, outlook.firstFailedAtMs]).toEqual([false, 500]);
    outlook.failed(900, 20);
    expect([outlook.isLast, outlook.firstFailedAtMs, outlook.failures]).toEqual([true, 500, 2]);
    expect(progress(0).isLast).toBe(true);
  });

  test.each([
    [0, 0, 0],
    [1, 0, 1_000],
    [2, 0, 3_000],
    [5, 0, 31_000],
    // From the sixth on none is longer than maxDelayMs.
    [7, 0, 91_000],
    [2, 5_000, 10_000],
    [3, 2_500, 9_000],
  ])('%i backoffs of at least the floor of %i ms last %i ms', (maxRetries, floorMs, expectedMs) => {
    expect(progress(maxRetries).backoffsMs(floorMs)).toBe(expectedMs);
  });

  test.each([
    ['a backoff of 0 ms', 0, 2, 0],
    ['a backoff that does not grow', 10, 1, 10 * Number.MAX_SAFE_INTEGER],
    ['a backoff that has grown to the longest', 10, 3, 10 + 30 * (Number.MAX_SAFE_INTEGER - 1)],
  ])('sums up any number of retries at once, with %s', (_, minDelayMs, factor, expectedMs) => {
    const backoff = { minDelayMs, maxDelayMs: 30, factor, jitter: 'full' } as const;
    expect(new RetryProgress(Number.MAX_SAFE_INTEGER, backoff).backoffsMs(0)).toBe(expectedMs);
  });

  test('has the next attempt wait for its backoff', () => {
    const outlook = progress(2, [100]);
    outlook.wait(100, 1_000, 0);
    expect([outlook.readyAtMs, outlook.demandedAtMs]).toEqual([1_100, 100]);
  });

  test('takes off what the call has waited for its lane beyond its own backoffs, but a quarter of a backoff', () => {
    const outlook = progress(2, [0, 60_000]);
    outlook.wait(60_000, 2_000, 0);
    expect(outlook.readyAtMs).toBe(60_500);
    const little = progress(2, [0, 2_000]);
    little.wait(2_000, 2_000, 0);
    // Its own backoffs would be over at 3,000.
    expect(little.readyAtMs).toBe(3_000);
  });

  test('does not count the time that its attempts ran as waited', () => {
    const outlook = progress(2);
    outlook.failed(30_000, 30_000);
    outlook.failed(61_000, 60_000);
    outlook.wait(61_000, 2_000, 0);
    expect(outlook.readyAtMs).toBe(63_000);
  });

  test('never goes before the time that the provider demands', () => {
    const outlook = progress(2, [0, 60_000]);
    outlook.wait(60_000, 5_000, 5_000);
    expect([outlook.readyAtMs, outlook.demandedAtMs]).toEqual([65_000, 65_000]);
  });
});

describe('NO_RETRIES', () => {
  test('is the outlook of a request that is its call’s only attempt', () => {
    expect(NO_RETRIES).toMatchObject({ maxRetries: 0, failures: 0, isLast: true });
    expect(NO_RETRIES.backoffsMs(5_000)).toBe(0);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffDelayMs } from '../../../src/resilience/retry/backoff.js';
import { retryAfterFailure } from '../../../src/resilience/retry/retry.js';
import { parseRetryAfterMs } from '../../../src/resilience/retry/retry-after.js';

describe('backoffDelayMs', () => {
  test('lies between the floor of its jitter and the ceiling, and never below retry-after', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        fc.constantFrom('full' as const, 'equal' as const, 'none' as const),
        fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, minDelayMs, more, factor, jitter, retryAfterMs, random) => {
          const backoff = { minDelayMs, maxDelayMs: minDelayMs + more, factor, jitter };
          const delayMs = backoffDelayMs(attempt, backoff, retryAfterMs, () => random);
          expect(Number.isFinite(delayMs)).toBe(true);
          const demandedMs = retryAfterMs ?? 0;
          expect(delayMs).toBeGreaterThanOrEqual(demandedMs);
          expect(delayMs).toBeLessThanOrEqual(Math.max(backoff.maxDelayMs, demandedMs * 1.25));
          if (jitter === 'none') expect(delayMs).toBeGreaterThanOrEqual(minDelayMs);
          if (jitter === 'equal') expect(delayMs).toBeGreaterThanOrEqual(minDelayMs / 2);
        },
      ),
    );
  });

  test('never shrinks from attempt to attempt without jitter', () => {
    const backoff = { minDelayMs: 10, maxDelayMs: 5_000, factor: 3, jitter: 'none' } as const;
    const delays = Array.from({ length: 20 }, (_, index) => backoffDelayMs(index + 1, backoff, undefined));
    expect(delays.slice(0, 4)).toEqual([10, 30, 90, 270]);
    expect([...delays].sort((a, b) => a - b)).toEqual(delays);
  });
});

test('a backoff of nothing stays nothing, however many attempts there were', () => {
  const backoff = { minDelayMs: 0, maxDelayMs: 10, factor: 1_000, jitter: 'none' } as const;
  expect(backoffDelayMs(5_000, backoff, undefined)).toBe(0);
});

describe('parseRetryAfterMs', () => {
  const now = Date.UTC(2026, 0, 1);
  test.each([
    [{ 'retry-after': '2' }, 2_000],
    [{ 'Retry-After': ' 1.5 ' }, 1_500],
    [{ 'retry-after-ms': '250' }, 250],
    [{ 'retry-after-ms': 'x', 'retry-after': '1' }, 1_000],
    [new Headers({ 'Retry-After': '3' }), 3_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Thu, 01 Jan 2015 00:00:30 GMT' }, 0],
    [{ 'retry-after': 'tomorrow' }, undefined],
    [{ 'retry-after': ['1'] }, undefined],
    [{}, undefined],
    [undefined, undefined],
    [null, undefined],
    ['retry-after: 5', undefined],
    [7, undefined],
  ])('reads %p as %p', (headers, expected) => {
    expect(parseRetryAfterMs(headers, now)).toBe(expected);
  });
});

describe('retryAfterFailure', () => {
  const rules = {
    maxRetries: 2,
    isRetryable: () => true,
    backOff: async () => {},
    exhausted: (errors: readonly Error[]) => new Error(errors.map((error) => error.message).join()),
  };

  test('gives the first success, and each failure’s number to the backoff', async () => {
    const failed: number[] = [];
    let attempts = 1;
    const given = await retryAfterFailure(
      async () => {
        attempts += 1;
        if (attempts < 3) throw new TypeError(`failure ${attempts}`);
        return attempts;
      },
      new Error('failure 1'),
      { ...rules, backOff: async (_error, number) => void failed.push(number) },
    );
    expect([given, failed]).toEqual([3, [1, 2]]);
  });

  test('rejects with all failures once they are used up', async () => {
    await expect(
      retryAfterFailure(() => Promise.reject(new Error('again')), new Error('first'), rules),
    ).rejects.toThrow('first,again,again');
  });

  test('rejects with what ended the backoff', async () => {
    const stop = new Error('cancelled');
    let waits = 0;
    const backOff = async (): Promise<void> => {
      waits += 1;
      if (waits === 2) throw stop;
    };
    await expect(
      retryAfterFailure(() => Promise.reject(new Error('again')), new Error('first'), { ...rules, backOff }),
    ).rejects.toBe(stop);
  });

  test('takes whatever the attempt rejects with', async () => {
    await expect(
      retryAfterFailure(() => Promise.reject('text'), new Error('first'), { ...rules, maxRetries: 1 }),
    ).rejects.toThrow('first,text');
  });
});

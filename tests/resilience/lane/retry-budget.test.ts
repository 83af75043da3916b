import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RetryBudget } from '../../../src/resilience/lane/retry-budget.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

describe('RetryBudget', () => {
  test('an outage of 50 calls is retried 10 times, so no more than 1.3 requests are made a call', () => {
    const budget = new RetryBudget(new FakeClock());
    let requests = 0;
    for (let call = 0; call < 50; call += 1) {
      budget.sent();
      requests += 1;
    }
    // Every call would retry twice. Retries are requests too, but allow no further retries.
    for (let retry = 0; retry < 100; retry += 1) {
      if (!budget.tryRetry()) continue;
      budget.sent();
      requests += 1;
    }
    expect(requests).toBe(60);
    expect(budget.refused).toBe(90);
    expect(budget.left).toBe(0);
  });

  test('a few calls may retry however few they are', () => {
    const budget = new RetryBudget(new FakeClock());
    budget.sent();
    expect([budget.tryRetry(), budget.tryRetry()]).toEqual([true, true]);
  });

  test('calls that wait to be sent count', () => {
    const budget = new RetryBudget(new FakeClock(), { minimum: 1 }, () => 95);
    for (let call = 0; call < 5; call += 1) budget.sent();
    expect(budget.left).toBe(20);
  });

  test('calls and retries count for the length of the window', async () => {
    const clock = new FakeClock();
    const budget = new RetryBudget(clock, { ratio: 0.5, minimum: 1, windowMs: 1_000 });
    for (let call = 0; call < 8; call += 1) budget.sent();
    expect(budget.left).toBe(4);
    budget.tryRetry();
    await clock.advance(1_000);
    expect(budget.left).toBe(1);
  });

  test('in no window are there more retries than the share of its calls, or the minimum', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), (steps) => {
        const budget = new RetryBudget(new FakeClock(), { ratio: 0.2, minimum: 3 });
        let calls = 0;
        let retries = 0;
        for (const isCall of steps) {
          if (isCall) {
            budget.sent();
            calls += 1;
          } else if (budget.tryRetry()) retries += 1;
          expect(retries).toBeLessThanOrEqual(Math.max(3, 0.2 * calls));
        }
      }),
    );
  });
});

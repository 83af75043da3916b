// Covers: src/resilience/rate-limit/allowances.ts, src/resilience/rate-limit/caution.ts
// Covers: src/resilience/rate-limit/enforcement.ts, src/resilience/rate-limit/own-use.ts
import { describe, expect, test } from '@jest/globals';
import type { RateLimitWindow } from '../../../src/contracts/rate-limits.js';
import { RateLimiter } from '../../../src/resilience/rate-limit/rate-limiter.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const COST = { inputTokens: 10, outputTokens: 10 };
const NOTHING = { inputTokens: 0, outputTokens: 0 };

/** A limiter whose requests are answered at once with reports of their own. */
function answering(limits?: { requestsPerMinute?: number }) {
  const clock = new FakeClock();
  const limiter = new RateLimiter({ lane: 'p/m', clock, limits });
  const send = () => {
    const reservation = limiter.tryAcquire(COST);
    reservation?.sent();
    return reservation;
  };
  return {
    clock,
    limiter,
    send,
    /** Sends one, if there is room, and hears the report. */
    ask: (requests: RateLimitWindow, used = COST) => {
      const reservation = send();
      reservation?.learn({ requests });
      reservation?.settle(used);
      return reservation !== undefined;
    },
  };
}

describe('A learned limit', () => {
  test('of which nothing is left is not believed once the provider goes on answering', () => {
    const { send, ask, limiter } = answering();
    const report = { limit: 20, remaining: 0, resetMs: 60_000 };
    const first = Array.from({ length: 6 }, send);
    for (const reservation of first) {
      reservation?.learn({ requests: report });
      reservation?.settle(COST);
    }
    for (let index = 0; index < 30; index += 1) expect(ask(report)).toBe(true);
    // A rejection shows that it holds after all.
    expect(ask(report, NOTHING)).toBe(true);
    expect(ask(report)).toBe(false);
    expect(limiter.isSaturated).toBe(true);
  });

  test('that is exceeded without a rejection counts otherwise than its window says', () => {
    const { send, ask } = answering();
    const report = { limit: 5, remaining: 5, resetMs: 60_000 };
    const first = Array.from({ length: 7 }, send);
    for (const reservation of first) {
      reservation?.learn({ requests: report });
      reservation?.settle(COST);
    }
    for (let index = 0; index < 20; index += 1) expect(ask(report)).toBe(true);
  });

  test('of tokens of which nothing is left is not believed either', () => {
    const { send } = answering();
    const report = { limit: 6_000, remaining: 0, resetMs: 60_000 };
    const first = Array.from({ length: 6 }, send);
    for (const reservation of first) {
      reservation?.learn({ tokens: report });
      reservation?.settle(COST);
    }
    expect(send()).toBeDefined();
  });

  test('of which more is left than its number is as large as what was left', () => {
    const { ask, send } = answering();
    for (let left = 99; left >= 95; left -= 1) {
      expect(ask({ limit: 10, remaining: left, resetMs: (100 - left) * 600 })).toBe(true);
    }
    const sent = Array.from({ length: 120 }, send).filter((reservation) => reservation !== undefined);
    expect(sent).toHaveLength(95);
  });

  test('in a minute that its name tells is kept to without any reset', async () => {
    const { clock, ask } = answering();
    for (let left = 2; left >= 0; left -= 1) {
      expect(ask({ limit: 3, remaining: left, windowMs: 60_000 })).toBe(true);
    }
    await clock.advance(59_000);
    expect(ask({ limit: 3, remaining: 2, windowMs: 60_000 })).toBe(false);
    await clock.advance(2_300);
    expect(ask({ limit: 3, remaining: 2, windowMs: 60_000 })).toBe(true);
  });

  test('does not loosen the configured one, which holds for any 60 seconds', async () => {
    const { clock, ask } = answering({ requestsPerMinute: 5 });
    const sent: number[] = [];
    for (let index = 0; index < 1_400; index += 1) {
      if (ask({ limit: 100, remaining: 99, resetMs: 10 })) sent.push(clock.now());
      await clock.advance(100);
    }
    expect(sent).toHaveLength(15);
    for (const start of sent) {
      expect(sent.filter((atMs) => atMs >= start && atMs < start + 60_000).length).toBeLessThanOrEqual(5);
    }
  });

  test('counts from the beginning when the provider reports another number', () => {
    const { ask } = answering();
    for (let left = 9; left >= 1; left -= 1) ask({ limit: 10, remaining: left, resetMs: 60_000 });
    expect(ask({ limit: 100, remaining: 90, resetMs: 6_000 })).toBe(true);
    for (let left = 89; left >= 0; left -= 1) {
      expect(ask({ limit: 100, remaining: left, resetMs: (100 - left) * 600 })).toBe(true);
    }
    expect(ask({ limit: 100, remaining: 0, resetMs: 60_000 })).toBe(false);
  });

  test('a window that has certainly ended is full again without a report', async () => {
    const { clock, ask, send } = answering();
    for (let left = 9; left >= 0; left -= 1) {
      expect(ask({ limit: 10, remaining: left, resetMs: 3_000 - clock.now() })).toBe(true);
      await clock.advance(100);
    }
    expect(send()).toBeUndefined();
    await clock.advance(2_200);
    const sent = Array.from({ length: 12 }, send).filter((reservation) => reservation !== undefined);
    expect(sent).toHaveLength(10);
  });

  test('a bucket never gives more than it holds, however long it was full', async () => {
    const { clock, ask, send } = answering();
    for (let left = 9; left >= 5; left -= 1) ask({ limit: 10, remaining: left, resetMs: (10 - left) * 300 });
    await clock.advance(600_000);
    ask({ limit: 10, remaining: 9, resetMs: 300 });
    await clock.advance(600_000);
    const sent = Array.from({ length: 30 }, send).filter((reservation) => reservation !== undefined);
    expect(sent).toHaveLength(10);
  });

  test('a request that was not counted gives back what it took', async () => {
    const { ask, send, clock } = answering();
    for (let left = 9; left >= 3; left -= 1)
      ask({ limit: 10, remaining: left, resetMs: (10 - left) * 6_000 });
    const [first, second, third] = [send(), send(), send()];
    expect(send()).toBeUndefined();
    first?.settle(COST);
    second?.release();
    expect(send()).toBeDefined();
    third?.settle(COST);
    await clock.advance(0);
    expect(send()).toBeUndefined();
  });
});

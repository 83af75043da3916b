import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RateLimiter } from '../../../src/resilience/rate-limit/rate-limiter.js';
import type { RateReservation } from '../../../src/resilience/rate-limit/reservation.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { reserve } from '../admitted.js';

const WINDOW_MS = 1_000;

interface Sent {
  atMs: number;
  tokens: number;
}

/** The largest sum of any window of `WINDOW_MS` milliseconds. */
function fullestWindow(sent: readonly Sent[], amountOf: (one: Sent) => number): number {
  let fullest = 0;
  for (const { atMs: start } of sent) {
    const inside = sent.filter(({ atMs }) => atMs >= start && atMs < start + WINDOW_MS);
    fullest = Math.max(
      fullest,
      inside.reduce((sum, one) => sum + amountOf(one), 0),
    );
  }
  return fullest;
}

const scenario = fc.record({
  requestsPerMinute: fc.integer({ min: 1, max: 20 }),
  tokensPerMinute: fc.integer({ min: 100, max: 400 }),
  sizes: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 50, maxLength: 50 }),
  priorities: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 50, maxLength: 50 }),
  stepsMs: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 40, maxLength: 40 }),
});

describe('RateLimiter under 50 concurrent callers', () => {
  test('never lets more than the limit into any window, and never waits while the first could go', async () => {
    await fc.assert(
      fc.asyncProperty(
        scenario,
        async ({ requestsPerMinute, tokensPerMinute, sizes, priorities, stepsMs }) => {
          const clock = new FakeClock();
          const limits = { requestsPerMinute, tokensPerMinute };
          const limiter = new RateLimiter({ lane: 'test', clock, limits, windowMs: WINDOW_MS, marginMs: 0 });
          const sent: Sent[] = [];
          const callers = sizes.map(async (tokens, index) => {
            const options = { priority: priorities[index] };
            const reservation = await reserve(limiter, { inputTokens: tokens, outputTokens: 0 }, options);
            reservation.sent();
            sent.push({ atMs: clock.now(), tokens });
            reservation.settle({ inputTokens: tokens, outputTokens: 0 });
          });
          for (const stepMs of stepsMs) {
            await clock.advance(stepMs);
            expect(clock.pendingTimers).toBeLessThanOrEqual(1);
          }
          await clock.advance(60_000);
          await Promise.all(callers);
          expect(sent).toHaveLength(50);
          expect(fullestWindow(sent, () => 1)).toBeLessThanOrEqual(requestsPerMinute);
          expect(fullestWindow(sent, ({ tokens }) => tokens)).toBeLessThanOrEqual(tokensPerMinute);
          expectNoIdling(sent, requestsPerMinute, tokensPerMinute);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('holds when calls settle for less, are released and limits change at any time', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('advance' as const), value: fc.integer({ min: 1, max: 400 }) }),
      fc.record({ kind: fc.constant('settle' as const), value: fc.nat() }),
      fc.record({ kind: fc.constant('release' as const), value: fc.nat() }),
      fc.record({ kind: fc.constant('limit' as const), value: fc.integer({ min: 50, max: 300 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 80 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 50, maxLength: 50 }),
        async (steps, sizes) => {
          const clock = new FakeClock();
          const limiter = new RateLimiter({
            lane: 'test',
            clock,
            limits: { outputTokensPerMinute: 300 },
            windowMs: WINDOW_MS,
            marginMs: 0,
          });
          const probe = limiter.tryAcquire({ inputTokens: 0, outputTokens: 0 });
          const open: Array<{ reservation: RateReservation; tokens: number }> = [];
          const received: Sent[] = [];
          for (const tokens of sizes) {
            void reserve(limiter, { inputTokens: 1, outputTokens: tokens }).then((reservation) => {
              reservation.sent();
              open.push({ reservation, tokens });
            });
          }
          for (const { kind, value } of steps) {
            if (kind === 'advance') await clock.advance(value);
            else if (kind === 'limit') probe?.learn({ outputTokens: { limit: value } });
            else await clock.advance(0);
            if (kind !== 'settle' && kind !== 'release') continue;
            const [one] = open.splice(value % Math.max(1, open.length), 1);
            if (one === undefined) continue;
            if (kind === 'release') one.reservation.release();
            else {
              const tokens = Math.ceil(one.tokens / 2);
              received.push({ atMs: clock.now(), tokens });
              one.reservation.settle({ inputTokens: 1, outputTokens: tokens });
            }
          }
          await clock.advance(0);
          probe?.release();
          // 300 is the highest limit that was ever set.
          expect(fullestWindow(received, ({ tokens }) => tokens)).toBeLessThanOrEqual(300);
          expect(limiter.inFlight).toBe(open.length);
        },
      ),
      { numRuns: 40 },
    );
  });
});

/** Every start but those at time 0 comes at the very instant at which it first fits behind those before it. */
function expectNoIdling(sent: readonly Sent[], requests: number, tokens: number): void {
  for (const [index, one] of sent.entries()) {
    if (one.atMs === 0) continue;
    const before = sent.slice(0, index);
    const justBefore = before.filter(({ atMs }) => atMs >= one.atMs - WINDOW_MS && atMs <= one.atMs);
    // A moment earlier what leaves the window now was still in it, and the two together did not fit.
    const used = justBefore.reduce((sum, { tokens: size }) => sum + size, 0);
    expect(justBefore.length + 1 > requests || used + one.tokens > tokens).toBe(true);
  }
}

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SlidingWindow } from '../../../src/resilience/rate-limit/sliding-window.js';
import { expectSame } from '../../expectations/expect-same.js';

const SPAN_MS = 1_000;

type Step =
  | { kind: 'add'; amount: number; waitMs: number }
  | { kind: 'takeBack'; which: number; amount: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    amount: fc.integer({ min: 0, max: 50 }),
    waitMs: fc.integer({ min: 0, max: 60 }),
  }),
  fc.record({
    kind: fc.constant('takeBack' as const),
    which: fc.nat(),
    amount: fc.integer({ min: 0, max: 60 }),
  }),
);

/** The same thing with a plain array. */
class PlainWindow {
  readonly entries: Array<{ atMs: number; amount: number }> = [];

  live(nowMs: number, spanMs: number): Array<{ atMs: number; amount: number }> {
    return this.entries.filter(({ atMs }) => atMs + spanMs > nowMs);
  }

  usedAt(nowMs: number, spanMs = SPAN_MS): number {
    return this.live(nowMs, spanMs).reduce((sum, { amount }) => sum + amount, 0);
  }

  leftByMs(amount: number, nowMs: number, spanMs = SPAN_MS): number {
    let sum = 0;
    if (amount <= 0) return nowMs;
    for (const entry of this.live(nowMs, spanMs)) {
      sum += entry.amount;
      if (sum >= amount) return entry.atMs + spanMs;
    }
    return Number.POSITIVE_INFINITY;
  }
}

describe('RateLimitWindow', () => {
  test('agrees with a plain log after any steps, for its own span and for shorter ones', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 0, max: 800 }), (steps, ask) => {
        const window = new SlidingWindow(SPAN_MS);
        const plain = new PlainWindow();
        // Entries of one instant share a number, so the plain log is kept by number.
        const byNumber = new Map<number, { atMs: number; amount: number }>();
        let nowMs = 0;
        const shortMs = 1 + (ask % SPAN_MS);
        for (const step of steps) {
          if (step.kind === 'add') {
            nowMs += step.waitMs;
            const number = window.add(step.amount, nowMs);
            const known = byNumber.get(number);
            if (known !== undefined) known.amount += step.amount;
            else {
              const entry = { atMs: nowMs, amount: step.amount };
              byNumber.set(number, entry);
              plain.entries.push(entry);
            }
          } else if (byNumber.size > 0) {
            const number = step.which % byNumber.size;
            const entry = byNumber.get(number) as { atMs: number; amount: number };
            window.takeBack(number, step.amount, nowMs);
            if (entry.atMs + SPAN_MS > nowMs) entry.amount -= Math.min(entry.amount, step.amount);
          }
          expect(window.usedAt(nowMs)).toBe(plain.usedAt(nowMs));
          expect(window.leftByMs(ask, nowMs)).toBe(plain.leftByMs(ask, nowMs));
          expect(window.usedAt(nowMs, shortMs)).toBe(plain.usedAt(nowMs, shortMs));
          expect(window.leftByMs(ask, nowMs, shortMs)).toBe(plain.leftByMs(ask, nowMs, shortMs));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('agrees with a plain log while it grows past its first capacities, and wraps around', () => {
    const crowd = fc.array(
      fc.record({ amount: fc.integer({ min: 0, max: 9 }), waitMs: fc.integer({ min: 1, max: 6 }) }),
      { minLength: 300, maxLength: 900, size: 'max' },
    );
    fc.assert(
      fc.property(crowd, fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
        const window = new SlidingWindow(SPAN_MS);
        const plain = new PlainWindow();
        let nowMs = 0;
        for (const [index, { amount, waitMs }] of steps.entries()) {
          nowMs += waitMs;
          window.add(amount, nowMs);
          plain.entries.push({ atMs: nowMs, amount });
          // Often enough to meet each size of the ring just before and after it grows.
          if (index % 13 !== 0 && !(index >= 63 && index <= 66) && !(index >= 127 && index <= 130)) continue;
          const ask = Math.max(1, Math.ceil(plain.usedAt(nowMs) * share));
          expectSame(window.usedAt(nowMs), plain.usedAt(nowMs));
          for (const amount of [1, ask, plain.usedAt(nowMs), plain.usedAt(nowMs) + 1]) {
            expectSame(window.leftByMs(amount, nowMs), plain.leftByMs(amount, nowMs));
            expectSame(window.leftByMs(amount, nowMs, 400), plain.leftByMs(amount, nowMs, 400));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('with very many entries never forgets early, and late by a thousandth of the span at most', () => {
    const window = new SlidingWindow(SPAN_MS);
    const log: number[] = [];
    for (let index = 0; index < 50_000; index += 1) {
      const nowMs = index / 13;
      window.add(1, nowMs);
      log.push(nowMs);
      if (index % 997 !== 0) continue;
      const exact = log.filter((atMs) => atMs + SPAN_MS > nowMs).length;
      const late = log.filter((atMs) => atMs + SPAN_MS * 1.001 > nowMs).length;
      expect(window.usedAt(nowMs)).toBeGreaterThanOrEqual(exact);
      expect(window.usedAt(nowMs)).toBeLessThanOrEqual(late);
    }
  });
});

import { describe, expect, test } from '@jest/globals';
import { LimitShape } from '../../../src/resilience/rate-limit/limit-shape.js';

/** Reports on requests that take 40 ms, with what is left and the reset at each time. */
function shapeOf(reports: Array<[atMs: number, remaining: number, resetMs: number]>, toleranceMs = 1) {
  const shape = new LimitShape();
  for (const [atMs, remaining, resetMs] of reports) {
    shape.observe({ limit: 60, remaining, resetMs, toleranceMs, sentAtMs: atMs, heardAtMs: atMs + 40 });
  }
  return shape;
}

describe('LimitShape', () => {
  test('a reset in proportion to what was taken is that of a bucket', () => {
    const shape = shapeOf([
      [0, 59, 50],
      [10, 40, 1_000],
      [20, 10, 2_500],
    ]);
    expect(shape).toMatchObject({ isBucket: true, isFixedWindow: false, isSlidingWindow: false });
    expect(shape.isCertain).toBe(true);
    expect(shape.shortestRefillMs).toBeGreaterThan(2_900);
    expect(shape.longestRefillMs).toBeLessThan(3_200);
  });

  test('a reset that counts down is that of a fixed window, whose end and length it tells', () => {
    const shape = shapeOf([
      [0, 59, 3_000],
      [200, 40, 2_800],
      [400, 10, 2_600],
    ]);
    expect(shape).toMatchObject({ isBucket: false, isCertainlyFixed: true, windowEndsAtMs: 3_040 });
    expect(shape.windowMs).toBe(3_000);
    expect(shape.windowEndsByMs).toBe(3_041);
    const next = { limit: 60, remaining: 59, toleranceMs: 1, sentAtMs: 3_010, heardAtMs: 3_050 };
    expect(shape.observe({ ...next, resetMs: 2_990 })).toBe(true);
    expect(shape.windowEndsAtMs).toBe(6_040);
  });

  test('a reset that stays the same is that of a sliding window', () => {
    const shape = shapeOf([
      [0, 59, 60_000],
      [500, 40, 60_000],
      [900, 10, 60_000],
    ]);
    expect(shape).toMatchObject({ isBucket: false, isFixedWindow: false, isSlidingWindow: true });
    expect(shape.windowMs).toBe(60_000);
  });

  test('one report leaves every kind possible, and none of them certain', () => {
    expect(shapeOf([[0, 40, 3_000]])).toMatchObject({
      isBucket: true,
      isFixedWindow: true,
      isSlidingWindow: true,
      isCertain: false,
    });
    expect(new LimitShape()).toMatchObject({ isBucket: false, isFixedWindow: false, isSlidingWindow: true });
  });

  test('reports that contradict every kind are less exact than they say: all begins again', () => {
    const reports: Array<[number, number, number]> = [];
    // A bucket of 60 in 3 s whose reset is up to half a second off.
    for (let index = 0; index < 60; index += 1) {
      reports.push([index * 5, 59 - index, (index + 1) * 50 + ((index * 211) % 500)]);
    }
    const shape = shapeOf(reports);
    expect(shape.isBucket).toBe(true);
    expect(shape.longestRefillMs).toBeGreaterThan(2_500);
  });

  test('knows little of a short length that is told in whole seconds', () => {
    const shape = shapeOf([[0, 9, 1_000]], 1_000);
    expect(shape.isSlidingWindow).toBe(false);
    expect(shape.isCertain).toBe(false);
  });
});

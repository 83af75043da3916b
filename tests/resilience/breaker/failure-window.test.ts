import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FailureWindow } from '../../../src/resilience/breaker/failure-window.js';

describe('FailureWindow', () => {
  test('counts exactly what its 60 slices hold', () => {
    const call = fc.record({ waitMs: fc.integer({ min: 0, max: 2_500 }), isFailure: fc.boolean() });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), fc.nat(1e7), (calls, startMs) => {
        const window = new FailureWindow(6_000);
        const log: Array<{ slice: number; isFailure: boolean }> = [];
        let nowMs = startMs;
        for (const { waitMs, isFailure } of calls) {
          nowMs += waitMs;
          const slice = Math.floor(nowMs / 100);
          window.count(isFailure, nowMs);
          log.push({ slice, isFailure });
          const live = log.filter((one) => one.slice > slice - 60);
          expect(window.callsAt(nowMs)).toBe(live.length);
          const failures = live.filter((one) => one.isFailure).length;
          expect(window.failureRatioAt(nowMs)).toBe(failures / live.length);
        }
      }),
    );
  });

  test('is empty after clear and after a whole window of silence', () => {
    const window = new FailureWindow(60_000);
    window.count(true, 0);
    expect(window.failureRatioAt(59_999)).toBe(1);
    expect(window.failureRatioAt(60_000)).toBe(0);
    window.count(false, 70_000);
    window.clear();
    expect(window.callsAt(70_000)).toBe(0);
  });
});

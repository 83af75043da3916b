import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { OutcomeWindow } from '../../../src/resilience/lane/outcome-window.js';

describe('OutcomeWindow', () => {
  test('knows nothing at first', () => {
    const window = new OutcomeWindow(3);
    expect([window.count, window.failures, window.failedRatio]).toEqual([0, 0, 0]);
  });

  test('counts what it is given until it is full, then the latest', () => {
    const window = new OutcomeWindow(3);
    for (const hasFailed of [true, true, false]) window.add(hasFailed);
    expect([window.count, window.failures]).toEqual([3, 2]);
    window.add(false);
    expect([window.count, window.failures, window.failedRatio]).toEqual([3, 1, 1 / 3]);
  });

  test('is empty once it is cleared', () => {
    const window = new OutcomeWindow(2);
    window.add(true);
    window.clear();
    expect([window.count, window.failures]).toEqual([0, 0]);
    window.add(false);
    expect([window.count, window.failures]).toEqual([1, 0]);
  });

  test('agrees with counting the end of the list, whatever comes', () => {
    const steps = fc.array(fc.oneof({ arbitrary: fc.boolean(), weight: 9 }, fc.constant('clear' as const)));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), steps, (size, all) => {
        const window = new OutcomeWindow(size);
        let latest: boolean[] = [];
        for (const step of all) {
          if (step === 'clear') window.clear();
          else window.add(step);
          latest = step === 'clear' ? [] : [...latest, step].slice(-size);
          expect([window.count, window.failures]).toEqual([latest.length, latest.filter(Boolean).length]);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LatencyWindow } from '../../../src/resilience/hedge/latency-window.js';

describe('LatencyWindow', () => {
  test('knows no percentile of nothing and ignores what is no number', () => {
    const window = new LatencyWindow();
    window.add(Number.NaN);
    expect(window.percentile(95)).toBeUndefined();
    expect(window.count).toBe(0);
  });

  test('agrees with sorting the newest ones', () => {
    const latencies = fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(latencies, fc.integer({ min: 1, max: 100 }), (all, percentile) => {
        const window = new LatencyWindow(16);
        for (const latencyMs of all) window.add(latencyMs);
        const newest = all.slice(-16).sort((one, other) => one - other);
        expect(window.count).toBe(newest.length);
        expect(window.percentile(percentile)).toBe(newest[Math.ceil((percentile / 100) * newest.length) - 1]);
      }),
    );
  });

  test('an attempt cancelled late counts as one that took that long, one cancelled early not at all', () => {
    const window = new LatencyWindow();
    window.addCancelled(5);
    for (const latencyMs of [10, 20, 30]) window.add(latencyMs);
    window.addCancelled(19);
    window.addCancelled(40);
    expect(window.count).toBe(4);
    expect(window.percentile(100)).toBe(40);
  });
});

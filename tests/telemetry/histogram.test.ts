import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Histogram, type StoredHistogram } from '../../src/telemetry/histogram.js';
import { seeded } from '../behaviour/seeded-random.js';

const SHARES = [0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

/** The value that this share of all values does not exceed, by sorting them. */
function exactQuantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number;
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** From a microsecond, the finest that is told apart, to a day. */
const lengths = fc.array(fc.double({ min: 0.001, max: 86_400_000, noNaN: true }), {
  minLength: 1,
  maxLength: 300,
});

describe('Histogram', () => {
  test('gives every percentile within 1 % of the exact one', () => {
    fc.assert(
      fc.property(lengths, (values) => {
        const histogram = histogramOf(values);
        for (const share of SHARES) {
          const exact = exactQuantile(values, share);
          expect(Math.abs(histogram.quantile(share) - exact)).toBeLessThanOrEqual(0.01 * exact);
        }
      }),
    );
  });

  test.each([
    ['latencies with a long tail', (random: number) => 50 * (1 - random) ** -1.2],
    ['hits within microseconds', (random: number) => 0.002 + 0.01 * random],
    ['two groups far apart', (random: number) => (random < 0.98 ? 2 : 20_000) * (1 + random)],
  ])('gives p50, p95 and p99 of 100,000 %s within 1 %', (_name, lengthOf) => {
    const random = seeded(14);
    const values = Array.from({ length: 100_000 }, () => lengthOf(random()));
    const { p50, p95, p99 } = histogramOf(values).distribution();
    for (const [found, share] of [
      [p50, 0.5],
      [p95, 0.95],
      [p99, 0.99],
    ] as const) {
      const exact = exactQuantile(values, share);
      expect(Math.abs(found - exact) / exact).toBeLessThanOrEqual(0.01);
    }
  });

  test('says of merged histograms what it would say had it counted everything itself', () => {
    fc.assert(
      fc.property(lengths, lengths, (left, right) => {
        const merged = histogramOf(left);
        merged.merge(histogramOf(right));
        const whole = histogramOf([...left, ...right]);
        expect({ ...merged.toJSON(), sum: 0 }).toEqual({ ...whole.toJSON(), sum: 0 });
        expect(merged.sum).toBeCloseTo(whole.sum, 3);
      }),
    );
  });

  test('comes back from JSON as it was', () => {
    fc.assert(
      fc.property(lengths, (values) => {
        const stored = JSON.stringify(histogramOf(values));
        expect(JSON.stringify(Histogram.from(JSON.parse(stored) as StoredHistogram))).toBe(stored);
      }),
    );
  });

  test('keeps count, maximum and mean exactly, and gives zeros for nothing', () => {
    expect(histogramOf([]).distribution()).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0, mean: 0 });
    expect(histogramOf([3, 1, 8])).toMatchObject({ count: 3, max: 8, sum: 12 });
    expect(histogramOf([3, 1, 8]).distribution()).toMatchObject({ count: 3, max: 8, mean: 4 });
  });

  test('counts what is below a power of two exactly', () => {
    const histogram = histogramOf([0, 0.5, 1.999, 2, 3.999, 4, 1_000]);
    expect([1, 2, 4, 1_024].map((limit) => histogram.countBelow(limit))).toEqual([2, 3, 5, 7]);
  });

  test('takes lengths that are no lengths, and longer ones than it can tell apart', () => {
    const histogram = histogramOf([Number.NaN, -5, 0, 1e12, Number.POSITIVE_INFINITY]);
    expect(histogram.count).toBe(5);
    expect(histogram.quantile(0.5)).toBe(0);
    expect(histogram.quantile(0.7)).toBeGreaterThan(2 ** 30);
  });
});

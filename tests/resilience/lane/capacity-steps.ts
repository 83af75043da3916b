import { expect } from '@jest/globals';

/** How many requests were worked on at some moment. */
export interface CapacitySample {
  readonly atMs: number;
  readonly working: number;
}

/** From when to when what a capacity that steps 16, 4, 16 every 20 s has to be found, and what it is. */
const FOUND = [
  { fromMs: 10_000, capacity: 16 },
  { fromMs: 30_000, capacity: 4 },
  { fromMs: 50_000, capacity: 16 },
] as const;

/** Ten seconds after each step what is worked on is within 2 of the capacity, in more than 95 % of the samples. */
export function expectCapacityFound(samples: readonly CapacitySample[]): void {
  for (const { fromMs, capacity } of FOUND) {
    const settled = samples.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + 10_000);
    const near = settled.filter(({ working }) => Math.abs(working - capacity) <= 2);
    expect(near.length / settled.length).toBeGreaterThan(0.95);
  }
}

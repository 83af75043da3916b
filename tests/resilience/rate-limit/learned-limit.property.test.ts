import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seeded } from '../../behaviour/seeded-random.js';
import {
  Bucket,
  FixedWindow,
  type ReportStyle,
  RollingWindow,
  type SimulatedLimit,
  simulate,
} from './simulated-provider.js';

/** The share of a limit that is used at least, and of the requests that are rejected at most. */
const LEAST_USED = 0.9;
const MOST_REJECTED = 0.03;

type Kind = 'bucket' | 'fixed window' | 'sliding window';

function limitOf(kind: Kind, limit: number, lengthMs: number, phaseMs: number): SimulatedLimit {
  if (kind === 'bucket') return new Bucket(limit, lengthMs);
  return kind === 'fixed window'
    ? new FixedWindow(limit, lengthMs, phaseMs % lengthMs)
    : new RollingWindow(limit, lengthMs);
}

const scenario = fc.record({
  limit: fc.integer({ min: 50, max: 150 }),
  lengthMs: fc.integer({ min: 2_000, max: 6_000 }),
  phaseMs: fc.nat(6_000),
  latencyMs: fc.integer({ min: 5, max: 80 }),
  seed: fc.nat(),
});

describe('A learned limit', () => {
  const cases: Array<[Kind, ReportStyle]> = [
    ['bucket', 'instant'],
    ['bucket', 'duration'],
    ['bucket', 'whole-seconds'],
    ['fixed window', 'instant'],
    ['fixed window', 'duration'],
    ['fixed window', 'whole-seconds'],
    ['sliding window', 'instant'],
    ['sliding window', 'duration'],
  ];
  test.each(cases)(
    'that is a %s is used in full, without rejections, by its %s reports',
    async (kind, style) => {
      await fc.assert(
        fc.asyncProperty(scenario, async ({ limit, lengthMs, phaseMs, latencyMs, seed }) => {
          // What a second is to a window decides how much whole seconds can tell.
          const windowMs = style === 'whole-seconds' ? 3 * lengthMs : lengthMs;
          const { usedShare, rejected, accepted } = await simulate({
            server: limitOf(kind, limit, windowMs, phaseMs),
            style,
            forMs: 5 * windowMs,
            random: seeded(seed),
            latencyMs,
          });
          expect(usedShare).toBeGreaterThanOrEqual(LEAST_USED);
          expect(rejected).toBeLessThanOrEqual(Math.max(3, MOST_REJECTED * accepted));
        }),
        { numRuns: 12 },
      );
    },
  );

  test.each<[Kind]>([['bucket'], ['fixed window']])(
    'that is a %s and used by two processes is used in full, with few rejections',
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(scenario, async ({ limit, lengthMs, phaseMs, seed }) => {
          const { usedShare, rejected, accepted } = await simulate({
            server: limitOf(kind, 4 * limit, 3 * lengthMs, phaseMs),
            style: 'instant',
            forMs: 15 * lengthMs,
            random: seeded(seed),
            processes: 2,
          });
          expect(usedShare).toBeGreaterThanOrEqual(LEAST_USED);
          expect(rejected).toBeLessThanOrEqual(0.05 * accepted);
        }),
        { numRuns: 6 },
      );
    },
  );

  test('by the day, of which little is left, gives that at once and the rest as it comes back', async () => {
    for (const style of ['instant', 'duration', 'whole-seconds'] as const) {
      const { accepted, rejected } = await simulate({
        server: new Bucket(14_400, 86_400_000, 200),
        style,
        forMs: 60_000,
        random: seeded(1),
      });
      expect(accepted).toBeGreaterThanOrEqual(208);
      expect(rejected).toBe(0);
    }
  });

  test('whose reports have no reset is found out by single requests', async () => {
    const { usedShare, rejected, accepted } = await simulate({
      server: new FixedWindow(60, 3_000),
      style: 'without-reset',
      forMs: 60_000,
      random: seeded(1),
    });
    expect(usedShare).toBeGreaterThanOrEqual(0.7);
    expect(rejected).toBeLessThanOrEqual(MOST_REJECTED * accepted);
  });

  test('whose answers take a tenth of its window is used in full too', async () => {
    for (const kind of ['bucket', 'fixed window', 'sliding window'] as const) {
      const { usedShare, rejected, accepted } = await simulate({
        server: limitOf(kind, 300, 6_000, 0),
        style: 'duration',
        forMs: 60_000,
        random: seeded(1),
        latencyMs: 600,
        concurrent: 150,
      });
      expect(usedShare).toBeGreaterThanOrEqual(LEAST_USED);
      expect(rejected).toBeLessThanOrEqual(MOST_REJECTED * accepted);
    }
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CoolOff } from '../../../src/resilience/lane/cool-off.js';
import { RateLimiter } from '../../../src/resilience/rate-limit/rate-limiter.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { reserve } from '../admitted.js';

const SMALL = { inputTokens: 1, outputTokens: 1 };

function coolOffOf(random: () => number = () => 0, waiting = 0) {
  const clock = new FakeClock();
  return { clock, coolOff: new CoolOff({ clock, random, waiting: () => waiting }) };
}

function seeded(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

describe('CoolOff', () => {
  test('is open until a request is rejected', () => {
    const { coolOff } = coolOffOf();
    expect(coolOff.opensAtMs(5)).toBe(5);
    coolOff.started(5);
    expect(coolOff.pausedForMs).toBe(0);
  });

  test('a retry-after is a floor: jitter only lengthens it', () => {
    expect(openAfter(() => 0)).toBe(2_000);
    expect(openAfter(() => 0.5)).toBe(2_100);
    function openAfter(random: () => number): number {
      const { coolOff } = coolOffOf(random);
      expect(coolOff.rejected(2_000)).toBe(true);
      return coolOff.opensAtMs(0);
    }
  });

  test('jitter never adds more than a second', () => {
    const { coolOff } = coolOffOf(() => 1);
    coolOff.rejected(60_000);
    expect(coolOff.opensAtMs(0)).toBe(61_000);
  });

  test('of several rejections the longest wait counts', async () => {
    const { clock, coolOff } = coolOffOf();
    expect(coolOff.rejected(2_000)).toBe(true);
    expect(coolOff.rejected(500)).toBe(false);
    expect(coolOff.pausedForMs).toBe(2_000);
    await clock.advance(1_000);
    expect(coolOff.rejected(3_000)).toBe(true);
    expect(coolOff.pausedForMs).toBe(3_000);
    expect(coolOff.pauses).toBe(1);
  });

  test('without a named wait the pause doubles with every further rejection, and is short again after a success', async () => {
    const { clock, coolOff } = coolOffOf();
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      coolOff.rejected(undefined);
      // The other requests in flight are rejected by the same overload.
      expect(coolOff.rejected(undefined)).toBe(false);
      expect(coolOff.pausedForMs).toBe(pauseMs);
      await clock.advance(pauseMs);
      coolOff.opensAtMs(clock.now());
    }
    coolOff.succeeded();
    coolOff.rejected(undefined);
    expect(coolOff.pausedForMs).toBe(1_000);
  });

  test('tolerates the configured number of rejections in a row', () => {
    const { coolOff } = coolOffOf();
    coolOff.tolerated = 2;
    expect([1, 2, 3].map(() => coolOff.rejected(undefined))).toEqual([false, false, true]);
  });

  test('50 requests that wait through a pause return spread: nothing early, no more than a quarter in any 100 ms', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: 60 }), fc.nat(1e6), async (crowd, seed) => {
        const clock = new FakeClock();
        const coolOff = new CoolOff({ clock, random: seeded(seed), waiting: (): number => limiter.waiting });
        const limiter: RateLimiter = new RateLimiter({ lane: 'test', clock, gate: coolOff });
        coolOff.rejected(1_500);
        const starts: number[] = [];
        for (let index = 0; index < crowd; index += 1) {
          void reserve(limiter, SMALL).then((reservation) => {
            starts.push(clock.now());
            reservation.sent();
            reservation.settle(SMALL);
          });
        }
        await clock.advance(10_000);
        expect(starts).toHaveLength(crowd);
        expect(Math.min(...starts)).toBeGreaterThanOrEqual(1_500);
        for (const start of starts) {
          const within = starts.filter((atMs) => atMs >= start && atMs < start + 100).length;
          expect(within).toBeLessThanOrEqual(crowd / 4);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('requests that come back by themselves after the pause are spread too', async () => {
    const { clock, coolOff } = coolOffOf(() => 0.5);
    coolOff.willReturn();
    for (let index = 0; index < 20; index += 1) {
      coolOff.rejected(1_000);
      coolOff.willReturn();
    }
    await clock.advance(1_200);
    const firstMs = coolOff.opensAtMs(clock.now());
    coolOff.started(firstMs);
    expect(coolOff.opensAtMs(firstMs) - firstMs).toBeCloseTo(50, 6);
    // Once as many have started as were rejected, or the time for it is over, everything is as before.
    await clock.advance(5_000);
    expect(coolOff.opensAtMs(clock.now())).toBe(clock.now());
  });
});

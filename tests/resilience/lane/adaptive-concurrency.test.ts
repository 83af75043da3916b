// Covers: src/resilience/lane/outcome-window.ts
import { describe, expect, test } from '@jest/globals';
import { AdaptiveConcurrency } from '../../../src/resilience/lane/adaptive-concurrency.js';
import { Lane } from '../../../src/resilience/lane/lane.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { passOf } from '../admitted.js';
import { type CapacitySample, expectCapacityFound } from './capacity-steps.js';

/** Answers one request at a time. */
function succeed(adaptive: AdaptiveConcurrency, times: number, inFlight = adaptive.limit): void {
  for (let index = 0; index < times; index += 1) adaptive.succeeded(adaptive.started(), inFlight);
}

describe('AdaptiveConcurrency', () => {
  test('raises its limit by one for every round of successes at the limit', () => {
    const adaptive = new AdaptiveConcurrency({ initial: 4 });
    succeed(adaptive, 4);
    expect(adaptive.limit).toBe(5);
    succeed(adaptive, 5);
    expect(adaptive.limit).toBe(6);
  });

  test('successes far below the limit say nothing about it', () => {
    const adaptive = new AdaptiveConcurrency({ initial: 10 });
    succeed(adaptive, 1_000, 4);
    expect(adaptive.limit).toBe(10);
  });

  test('one overload after a raise undoes it; overloads in a row cut by a quarter, then by halves', () => {
    const adaptive = new AdaptiveConcurrency({ initial: 16 });
    const cutTo = () => {
      adaptive.overloaded(adaptive.started());
      return adaptive.limit;
    };
    expect([cutTo(), cutTo(), cutTo(), cutTo(), cutTo(), cutTo()]).toEqual([15, 11, 5, 2, 1, 1]);
    expect(adaptive.stats()).toEqual({ limit: 1, raises: 0, cuts: 5 });
  });

  test('many requests that meet the same overload cut once', () => {
    const adaptive = new AdaptiveConcurrency({ initial: 16 });
    const requests = Array.from({ length: 16 }, () => adaptive.started());
    expect(requests.map((request) => adaptive.overloaded(request)).filter(Boolean)).toHaveLength(1);
    expect(adaptive.limit).toBe(15);
    // Nor do successes of requests from before the cut count towards a raise.
    for (const request of requests) adaptive.succeeded(request, 15);
    succeed(adaptive, 99);
    expect(adaptive.limit).toBe(15);
    succeed(adaptive, 1);
    expect(adaptive.limit).toBe(16);
  });

  test('stays between its floor and its ceiling', () => {
    const adaptive = new AdaptiveConcurrency({ initial: 50, minimum: 3, maximum: 5 });
    expect(adaptive.limit).toBe(5);
    succeed(adaptive, 1_000);
    expect(adaptive.limit).toBe(5);
    for (let index = 0; index < 10; index += 1) adaptive.overloaded(adaptive.started());
    expect(adaptive.limit).toBe(3);
  });
});

/** A service that works on `capacity` requests at once, answers in 60 to 140 ms and rejects the rest within 5 ms. */
class LimitedService {
  capacity = 16;
  inFlight = 0;
  requests = 0;
  rejections = 0;
  readonly #clock: FakeClock;
  #seed = 11;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async request(meanMs: number): Promise<boolean> {
    this.requests += 1;
    if (this.inFlight >= this.capacity) {
      this.rejections += 1;
      await this.#wait(5);
      return false;
    }
    this.inFlight += 1;
    this.#seed = (this.#seed * 48_271) % 2_147_483_647;
    await this.#wait(meanMs * (0.6 + (0.8 * this.#seed) / 2_147_483_647));
    this.inFlight -= 1;
    return true;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimeout(() => resolve(), delayMs, undefined));
  }
}

/** Keeps a lane busy for 60 s while the service's capacity goes 16, 4, 16. */
async function simulate(
  meanMs: number,
): Promise<{ samples: CapacitySample[]; service: LimitedService; lane: Lane }> {
  const clock = new FakeClock();
  const service = new LimitedService(clock);
  const lane = new Lane('test', { clock, random: () => 0.5 });
  const samples: CapacitySample[] = [];
  let isOver = false;
  const caller = async (): Promise<void> => {
    while (!isOver) {
      const pass = await passOf(lane, { inputTokens: 1, outputTokens: 1 }, 4);
      pass.send();
      if (await service.request(meanMs)) pass.answered();
      else pass.failed({ failure: 'rate-limited' });
    }
  };
  const callers = Array.from({ length: 40 }, caller);
  for (let atMs = 0; atMs < 60_000; atMs += 50) {
    if (atMs === 20_000) service.capacity = 4;
    if (atMs === 40_000) service.capacity = 16;
    await clock.advance(50);
    samples.push({ atMs, working: service.inFlight });
  }
  isOver = true;
  await clock.advance(60_000);
  await Promise.all(callers);
  return { samples, service, lane };
}

describe('a lane without limit headers', () => {
  test.each([50, 100, 200])(
    'finds a capacity that steps 16, 4, 16 within 10 s each time, at %d ms an answer',
    async (meanMs) => {
      const { samples, service, lane } = await simulate(meanMs);
      expectCapacityFound(samples);
      expect(service.rejections / service.requests).toBeLessThan(0.03);
      expect(lane.stats().adaptive?.cuts).toBeGreaterThan(2);
    },
  );
});

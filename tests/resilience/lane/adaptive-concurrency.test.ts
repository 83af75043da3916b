// Covers: src/resilience/lane/outcome-window.ts
import { describe, expect, test } from '@jest/globals';
import {
  AdaptiveConcurrency,
  type AdaptiveConcurrencyOptions,
} from '../../../src/resilience/lane/adaptive-concurrency.js';
import { Lane } from '../../../src/resilience/lane/lane.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { failedAttempt, passOf, progress } from '../admitted.js';
import { type CapacitySample, expectCapacityFound } from './capacity-steps.js';

/** Requests of one lane: the next one has the number `sent`. */
class Requests {
  sent = 0;
  readonly adaptive: AdaptiveConcurrency;

  constructor(options?: AdaptiveConcurrencyOptions) {
    this.adaptive = new AdaptiveConcurrency(options);
  }

  /** Sends requests and has each answered while `inFlight` run. Returns how often the limit changed. */
  answer(times: number, inFlight = this.adaptive.limit): number {
    let changes = 0;
    for (let index = 0; index < times; index += 1) {
      if (this.adaptive.answered(this.sent++, inFlight, this.sent)) changes += 1;
    }
    return changes;
  }

  /** Sends requests and has each rejected while `beside` others run. Returns how often the limit changed. */
  reject(times: number, beside: number): number {
    let changes = 0;
    for (let index = 0; index < times; index += 1) {
      if (this.adaptive.rejected(this.sent++, beside, this.sent)) changes += 1;
    }
    return changes;
  }

  /** The lane takes `limit` at once, as the provider has just rejected more. */
  cutTo(limit: number): void {
    const first = this.sent++;
    this.reject(4, limit);
    this.adaptive.answered(first, limit, this.sent);
    expect(this.adaptive.limit).toBe(limit);
  }

  /** Answers until the limit changes. */
  answersUntilRaised(): number {
    for (let answers = 1; answers <= 1_000; answers += 1) if (this.answer(1) > 0) return answers;
    throw new Error('never raised');
  }
}

describe('AdaptiveConcurrency', () => {
  test('has no limit before the first overload, however much is answered', () => {
    const requests = new Requests();
    requests.answer(1_000, 500);
    expect(requests.adaptive.stats()).toEqual({ limit: Infinity, raises: 0, cuts: 0 });
  });

  test('one rejection in four cuts nothing', () => {
    const requests = new Requests();
    for (let round = 0; round < 100; round += 1) {
      requests.reject(1, 30);
      requests.answer(3, 30);
    }
    expect(requests.adaptive.stats()).toEqual({ limit: Infinity, raises: 0, cuts: 0 });
  });

  test('where everything is rejected the limit stays: how many run at once is not the reason', () => {
    const requests = new Requests();
    requests.reject(100, 30);
    expect(requests.adaptive.limit).toBe(Infinity);
  });

  test('half of the latest requests rejected while one that was sent before is answered cuts to what ran beside', () => {
    const requests = new Requests();
    const early = requests.sent++;
    expect(requests.reject(4, 16)).toBe(0);
    expect(requests.adaptive.answered(early, 17, requests.sent)).toBe(true);
    expect(requests.adaptive.stats()).toEqual({ limit: 16, raises: 0, cuts: 1 });
  });

  test.each([
    [undefined, 0, 1],
    [undefined, 1, 1],
    [undefined, 2, 2],
    [4, 3, 4],
    [4, 5, 5],
  ])('with a minimum of %s and %i beside the rejected ones cuts to %i', (minimum, beside, expected) => {
    const requests = new Requests(minimum === undefined ? {} : { minimum });
    const early = requests.sent++;
    requests.reject(4, beside);
    requests.adaptive.answered(early, 1, requests.sent);
    expect(requests.adaptive.limit).toBe(expected);
  });

  test('an answer to a request that was sent after the rejections says nothing about them', () => {
    const requests = new Requests();
    requests.reject(4, 16);
    requests.answer(1, 3);
    expect(requests.adaptive.limit).toBe(Infinity);
  });

  test('many requests that meet the same overload cut once', () => {
    const requests = new Requests();
    const early = Array.from({ length: 16 }, () => requests.sent++);
    requests.reject(24, 16);
    const cuts = early.filter((request) => requests.adaptive.answered(request, 16, requests.sent));
    expect(cuts).toHaveLength(1);
    expect(requests.adaptive.stats()).toMatchObject({ limit: 16, cuts: 1 });
  });

  test('after a cut it is raised by one after 64 answers, then sooner and sooner', () => {
    const requests = new Requests();
    requests.cutTo(3);
    const answers = Array.from({ length: 5 }, () => requests.answersUntilRaised());
    expect(answers).toEqual([64, 16, 5, 6, 7]);
    expect(requests.adaptive.stats()).toMatchObject({ limit: 8, raises: 5 });
  });

  test('a rejection right after a raise undoes the raise and no more', () => {
    const requests = new Requests();
    requests.cutTo(16);
    requests.answersUntilRaised();
    expect([requests.adaptive.limit, requests.adaptive.proven]).toEqual([17, 16]);
    expect(requests.reject(1, 16)).toBe(1);
    expect([requests.adaptive.limit, requests.adaptive.proven]).toEqual([16, 16]);
    // The next try takes as many answers as after a cut.
    expect(requests.answersUntilRaised()).toBe(64);
  });

  test('a raised limit counts as proven once as many have been answered', () => {
    const requests = new Requests();
    requests.cutTo(4);
    requests.answersUntilRaised();
    expect(requests.answer(5)).toBe(0);
    expect(requests.adaptive.proven).toBe(5);
    expect(requests.reject(1, 4)).toBe(0);
    expect(requests.adaptive.limit).toBe(5);
  });

  test('answers far below the limit say nothing about it, nor do those of requests from before a cut', () => {
    const requests = new Requests();
    const early = Array.from({ length: 500 }, () => requests.sent++);
    requests.cutTo(16);
    requests.answer(500, 7);
    for (const request of early) requests.adaptive.answered(request, 16, requests.sent);
    expect(requests.adaptive.stats()).toMatchObject({ limit: 16, raises: 0 });
  });

  test('never falls below its minimum, nor is it raised by a cut', () => {
    const requests = new Requests({ initial: 10, minimum: 3 });
    requests.cutTo(5);
    const early = requests.sent++;
    requests.reject(4, 0);
    requests.adaptive.answered(early, 1, requests.sent);
    expect(requests.adaptive.limit).toBe(3);
    const other = requests.sent++;
    requests.reject(4, 40);
    expect(requests.adaptive.answered(other, 1, requests.sent)).toBe(false);
    expect(requests.adaptive.stats()).toMatchObject({ limit: 3, cuts: 2 });
  });
});

const COST = { inputTokens: 1, outputTokens: 1 };

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
      const pass = await passOf(lane, COST, 4, { outlook: progress(2) });
      pass.send();
      if (await service.request(meanMs)) pass.answered();
      else pass.failed(failedAttempt('rate-limited', { outlook: progress(2) }));
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

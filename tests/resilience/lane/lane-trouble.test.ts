// Covers: src/resilience/lane/lane-patience.ts
import { describe, expect, test } from '@jest/globals';
import type { LaneDownError } from '../../../src/errors/traffic-errors.js';
import { parseOptions } from '../../../src/input/parse-options.js';
import { Lane } from '../../../src/resilience/lane/lane.js';
import type { LaneOptions, LaneWait } from '../../../src/resilience/lane/lane-options.js';
import type { LanePass } from '../../../src/resilience/lane/lane-pass.js';
import type { RateRequestOptions } from '../../../src/resilience/rate-limit/rate-request.js';
import type { RetryProgress } from '../../../src/resilience/retry/retry-outlook.js';
import { breakerSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { failedAttempt, passOf, progress } from '../admitted.js';

const SMALL = { inputTokens: 10, outputTokens: 10 };

function laneOf(options: Partial<LaneOptions> = {}) {
  const clock = new FakeClock();
  return { clock, lane: new Lane('p/m', { clock, random: () => 0, ...options }) };
}

/** What has become of requests that wait. */
class Waiters {
  readonly admitted: Array<{ name: string; atMs: number; pass: LanePass }> = [];
  readonly refused: Array<{ name: string; atMs: number; error: { code: string; retryAfterMs?: number } }> =
    [];
  readonly #lane: Lane;
  readonly #clock: FakeClock;

  constructor({ lane, clock }: { lane: Lane; clock: FakeClock }) {
    this.#lane = lane;
    this.#clock = clock;
  }

  add(name: string, options: RateRequestOptions = {}): void {
    const [clock, admitted, refused] = [this.#clock, this.admitted, this.refused];
    const admit = (pass: LanePass): void => {
      pass.send();
      admitted.push({ name, atMs: clock.now(), pass });
    };
    const refuse = (error: Error): void =>
      void refused.push({ name, atMs: clock.now(), error: error as Error & { code: string } });
    this.#lane.submit(SMALL, 40, options, admit, refuse);
  }

  get names(): string[] {
    return this.admitted.map(({ name }) => name);
  }
}

async function sendOne(lane: Lane): Promise<LanePass> {
  const pass = await passOf(lane, SMALL, 40);
  pass.send();
  return pass;
}

/** A lane that has answered and then failed until it stopped. */
async function stopped(options: Partial<LaneOptions> = {}) {
  const test = laneOf({ maxConcurrent: () => 10, ...options });
  (await sendOne(test.lane)).answered();
  for (let request = 0; request < 4; request += 1)
    (await sendOne(test.lane)).failed(failedAttempt('overloaded'));
  expect(test.lane.isStopped).toBe(true);
  return { ...test, waiters: new Waiters(test) };
}

describe('Lane: a demanded wait', () => {
  test('stops it for all callers, and refuses at once what can no longer meet its deadline', async () => {
    const paused: number[] = [];
    const { clock, lane } = laneOf({ limits: { maxConcurrent: 1 }, onPause: (ms) => void paused.push(ms) });
    const rejected = await sendOne(lane);
    const late = passOf(lane, SMALL, 40, { deadlineAtMs: 30_000 });
    const patient = passOf(lane, SMALL, 40);
    rejected.failed(failedAttempt('rate-limited', { retryAfterMs: 120_000 }));
    await expect(late).rejects.toMatchObject({ code: 'TUTTI_RATE_LIMITED', retryAfterMs: 120_000 });
    await expect(passOf(lane, SMALL, 40, { deadlineAtMs: 30_000 })).rejects.toMatchObject({
      reason: 'wait-too-long',
      retryAfterMs: 120_000,
    });
    expect(paused).toEqual([120_000]);
    expect(lane.isSaturated).toBe(true);
    expect(lane.waitingFor).toEqual({ reason: 'retry-after', untilMs: clock.epochMs() + 120_000 });
    await clock.advance(119_999);
    expect(lane.stats()).toMatchObject({ waiting: 1, pausedForMs: 1, pauses: 1 });
    await clock.advance(1);
    await patient;
  });

  test('that is longer than a call waits refuses it, whether it waits already or comes later', async () => {
    const { clock, lane } = laneOf({ limits: { maxConcurrent: 1 } });
    const waiters = new Waiters({ lane, clock });
    const rejected = await sendOne(lane);
    waiters.add('before', { maxWaitMs: 50_000 });
    waiters.add('patient', { maxWaitMs: 70_000 });
    rejected.failed(failedAttempt('rate-limited', { retryAfterMs: 60_000 }));
    waiters.add('after', { maxWaitMs: 59_999 });
    expect(waiters.refused).toEqual(
      ['before', 'after'].map((name) => ({
        name,
        atMs: 0,
        error: expect.objectContaining({ code: 'TUTTI_RATE_LIMITED', retryAfterMs: 60_000 }),
      })),
    );
    await clock.advance(60_000);
    expect(waiters.names).toEqual(['patient']);
  });

  test('is waited for until it is over, then one request goes out and its answer lets the others go', async () => {
    const { clock, lane } = laneOf({ maxConcurrent: () => 100 });
    const waiters = new Waiters({ lane, clock });
    (await sendOne(lane)).failed(failedAttempt('rate-limited', { retryAfterMs: 2_000 }));
    for (let call = 0; call < 40; call += 1) waiters.add(`${call}`, { outlook: progress(2) });
    await clock.advance(2_100);
    expect(waiters.admitted.map(({ atMs }) => atMs)).toEqual([2_000]);
    waiters.admitted[0]?.pass.answered();
    await clock.advance(1_000);
    expect(waiters.admitted).toHaveLength(40);
    const times = waiters.admitted.slice(1).map(({ atMs }) => atMs);
    expect(Math.max(...times)).toBeLessThan(2_100 + 500);
    for (const fromMs of times)
      expect(times.filter((atMs) => atMs >= fromMs && atMs < fromMs + 100).length).toBeLessThanOrEqual(10);
  });
});

describe('Lane: while most of its requests fail', () => {
  test('probes go out one at a time: in turn the call with the most failed attempts and one that was not tried yet', async () => {
    const { clock, lane, waiters } = await stopped();
    waiters.add('new', { outlook: progress(3) });
    for (const [name, failures] of [
      ['once', 1],
      ['twice', 2],
    ] as const) {
      const outlook = progress(3, Array(failures).fill(0));
      outlook.wait(0, 100, 0);
      waiters.add(name, { outlook });
    }
    expect(lane.waitingFor).toEqual({ reason: 'lane-down', untilMs: clock.epochMs() + 400 });
    await clock.advance(400);
    expect(waiters.names).toEqual(['twice']);
    await clock.advance(400);
    expect(waiters.names).toEqual(['twice', 'new']);
    await clock.advance(400);
    expect(waiters.names).toEqual(['twice', 'new', 'once']);
  });

  test('calls count as backing off while their own backoff outlasts the stop, else as waiting for the lane', async () => {
    const { lane, waiters } = await stopped();
    for (const backoffMs of [300, 10_000]) {
      const outlook = progress(3, [0]);
      outlook.wait(0, backoffMs, 0);
      waiters.add(`${backoffMs}`, { outlook });
    }
    expect([lane.waiting, lane.retries]).toEqual([2, 1]);
  });

  test('a call without retries tries at once: it has nothing to gain', async () => {
    const { waiters } = await stopped();
    waiters.add('single');
    expect(waiters.names).toEqual(['single']);
  });

  test('the last attempt of a call is no probe before the time of its own retries has passed', async () => {
    const { clock, waiters } = await stopped();
    const outlook = progress(2, [0, 0]);
    outlook.wait(0, 1, 0);
    waiters.add('last', { outlook });
    // 1 s and 2 s, times 1.65 as the lane has answered before.
    await clock.advance(4_949);
    expect(waiters.names).toEqual([]);
    await clock.advance(1_400);
    expect(waiters.names).toEqual(['last']);
  });

  test('an answer lets all that wait for their backoff go on, but none before the wait demanded of it', async () => {
    const { clock, lane, waiters } = await stopped();
    const backingOff = progress(3, [0]);
    backingOff.wait(0, 20_000, 0);
    const told = progress(3, [0]);
    told.wait(0, 9_000, 9_000);
    waiters.add('probe', { outlook: progress(3) });
    waiters.add('backing off', { outlook: backingOff });
    waiters.add('told to wait', { outlook: told });
    await clock.advance(400);
    expect(waiters.names).toEqual(['probe']);
    waiters.admitted[0]?.pass.answered();
    expect(lane.isStopped).toBe(false);
    await clock.advance(500);
    expect(waiters.names).toEqual(['probe', 'backing off']);
    await clock.advance(8_200);
    expect(waiters.admitted.at(-1)).toMatchObject({ name: 'told to wait', atMs: 9_000 });
  });
});

describe('Lane: when it is down', () => {
  /** Calls of two retries each, at a lane that fails every request at once for `forMs`. */
  async function meetOutage({ lane, clock }: { lane: Lane; clock: FakeClock }, calls: number, forMs: number) {
    const refused: Array<{ atMs: number; attempts: number; error: { code: string; downForMs: number } }> = [];
    const startMs = clock.now();
    let [answered, used, requests] = [0, 0, 0];
    const send = (outlook: RetryProgress): void => {
      const admit = (pass: LanePass): void => {
        requests += 1;
        pass.send();
        if (clock.now() - startMs >= forMs) {
          pass.answered();
          answered += 1;
          return;
        }
        pass.failed(failedAttempt('network', { error: new Error('refused'), outlook }));
        if (outlook.isLast) {
          used += 1;
          return;
        }
        outlook.failed(clock.now(), 0);
        outlook.wait(clock.now(), 1_000 * outlook.failures, 0);
        send(outlook);
      };
      const refuse = (error: Error): void =>
        void refused.push({ atMs: clock.now(), attempts: outlook.failures, error: error as LaneDownError });
      lane.submit(SMALL, 40, { outlook }, admit, refuse);
    };
    for (let call = 0; call < calls; call += 1) send(progress(2));
    for (let passedMs = 0; passedMs < 60_000; passedMs += 100) await clock.advance(100);
    expect(answered + used + refused.length).toBe(calls);
    return { answered, used, requests, refused };
  }

  test('it refuses calls that have waited longer than their own retries would have lasted, with the time', async () => {
    const test = await stopped();
    const { refused, used, requests } = await meetOutage(test, 8, 60_000);
    expect(refused.length + used).toBe(8);
    expect(new Set(refused.map(({ error }) => error.code))).toEqual(new Set(['TUTTI_LANE_DOWN']));
    expect(requests).toBeLessThan(8 * 3);
    // Their own retries last 3 s.
    expect(Math.min(...refused.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(3_000);
    expect(Math.max(...refused.map(({ atMs }) => atMs))).toBeLessThan(12_000);
    expect(refused[0]?.error).toMatchObject({
      lane: 'p/m',
      downForMs: refused[0]?.atMs,
      cause: new Error('refused'),
      message: expect.stringMatching(/"p\/m" has not answered for \d+ ms, .*: refused/),
    });
  });

  test('it holds only twice as many calls to account as may run at once; the others get their own time', async () => {
    const test = await stopped({ maxConcurrent: () => 2 });
    const { refused } = await meetOutage(test, 24, 60_000);
    const times = refused.map(({ atMs }) => atMs);
    const first = Math.min(...times);
    // Two more may have been probes when their places were taken.
    expect(times.filter((atMs) => atMs < first + 3_000).length).toBeLessThanOrEqual(6);
    expect(Math.max(...times)).toBeGreaterThan(3 * first);
  });

  test('it refuses none in an outage that is shorter than their own retries', async () => {
    const test = await stopped();
    expect(await meetOutage(test, 100, 2_900)).toMatchObject({ answered: 100, used: 0, refused: [] });
  });
});

describe('Lane: a long wait', () => {
  test('is reported once, until its calls wait no more', async () => {
    const reported: LaneWait[] = [];
    const { clock, lane } = laneOf({ onLongWait: (wait) => void reported.push(wait) });
    const waiters = new Waiters({ lane, clock });
    (await sendOne(lane)).failed(failedAttempt('rate-limited', { retryAfterMs: 5_001 }));
    for (let call = 0; call < 3; call += 1) waiters.add(`${call}`);
    expect(reported).toEqual([{ reason: 'retry-after', untilMs: clock.epochMs() + 5_001 }]);
    await clock.advance(5_001);
    waiters.admitted[0]?.pass.answered();
    await clock.advance(500);
    for (const { pass } of waiters.admitted.slice(1)) pass.answered();
    (await sendOne(lane)).failed(failedAttempt('rate-limited', { retryAfterMs: 6_000 }));
    waiters.add('later');
    expect(reported).toHaveLength(2);
  });

  test('is not reported where it is short', async () => {
    const reported: LaneWait[] = [];
    const { clock, lane } = laneOf({ onLongWait: (wait) => void reported.push(wait) });
    const waiters = new Waiters({ lane, clock });
    (await sendOne(lane)).failed(failedAttempt('rate-limited', { retryAfterMs: 5_000 }));
    waiters.add('one');
    await clock.advance(5_000);
    expect(waiters.names).toEqual(['one']);
    expect(reported).toEqual([]);
  });
});

describe('Lane.isForgettable', () => {
  test('is false while anything is known of it that a new lane would not know', async () => {
    const { clock, lane } = laneOf({ limits: { requestsPerMinute: 5 } });
    const pass = await sendOne(lane);
    expect(lane.isForgettable(clock.now())).toBe(false);
    pass.answered();
    expect(lane.isForgettable(clock.now())).toBe(false);
    await clock.advance(119_999);
    expect(lane.isForgettable(clock.now())).toBe(false);
    await clock.advance(1);
    expect(lane.isForgettable(clock.now())).toBe(true);
  });

  test('is true at once where there is nothing to know', async () => {
    const { clock, lane } = laneOf();
    expect(lane.isForgettable(clock.now())).toBe(true);
    (await sendOne(lane)).answered();
    expect(lane.isForgettable(clock.now())).toBe(true);
  });

  test('is false while a wait is demanded or its breaker is open, and for two minutes after its last failure', async () => {
    const { clock, lane } = await stopped();
    expect(lane.isForgettable(clock.now() + 119_999)).toBe(false);
    expect(lane.isForgettable(clock.now() + 120_000)).toBe(true);
    const paused = laneOf();
    (await sendOne(paused.lane)).failed(failedAttempt('rate-limited', { retryAfterMs: 600_000 }));
    expect(paused.lane.isForgettable(599_999)).toBe(false);
    await paused.clock.advance(600_000);
    expect(paused.lane.isForgettable(600_000)).toBe(true);
    const breaker = parseOptions(breakerSchema(), { minimumCalls: 1, openMs: 600_000 }, 'options');
    const broken = laneOf({ breaker, isShaped: false });
    (await sendOne(broken.lane)).failed(failedAttempt('server'));
    expect(broken.lane.isForgettable(599_999)).toBe(false);
    await broken.clock.advance(600_000);
    expect(broken.lane.isForgettable(600_000)).toBe(true);
  });
});

describe('Lane: when its breaker opens', () => {
  test('refuses at once all that wait: they would only wait to be refused', async () => {
    const breaker = parseOptions(breakerSchema(), { minimumCalls: 1, openMs: 30_000 }, 'options');
    const test = laneOf({ breaker, maxConcurrent: () => 1 });
    const waiters = new Waiters(test);
    const running = await sendOne(test.lane);
    const backingOff = progress(3, [0]);
    backingOff.wait(0, 20_000, 0);
    waiters.add('waits', { outlook: progress(3) });
    waiters.add('backs off', { outlook: backingOff });
    running.failed(failedAttempt('server'));
    expect(waiters.refused.map(({ name, error }) => [name, error.code, error.retryAfterMs]).sort()).toEqual([
      ['backs off', 'TUTTI_CIRCUIT_OPEN', 30_000],
      ['waits', 'TUTTI_CIRCUIT_OPEN', 30_000],
    ]);
    expect([test.lane.waiting, test.clock.pendingTimers]).toEqual([0, 0]);
  });
});

// Covers: src/resilience/lane/lane-health.ts, src/resilience/lane/lane-pass.ts
import { describe, expect, test } from '@jest/globals';
import type { ProviderResponseInfo, RateLimits } from '../../../src/contracts/rate-limits.js';
import { Lane, type LaneOptions } from '../../../src/resilience/lane/lane.js';
import type { LanePass } from '../../../src/resilience/lane/lane-pass.js';
import { Lanes, laneName } from '../../../src/resilience/lane/lanes.js';
import { breakerSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { passOf } from '../admitted.js';

const SMALL = { inputTokens: 10, outputTokens: 10 };

function laneOf(options: Partial<LaneOptions> = {}) {
  const clock = new FakeClock();
  return { clock, lane: new Lane('p/m', { clock, random: () => 0, ...options }) };
}

function responseWith(limits: RateLimits | undefined): ProviderResponseInfo {
  const unknown = { requestId: undefined, retryAfterMs: undefined };
  return { provider: 'p', model: 'm', status: 200, ...unknown, limits };
}

async function sendOne(lane: Lane): Promise<LanePass> {
  const pass = await passOf(lane, SMALL, 40);
  pass.send();
  return pass;
}

describe('Lane', () => {
  test('before anything is known lets a few requests through at once, and more once the limits are reported', async () => {
    const { clock, lane } = laneOf({ adaptive: { initial: 2 } });
    const first = await sendOne(lane);
    await sendOne(lane);
    const third = passOf(lane, SMALL, 40);
    await clock.advance(0);
    expect(lane.stats()).toMatchObject({ inFlight: 2, waiting: 1, adaptive: { limit: 2 } });
    first.heard(responseWith({ requests: { limit: 100, remaining: 99 } }));
    first.answered();
    await third;
    expect(lane.stats()).toMatchObject({
      inFlight: 2,
      waiting: 0,
      adaptive: undefined,
      limits: { requests: { limit: 100, used: 3, others: 0 } },
    });
  });

  test('settles what a call really used and learns how many tokens its text has', async () => {
    const { lane } = laneOf({ limits: { tokensPerMinute: 10_000 } });
    expect(lane.estimate(3_500, 500)).toEqual({ inputTokens: 1_000, outputTokens: 500 });
    const pass = await passOf(lane, lane.estimate(3_500, 500), 3_500);
    pass.send();
    pass.answered({ inputTokens: 700, outputTokens: 90, cacheWriteTokens: 10 });
    expect(lane.stats().limits.tokens?.used).toBe(800);
    expect(lane.estimate(3_500, undefined)).toEqual({ inputTokens: 700, outputTokens: 90 });
  });

  test('a rejection pauses the lane for all callers, and refuses at once what can no longer meet its deadline', async () => {
    const paused: number[] = [];
    const { clock, lane } = laneOf({ limits: { maxConcurrent: 1 }, onPause: (ms) => void paused.push(ms) });
    const rejected = await sendOne(lane);
    const late = passOf(lane, SMALL, 40, { deadlineAtMs: 30_000 });
    const patient = passOf(lane, SMALL, 40);
    rejected.failed({ failure: 'rate-limited', retryAfterMs: 120_000 });
    await expect(late).rejects.toMatchObject({ code: 'TUTTI_RATE_LIMITED', retryAfterMs: 120_000 });
    await expect(passOf(lane, SMALL, 40, { deadlineAtMs: 30_000 })).rejects.toMatchObject({
      reason: 'wait-too-long',
      retryAfterMs: 120_000,
    });
    expect(paused).toEqual([120_000]);
    expect(lane.isSaturated).toBe(true);
    await clock.advance(119_999);
    expect(lane.stats()).toMatchObject({ waiting: 1, pausedForMs: 1, pauses: 1 });
    await clock.advance(1);
    await patient;
  });

  test('a rejected request costs no tokens, one that was cut off costs what was reserved', async () => {
    const { lane } = laneOf({ limits: { tokensPerMinute: 1_000 } });
    (await sendOne(lane)).failed({ failure: 'overloaded', retryAfterMs: 0 });
    expect(lane.stats().limits.tokens?.used).toBe(0);
    (await sendOne(lane)).failed({ failure: 'network' });
    expect(lane.stats().limits.tokens?.used).toBe(20);
    (await sendOne(lane)).cancelled({ outputTokens: 3 });
    expect(lane.stats().limits.tokens?.used).toBe(33);
    const never = await passOf(lane, SMALL, 40);
    never.release();
    never.answered();
    never.cancelled();
    never.failed({ failure: 'server' });
    expect(lane.stats()).toMatchObject({ inFlight: 0, limits: { tokens: { used: 33 } } });
  });

  test('timeouts lower what runs at once but do not pause the lane', async () => {
    const { lane } = laneOf();
    (await sendOne(lane)).failed({ failure: 'timeout' });
    expect(lane.stats()).toMatchObject({ pauses: 0, adaptive: { limit: 9, cuts: 1 } });
  });

  test('without limits a few rejections in a row that name no wait are answered by lower concurrency alone', async () => {
    const { lane } = laneOf();
    for (const pauses of [0, 0, 0, 1]) {
      (await sendOne(lane)).failed({ failure: 'rate-limited' });
      expect(lane.stats().pauses).toBe(pauses);
    }
    const known = laneOf({ limits: { requestsPerMinute: 100 } });
    (await sendOne(known.lane)).failed({ failure: 'rate-limited' });
    expect(known.lane.stats()).toMatchObject({ pauses: 1, pausedForMs: 1_000, adaptive: undefined });
  });

  test('its breaker refuses at sending, gives the place back, and counts breakdowns only', async () => {
    const states: string[] = [];
    const breaker = breakerSchema().parse({ minimumCalls: 2, openMs: 1_000 });
    const { clock, lane } = laneOf({ breaker, onBreakerChange: ({ state }) => void states.push(state) });
    (await sendOne(lane)).failed({ failure: 'request' });
    (await sendOne(lane)).failed({ failure: 'deadline' });
    expect(lane.isAvailable).toBe(true);
    (await sendOne(lane)).failed({ failure: 'server' });
    expect(lane.stats().breaker).toBe('open');
    expect(lane.isAvailable).toBe(false);
    const pass = await passOf(lane, SMALL, 40);
    expect(() => pass.send()).toThrow('Circuit open');
    expect(lane.stats().inFlight).toBe(0);
    await clock.advance(1_000);
    expect(lane.isAvailable).toBe(true);
    const probe = await sendOne(lane);
    probe.cancelled();
    expect(lane.breaker?.state).toEqual({ state: 'half-open', probes: 0, successes: 0 });
    (await sendOne(lane)).release();
    (await sendOne(lane)).answered();
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  test('has room for a hedge only without a queue and with a closed breaker', async () => {
    const { clock, lane } = laneOf({
      limits: { maxConcurrent: 2 },
      breaker: breakerSchema().parse({ minimumCalls: 1, openMs: 1_000 }),
    });
    expect(lane.hasRoomForHedge).toBe(true);
    const [first, second] = [await sendOne(lane), await sendOne(lane)];
    expect(lane.hasRoomForHedge).toBe(false);
    second.answered();
    first.failed({ failure: 'server' });
    await clock.advance(1_000);
    const probe = await sendOne(lane);
    expect(lane.hasRoomForHedge).toBe(false);
    probe.answered();
    expect(lane.hasRoomForHedge).toBe(true);
    expect(new Lane('p/m', { clock }).hasRoomForHedge).toBe(true);
  });

  test('knows the latencies of its answers', async () => {
    const { clock, lane } = laneOf();
    const pass = await sendOne(lane);
    await clock.advance(70);
    pass.answered();
    const slow = await sendOne(lane);
    await clock.advance(90);
    slow.cancelled();
    expect(lane.latencies.percentile(50)).toBe(70);
    expect(lane.latencies.percentile(100)).toBe(90);
  });

  test('gives a pass at once only where there is room', () => {
    const { lane } = laneOf({ adaptive: false, limits: { maxConcurrent: 1, requestsPerMinute: 5 } });
    expect(lane.stats()).toMatchObject({ adaptive: undefined, breaker: undefined, retriesLeft: 10 });
    const pass = lane.tryAcquire(SMALL, 40);
    expect(pass).toBeDefined();
    expect(lane.tryAcquire(SMALL, 40)).toBeUndefined();
    pass?.release();
    expect(lane.tryAcquire(SMALL, 40)).toBeDefined();
  });

  test('a report without limits changes nothing', async () => {
    const { lane } = laneOf();
    const pass = await sendOne(lane);
    pass.heard(responseWith(undefined));
    pass.failed({ failure: 'request' });
    expect(lane.stats().adaptive).toBeDefined();
  });
});

describe('Lanes', () => {
  test('makes each lane once', () => {
    const clock = new FakeClock();
    const lanes = new Lanes(() => ({ clock }));
    expect(lanes.get('a')).toBe(lanes.get('a'));
    lanes.get('b');
    expect(Object.keys(lanes.stats())).toEqual(['a', 'b']);
  });

  test('names them after provider and model', () => {
    expect(laneName('openai', 'gpt-5')).toBe('openai/gpt-5');
    expect(laneName('command', undefined)).toBe('command');
  });
});

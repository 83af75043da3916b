// Covers: src/resilience/lane/lane-health.ts, src/resilience/lane/lane-pass.ts
import { describe, expect, test } from '@jest/globals';
import type { ProviderResponseInfo, RateLimits } from '../../../src/contracts/rate-limits.js';
import { parseOptions } from '../../../src/input/parse-options.js';
import { Lane } from '../../../src/resilience/lane/lane.js';
import type { LaneOptions } from '../../../src/resilience/lane/lane-options.js';
import type { LanePass } from '../../../src/resilience/lane/lane-pass.js';
import { breakerSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { failedAttempt, passOf, progress } from '../admitted.js';

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
  test('before anything is known admits as many as may run at once over all lanes', async () => {
    let maxConcurrent = 2;
    const { clock, lane } = laneOf({ maxConcurrent: () => maxConcurrent });
    const first = await sendOne(lane);
    await sendOne(lane);
    const third = passOf(lane, SMALL, 40);
    await clock.advance(0);
    expect(lane.stats()).toMatchObject({ inFlight: 2, waiting: 1, adaptive: { limit: Infinity } });
    expect(lane.waitingFor).toEqual({ reason: 'concurrency', untilMs: undefined });
    maxConcurrent = 3;
    lane.wake();
    (await third).release();
    first.heard(responseWith({ requests: { limit: 100, remaining: 99 } }));
    expect(lane.stats()).toMatchObject({
      inFlight: 2,
      waiting: 0,
      adaptive: undefined,
      limits: { requests: { limit: 100, used: 2, others: 0 } },
    });
  });

  test('settles what a call really used and learns how many tokens its text has', async () => {
    const { lane } = laneOf({ limits: { tokensPerMinute: 10_000 } });
    expect(lane.estimate(3_500, 500)).toEqual({ inputTokens: 1_000, outputTokens: 500 });
    const pass = await passOf(lane, lane.estimate(3_500, 500), 3_500);
    pass.send();
    pass.answered({ inputTokens: 700, outputTokens: 90, cacheWriteTokens: 10 });
    expect(lane.stats().limits.tokens?.used).toBe(800);
    expect(lane.estimate(3_500, undefined)).toEqual({ inputTokens: 710, outputTokens: 90 });
  });

  test('a rejected request costs no tokens, one that was cut off costs what was reserved', async () => {
    const { lane } = laneOf({ limits: { tokensPerMinute: 1_000 } });
    (await sendOne(lane)).failed(failedAttempt('overloaded', { retryAfterMs: 0 }));
    expect(lane.stats().limits.tokens?.used).toBe(0);
    (await sendOne(lane)).failed(failedAttempt('network'));
    expect(lane.stats().limits.tokens?.used).toBe(20);
    (await sendOne(lane)).cancelled({ outputTokens: 3 });
    expect(lane.stats().limits.tokens?.used).toBe(33);
    const never = await passOf(lane, SMALL, 40);
    never.release();
    never.answered();
    never.cancelled();
    never.failed(failedAttempt('server'));
    expect(lane.stats()).toMatchObject({ inFlight: 0, limits: { tokens: { used: 33 } } });
  });

  test('has room for a hedge only without a queue and with a closed breaker', async () => {
    const { clock, lane } = laneOf({
      limits: { maxConcurrent: 2 },
      breaker: parseOptions(breakerSchema(), { minimumCalls: 1, openMs: 1_000 }, 'options'),
    });
    expect(lane.hasRoomForHedge).toBe(true);
    const [first, second] = [await sendOne(lane), await sendOne(lane)];
    expect(lane.hasRoomForHedge).toBe(false);
    second.answered();
    first.failed(failedAttempt('server'));
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
    const { lane } = laneOf({ limits: { maxConcurrent: 1, requestsPerMinute: 5 } });
    expect(lane.stats()).toMatchObject({ adaptive: undefined, breaker: undefined, waitingFor: undefined });
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
    pass.failed(failedAttempt('request'));
    expect(lane.stats().adaptive).toBeDefined();
  });

  test('that is not shaped only counts: no failure stops it, no rejection cuts what runs at once', async () => {
    const { lane } = laneOf({ isShaped: false });
    for (let request = 0; request < 20; request += 1) {
      (await sendOne(lane)).failed(failedAttempt('rate-limited', { retryAfterMs: 60_000 }));
    }
    expect(lane.stats()).toMatchObject({ inFlight: 0, pauses: 0, pausedForMs: 0, adaptive: undefined });
    expect(lane.isSaturated).toBe(false);
  });
});

describe('Lane: its breaker', () => {
  const breaker = parseOptions(breakerSchema(), { minimumCalls: 2, openMs: 1_000 }, 'options');

  test('refuses at sending, gives the place back, and counts breakdowns only', async () => {
    const states: string[] = [];
    const { clock, lane } = laneOf({ breaker, onBreakerChange: ({ state }) => void states.push(state) });
    (await sendOne(lane)).failed(failedAttempt('request'));
    (await sendOne(lane)).failed(failedAttempt('deadline'));
    expect(lane.isAvailable).toBe(true);
    (await sendOne(lane)).failed(failedAttempt('server'));
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

  test('counts the first failure of a call once its retry has failed too', async () => {
    const { lane } = laneOf({ breaker, isShaped: false });
    for (let call = 0; call < 10; call += 1) {
      (await sendOne(lane)).failed(failedAttempt('server', { outlook: progress(2) }));
    }
    expect(lane.stats().breaker).toBe('closed');
    const outlook = progress(2);
    (await sendOne(lane)).failed(failedAttempt('server', { outlook }));
    outlook.failed(0, 0);
    (await sendOne(lane)).failed(failedAttempt('server', { outlook }));
    expect(lane.stats().breaker).toBe('open');
  });

  test('counts the failure of a call that has no retries at once', async () => {
    const { lane } = laneOf({ breaker, isShaped: false });
    for (let call = 0; call < 2; call += 1) (await sendOne(lane)).failed(failedAttempt('server'));
    expect(lane.stats().breaker).toBe('open');
  });

  test('opens again when its probe fails, whichever attempt of its call that is', async () => {
    const { clock, lane } = laneOf({ breaker, isShaped: false });
    for (let call = 0; call < 2; call += 1) (await sendOne(lane)).failed(failedAttempt('server'));
    await clock.advance(1_000);
    (await sendOne(lane)).failed(failedAttempt('server', { outlook: progress(2) }));
    expect(lane.stats().breaker).toBe('open');
  });
});

// Covers: src/resilience/rate-limit/quantity-usage.ts, src/resilience/rate-limit/rate-queue.ts
// Covers: src/resilience/rate-limit/refusals.ts, src/resilience/rate-limit/reservation.ts
// Covers: src/resilience/rate-limit/token-cost.ts, src/resilience/rate-limit/usage.ts
// Covers: src/resilience/rate-limit/window-margin.ts
import { describe, expect, test } from '@jest/globals';
import type { RateLimitedError } from '../../../src/errors/traffic-errors.js';
import { RateLimiter } from '../../../src/resilience/rate-limit/rate-limiter.js';
import type {
  RateLimiterOptions,
  StartGate,
} from '../../../src/resilience/rate-limit/rate-limiter-options.js';
import { RateRequest, type RateRequestOptions } from '../../../src/resilience/rate-limit/rate-request.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { CancelScope } from '../../../src/time/cancel-scope.js';
import { reserve } from '../admitted.js';

const SMALL = { inputTokens: 1, outputTokens: 1 };

function limiterOf(options: Partial<RateLimiterOptions> = {}) {
  const clock = new FakeClock();
  return { clock, limiter: new RateLimiter({ lane: 'p/m', clock, marginMs: 0, ...options }) };
}

/** Notes in which order waiters start. */
function starts() {
  const order: string[] = [];
  return { order, as: (name: string) => () => void order.push(name) };
}

describe('RateLimiter', () => {
  test('lets everything through as long as no limit is known', async () => {
    const { limiter } = limiterOf();
    const reservations = await Promise.all(Array.from({ length: 100 }, () => reserve(limiter, SMALL)));
    expect(limiter.inFlight).toBe(100);
    for (const reservation of reservations) reservation.settle(SMALL);
    expect(limiter.inFlight).toBe(0);
    expect(limiter.isSaturated).toBe(false);
  });

  test('a large request at the head is not overtaken by small ones that would fit', async () => {
    const { clock, limiter } = limiterOf({ limits: { inputTokensPerMinute: 100 } });
    const { order, as } = starts();
    limiter.tryAcquire({ inputTokens: 60, outputTokens: 0 })?.sent();
    void reserve(limiter, { inputTokens: 90, outputTokens: 0 }).then((reservation) => {
      reservation.sent();
      as('large')();
    });
    void reserve(limiter, { inputTokens: 10, outputTokens: 0 }).then(as('small'));
    await clock.advance(59_999);
    expect(order).toEqual([]);
    await clock.advance(1);
    expect(order).toEqual(['large', 'small']);
  });

  test('a higher priority goes first and may pass a waiting large one', async () => {
    const { clock, limiter } = limiterOf({ limits: { inputTokensPerMinute: 100 } });
    const { order, as } = starts();
    limiter.tryAcquire({ inputTokens: 60, outputTokens: 0 })?.sent();
    void reserve(limiter, { inputTokens: 90, outputTokens: 0 }).then(as('large'));
    void reserve(limiter, { inputTokens: 30, outputTokens: 0 }, { priority: 1 }).then(as('urgent'));
    await clock.advance(0);
    expect(order).toEqual(['urgent']);
    expect(limiter.tryAcquire({ inputTokens: 1, outputTokens: 0 })).toBeUndefined();
  });

  test('a tenant with few requests is not kept waiting by one with many, and a low priority grows old', async () => {
    const { clock, limiter } = limiterOf({ limits: { requestsPerMinute: 2 }, windowMs: 1_000 });
    const { order, as } = starts();
    const wait = (name: string, options: RateRequestOptions) =>
      reserve(limiter, SMALL, options).then((reservation) => {
        reservation.sent();
        reservation.settle(SMALL);
        as(name)();
      });
    for (let index = 0; index < 50; index += 1) void wait('large', { tenant: 'large', priority: 1 });
    for (let index = 0; index < 3; index += 1) void wait('small', { tenant: 'small' });
    void wait('old', { tenant: 'large' });
    await clock.advance(4_000);
    expect(order.filter((name) => name === 'small')).toHaveLength(3);
    for (let index = 0; index < 30; index += 1) {
      await clock.advance(1_000);
      for (let more = 0; more < 2; more += 1) void wait('large', { tenant: 'large', priority: 1 });
    }
    expect(order).toContain('old');
  });

  test('counts a request from the moment it is sent, however long it waited for other things', async () => {
    const { clock, limiter } = limiterOf({ limits: { requestsPerMinute: 1 } });
    const first = await reserve(limiter, SMALL);
    const { order, as } = starts();
    void reserve(limiter, SMALL).then(as('second'));
    await clock.advance(200_000);
    expect(order).toEqual([]);
    first.sent();
    await clock.advance(59_999);
    expect(order).toEqual([]);
    await clock.advance(1);
    expect(order).toEqual(['second']);
  });

  test('refuses at once, with the estimate, a request whose wait would pass its deadline', async () => {
    const { clock, limiter } = limiterOf({ limits: { requestsPerMinute: 2 } });
    for (let index = 0; index < 2; index += 1) limiter.tryAcquire(SMALL)?.sent();
    void reserve(limiter, SMALL);
    void reserve(limiter, SMALL);
    await clock.advance(10_000);
    const refused = await reserve(limiter, SMALL, { deadlineAtMs: clock.now() + 100_000 }).catch(
      (error: unknown) => error as RateLimitedError,
    );
    expect(refused).toMatchObject({
      code: 'TUTTI_RATE_LIMITED',
      reason: 'wait-too-long',
      retryAfterMs: 110_000,
      retryable: true,
      lane: 'p/m',
    });
    expect(limiter.waiting).toBe(2);
    // A higher priority passes both of them.
    const urgent = (inMs: number) => ({ deadlineAtMs: clock.now() + inMs, priority: 1 });
    await expect(reserve(limiter, SMALL, urgent(49_999))).rejects.toMatchObject({ retryAfterMs: 50_000 });
    void reserve(limiter, SMALL, urgent(60_000));
    expect(limiter.waiting).toBe(3);
  });

  test('refuses a request that sends more than a window allows, also when the limit shrinks while it waits', async () => {
    const { limiter } = limiterOf({ limits: { inputTokensPerMinute: 100 } });
    await expect(reserve(limiter, { inputTokens: 101, outputTokens: 0 })).rejects.toMatchObject({
      reason: 'too-large',
      retryable: false,
    });
    const first = limiter.tryAcquire({ inputTokens: 50, outputTokens: 0 });
    first?.sent();
    const waiting = reserve(limiter, { inputTokens: 80, outputTokens: 0 });
    first?.learn({ tokens: { limit: 70 } });
    await expect(waiting).rejects.toMatchObject({ reason: 'too-large' });
  });

  test('starts a request in an empty window when only its longest possible answer is over the limit', async () => {
    const { limiter } = limiterOf({ limits: { tokensPerMinute: 100, outputTokensPerMinute: 80 } });
    const reservation = await reserve(limiter, { inputTokens: 50, outputTokens: 64_000 });
    expect(limiter.stats().limits.tokens?.used).toBe(100);
    reservation.settle({ inputTokens: 50, outputTokens: 10 });
    expect(limiter.stats().limits.tokens?.used).toBe(60);
    expect(limiter.stats().limits.outputTokens?.used).toBe(10);
  });

  test('a request whose turn comes after its deadline is refused instead of sent', async () => {
    const { clock, limiter } = limiterOf({ limits: { maxConcurrent: 1 } });
    const first = await reserve(limiter, SMALL);
    const late = reserve(limiter, SMALL, { deadlineAtMs: 1_000 });
    await clock.advance(1_001);
    first.release();
    await expect(late).rejects.toMatchObject({ reason: 'wait-too-long' });
    expect(limiter.inFlight).toBe(0);
  });

  test('room that a settled call gives back is used at once', async () => {
    const { clock, limiter } = limiterOf({ limits: { tokensPerMinute: 100 } });
    const first = await reserve(limiter, { inputTokens: 10, outputTokens: 90 });
    const { order, as } = starts();
    void reserve(limiter, { inputTokens: 10, outputTokens: 50 }).then(as('second'));
    first.settle({ inputTokens: 12, outputTokens: 20 });
    await clock.advance(0);
    expect(order).toEqual(['second']);
    first.settle({ inputTokens: 0, outputTokens: 0 });
    first.release();
    expect(limiter.stats().limits.tokens?.used).toBe(92);
  });

  test('use beyond the reservation counts, and nonsense counts as nothing', async () => {
    const { limiter } = limiterOf({ limits: { tokensPerMinute: 100 } });
    const first = await reserve(limiter, { inputTokens: Number.NaN, outputTokens: 10 });
    first.settle({ inputTokens: 5, outputTokens: 30 });
    expect(limiter.stats().limits.tokens?.used).toBe(35);
  });

  test('a cancelled request leaves the queue at once and lets those behind it go', async () => {
    const { clock, limiter } = limiterOf({ limits: { inputTokensPerMinute: 100 } });
    const { order, as } = starts();
    limiter.tryAcquire({ inputTokens: 60, outputTokens: 0 })?.sent();
    const scope = new CancelScope();
    const large = reserve(limiter, { inputTokens: 90, outputTokens: 0 }, { scope });
    void reserve(limiter, { inputTokens: 10, outputTokens: 0 }).then(as('small'));
    scope.cancel(new Error('enough'));
    await expect(large).rejects.toThrow('enough');
    await clock.advance(0);
    expect(order).toEqual(['small']);
    expect(clock.pendingTimers).toBe(0);
    await expect(reserve(limiter, SMALL, { scope })).rejects.toThrow('enough');
  });

  test('holds at most maxConcurrent reservations and follows its changes', async () => {
    const { clock, limiter } = limiterOf({ limits: { maxConcurrent: 1 } });
    const first = await reserve(limiter, SMALL);
    const { order, as } = starts();
    for (const name of ['second', 'third', 'fourth']) void reserve(limiter, SMALL).then(as(name));
    // When one of them ends is unknown, so a request is not refused for its deadline.
    const hurried = new CancelScope();
    const fifth = reserve(limiter, SMALL, { deadlineAtMs: clock.now(), scope: hurried });
    expect(limiter.waiting).toBe(4);
    hurried.cancel(new Error('enough'));
    await expect(fifth).rejects.toThrow('enough');
    first.release();
    await clock.advance(0);
    expect(order).toEqual(['second']);
    limiter.maxConcurrent = 2;
    await clock.advance(0);
    expect(order).toEqual(['second', 'third']);
    limiter.maxConcurrent = 1;
    expect(limiter.stats()).toMatchObject({ inFlight: 2, waiting: 1 });
  });

  test('a limit that the provider reports holds from then on, and the lower of two known ones counts', async () => {
    const { limiter } = limiterOf({ limits: { requestsPerMinute: 50 } });
    const reservation = await reserve(limiter, SMALL);
    reservation.sent();
    reservation.learn({ requests: { limit: 10, remaining: 9 }, tokens: { limit: 1_000, remaining: 998 } });
    expect(limiter.stats().limits.requests).toEqual({ limit: 10, used: 1, others: 0 });
    reservation.learn({ requests: { limit: 100, remaining: 99 } });
    expect(limiter.stats().limits.requests?.limit).toBe(50);
    expect(limiter.stats().limits.tokens?.limit).toBe(1_000);
  });

  test('what others used is taken off until the reported reset, but for one request that goes and looks', async () => {
    const { clock, limiter } = limiterOf();
    const reservation = await reserve(limiter, SMALL);
    reservation.sent();
    reservation.learn({ requests: { limit: 10, remaining: 0, resetMs: 7_000 } });
    reservation.settle(SMALL);
    expect(limiter.stats().limits.requests).toEqual({ limit: 10, used: 1, others: 9 });
    const { order, as } = starts();
    const probe = reserve(limiter, SMALL);
    void probe.then(as('probe'));
    void reserve(limiter, SMALL).then(as('second'));
    // If the limit refills all the time, one more is due after a tenth of the reset.
    await clock.advance(600);
    expect(order).toEqual([]);
    await clock.advance(200);
    expect(order).toEqual(['probe']);
    (await probe).sent();
    (await probe).learn({ requests: { limit: 10, remaining: 0, resetMs: 6_200 } });
    (await probe).settle({ inputTokens: 0, outputTokens: 0 });
    expect(limiter.stats().limits.requests).toMatchObject({ others: 8 });
    await clock.advance(500);
    expect(order).toEqual(['probe']);
    await clock.advance(5_800);
    expect(order).toEqual(['probe', 'second']);
  });

  test('answers that overtake each other leave the newest picture', async () => {
    const { limiter } = limiterOf();
    const older = await reserve(limiter, SMALL);
    const newer = await reserve(limiter, SMALL);
    older.sent();
    newer.sent();
    newer.learn({ requests: { limit: 10, remaining: 8 } });
    older.learn({ requests: { limit: 10, remaining: 1 } });
    expect(limiter.stats().limits.requests?.others).toBe(0);
  });

  test('a remaining amount without any known limit teaches nothing', async () => {
    const { limiter } = limiterOf();
    const reservation = await reserve(limiter, SMALL);
    reservation.learn({ requests: { remaining: 0 } });
    expect(limiter.stats().limits).toEqual({});
  });

  test('a request that was refused while it waited is not refused again when its scope is cancelled', async () => {
    const { limiter } = limiterOf({ limits: { maxConcurrent: 1 } });
    limiter.tryAcquire(SMALL);
    const scope = new CancelScope();
    const refusals: string[] = [];
    const refuse = (error: Error): void => void refusals.push(error.message);
    const request = new RateRequest(SMALL, { scope }, () => refusals.push('admitted'), refuse);
    limiter.submit(request);
    limiter.refuseAll(() => new Error('the lane is down'));
    scope.cancel(new Error('enough'));
    expect(refusals).toEqual(['the lane is down']);
  });

  test('a request that is cancelled by itself is not refused again when its scope is cancelled', () => {
    const { limiter } = limiterOf({ limits: { maxConcurrent: 1 } });
    limiter.tryAcquire(SMALL);
    const scope = new CancelScope();
    const refusals: string[] = [];
    const refuse = (error: Error): void => void refusals.push(error.message);
    const request = new RateRequest(SMALL, { scope }, () => refusals.push('admitted'), refuse);
    limiter.submit(request);
    request.cancel(new Error('lost the race'));
    scope.cancel(new Error('enough'));
    expect(refusals).toEqual(['lost the race']);
    expect(limiter.waiting).toBe(0);
  });

  test('refusing the first for its deadline starts those behind it that fit', async () => {
    // Shut for all but those that are let through to try whether it works.
    const gate: StartGate = {
      returnOrder: 'ready',
      allowsAtMs: (_, nowMs) => nowMs,
      opensAtMs: (nowMs, request) => (request === undefined ? 80_000 : nowMs),
      started: () => {},
    };
    const { clock, limiter } = limiterOf({ gate, limits: { inputTokensPerMinute: 100 } });
    const { order, as } = starts();
    void reserve(limiter, { inputTokens: 60, outputTokens: 0 }).then((reservation) => reservation.sent());
    const large = reserve(limiter, { inputTokens: 90, outputTokens: 0 }, { deadlineAtMs: 70_000 });
    void reserve(limiter, { inputTokens: 30, outputTokens: 0 }).then(as('small'));
    await clock.advance(0);
    expect(order).toEqual([]);
    limiter.refuseLate();
    await expect(large).rejects.toMatchObject({ reason: 'wait-too-long' });
    await clock.advance(0);
    expect(order).toEqual(['small']);
  });

  test('waits for its gate, and refuses the late when the gate shuts for long', async () => {
    let opensAtMs = 1_000;
    let started = 0;
    const gate: StartGate = {
      returnOrder: 'ready',
      allowsAtMs: (_, nowMs) => nowMs,
      opensAtMs: (nowMs) => Math.max(nowMs, opensAtMs),
      started: () => {
        started += 1;
      },
    };
    const { clock, limiter } = limiterOf({ gate });
    const patient = reserve(limiter, SMALL);
    const late = reserve(limiter, SMALL, { deadlineAtMs: 5_000 });
    expect(limiter.isSaturated).toBe(true);
    opensAtMs = 4_000;
    limiter.refuseLate();
    expect(limiter.waiting).toBe(2);
    opensAtMs = 9_000;
    limiter.refuseLate();
    await expect(late).rejects.toMatchObject({ reason: 'wait-too-long', retryAfterMs: 9_000 });
    await clock.advance(9_000);
    (await patient).sent();
    expect(started).toBe(1);
  });

  test('one timer serves any number of waiters, and none is left when none wait', async () => {
    const { clock, limiter } = limiterOf();
    const first = limiter.tryAcquire(SMALL);
    first?.sent();
    first?.learn({ requests: { limit: 1 } });
    const waiting = Array.from({ length: 1_000 }, () =>
      reserve(limiter, SMALL).then((reservation) => reservation.sent()),
    );
    expect(clock.pendingTimers).toBe(1);
    first?.learn({ requests: { limit: 2_000 } });
    await Promise.all(waiting);
    expect(clock.pendingTimers).toBe(0);
  });

  test('an entry counts longer than the window at first, and after a rejection that should not have come', async () => {
    const { clock, limiter } = limiterOf({ limits: { requestsPerMinute: 1 }, marginMs: undefined });
    const sendAndWait = async () => {
      limiter.tryAcquire(SMALL)?.sent();
      const sentMs = clock.now();
      while (limiter.isSaturated) await clock.advance(50);
      return clock.now() - sentMs;
    };
    expect(await sendAndWait()).toBe(61_200);
    expect(await sendAndWait()).toBe(61_200);
    // Two windows have passed: half of what is above one per cent is taken off.
    expect(await sendAndWait()).toBe(60_900);
    limiter.unexpectedRejection();
    expect(await sendAndWait()).toBe(61_500);
    for (let index = 0; index < 9; index += 1) limiter.unexpectedRejection();
    expect(await sendAndWait()).toBe(63_000);
  });

  test('a request that leaves late counts from when it left, once', async () => {
    const { clock, limiter } = limiterOf({ limits: { requestsPerMinute: 1, tokensPerMinute: 10 } });
    const reservation = limiter.tryAcquire({ inputTokens: 4, outputTokens: 4 });
    reservation?.left();
    reservation?.sent();
    await clock.advance(2_000);
    reservation?.left();
    await clock.advance(2_000);
    reservation?.left();
    reservation?.settle({ inputTokens: 4, outputTokens: 2 });
    expect(limiter.stats().limits).toMatchObject({ requests: { used: 1 }, tokens: { used: 6 } });
    await clock.advance(57_999);
    expect(limiter.isSaturated).toBe(true);
    await clock.advance(1);
    expect(limiter.isSaturated).toBe(false);
    expect(limiter.stats().limits).toMatchObject({ requests: { used: 0 }, tokens: { used: 0 } });
  });
});

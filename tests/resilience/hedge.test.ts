import { describe, expect, test } from '@jest/globals';
import { type HedgeRace, hedge } from '../../src/resilience/hedge.js';
import { HedgePolicy } from '../../src/resilience/hedge-policy.js';
import { LatencyWindow } from '../../src/resilience/latency-window.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { CancelScope } from '../../src/time/cancel-scope.js';

interface Attempt {
  number: 1 | 2;
  scope: CancelScope;
  resolve(value: string): void;
  reject(error: Error): void;
}

function raceOf(rules: Partial<HedgeRace> = {}) {
  const clock = new FakeClock();
  const scope = new CancelScope();
  const attempts: Attempt[] = [];
  const run = (ofAttempt: CancelScope, number: 1 | 2) =>
    new Promise<string>((resolve, reject) => {
      ofAttempt.add({ cancel: reject });
      attempts.push({ number, scope: ofAttempt, resolve, reject });
    });
  const race: HedgeRace = {
    clock,
    scope,
    delayMs: 100,
    mayHedge: () => true,
    loserReason: () => new Error('lost the race'),
    ...rules,
  };
  const outcome = hedge(run, race);
  outcome.catch(() => undefined);
  return { clock, scope, attempts, outcome, race };
}

describe('hedge', () => {
  test('an answer in time starts no second attempt and leaves no timer', async () => {
    const { clock, attempts, outcome } = raceOf();
    attempts[0]?.resolve('first');
    await expect(outcome).resolves.toBe('first');
    await clock.advance(1_000);
    expect(attempts).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a slow first attempt gets a second beside it; the winner cancels the loser', async () => {
    const { clock, attempts, outcome } = raceOf();
    await clock.advance(100);
    expect(attempts.map(({ number }) => number)).toEqual([1, 2]);
    attempts[1]?.resolve('second');
    await expect(outcome).resolves.toBe('second');
    expect(attempts[0]?.scope.reason?.message).toBe('lost the race');
    expect(attempts[1]?.scope.reason).toBeUndefined();
  });

  test('the first attempt may still win', async () => {
    const { clock, attempts, outcome } = raceOf();
    await clock.advance(100);
    attempts[0]?.resolve('first');
    await expect(outcome).resolves.toBe('first');
    expect(attempts[1]?.scope.reason?.message).toBe('lost the race');
    // A loser that answers all the same is of no interest.
    attempts[1]?.resolve('second');
    await clock.advance(0);
  });

  test('no second attempt where there is no room for one', async () => {
    const { clock, attempts, outcome } = raceOf({ mayHedge: () => false });
    await clock.advance(10_000);
    expect(attempts).toHaveLength(1);
    attempts[0]?.resolve('first');
    await expect(outcome).resolves.toBe('first');
  });

  test('a failure before the second attempt is the answer', async () => {
    const { clock, attempts, outcome } = raceOf();
    attempts[0]?.reject(new Error('failed'));
    await expect(outcome).rejects.toThrow('failed');
    await clock.advance(1_000);
    expect(attempts).toHaveLength(1);
  });

  test('with both under way one failure waits for the other; of two the first attempt counts', async () => {
    const one = raceOf();
    await one.clock.advance(100);
    one.attempts[0]?.reject(new Error('first failed'));
    one.attempts[1]?.resolve('second');
    await expect(one.outcome).resolves.toBe('second');
    const other = raceOf();
    await other.clock.advance(100);
    other.attempts[1]?.reject(new Error('second failed'));
    other.attempts[0]?.reject(new Error('first failed'));
    await expect(other.outcome).rejects.toThrow('first failed');
  });

  test('cancelling the race cancels both attempts', async () => {
    const { clock, scope, attempts, outcome } = raceOf();
    await clock.advance(100);
    scope.cancel(new Error('stop'));
    await expect(outcome).rejects.toThrow('stop');
    expect(attempts.map((attempt) => attempt.scope.reason?.message)).toEqual(['stop', 'stop']);
  });

  test('a cancelled race never starts, and cancelling before the second leaves no timer', async () => {
    const scope = new CancelScope();
    scope.cancel(new Error('stop'));
    const { attempts, outcome } = raceOf({ scope });
    await expect(outcome).rejects.toThrow('stop');
    expect(attempts).toHaveLength(0);
    const other = raceOf();
    other.scope.cancel(new Error('stop'));
    await expect(other.outcome).rejects.toThrow('stop');
    expect(other.clock.pendingTimers).toBe(0);
  });

  test('an attempt that throws instead of rejecting is a failed attempt', async () => {
    const { race } = raceOf();
    const thrown = hedge(() => {
      throw new Error('thrown');
    }, race);
    await expect(thrown).rejects.toThrow('thrown');
  });
});

describe('HedgePolicy', () => {
  test('a fixed delay is given from the start, a percentile once enough answers are known', () => {
    expect(new HedgePolicy({ afterMs: 250 }, new LatencyWindow()).attemptStarts()).toBe(250);
    expect(new HedgePolicy({}, new LatencyWindow()).attemptStarts()).toBeUndefined();
    const latencies = new LatencyWindow();
    const policy = new HedgePolicy({ percentile: 95 }, latencies);
    for (let latencyMs = 1; latencyMs < 20; latencyMs += 1) latencies.add(latencyMs);
    expect(policy.attemptStarts()).toBeUndefined();
    latencies.add(20);
    expect(policy.attemptStarts()).toBe(19);
  });

  test('second attempts never exceed their share of the first', () => {
    const policy = new HedgePolicy({ afterMs: 1, maxExtraRatio: 0.06 }, new LatencyWindow());
    for (let attempt = 1; attempt <= 10_000; attempt += 1) {
      policy.attemptStarts();
      policy.tryHedge();
      expect(policy.hedges).toBeLessThanOrEqual(0.06 * attempt + 1e-6);
    }
    expect(policy.hedges).toBe(600);
  });

  test('a long time without any does not allow a flood', () => {
    const policy = new HedgePolicy({ afterMs: 1 }, new LatencyWindow());
    for (let attempt = 0; attempt < 10_000; attempt += 1) policy.attemptStarts();
    for (let attempt = 0; attempt < 100; attempt += 1) policy.tryHedge();
    expect(policy.hedges).toBe(10);
  });
});

describe('hedging a service with one slow answer in twenty', () => {
  /** Latencies of 4,000 calls, 10 at a time, of which 5 % take ten times as long. */
  async function latenciesOf(isHedged: boolean) {
    const clock = new FakeClock();
    const window = new LatencyWindow();
    const policy = new HedgePolicy({ percentile: 95, maxExtraRatio: 0.06 }, window);
    let seed = 5;
    let requests = 0;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const request = (scope: CancelScope) =>
      new Promise<void>((resolve, reject) => {
        requests += 1;
        const latencyMs = (random() < 0.05 ? 1_000 : 100) * (0.8 + 0.4 * random());
        const timer = clock.setTimeout(() => resolve(), latencyMs, undefined);
        scope.add({
          cancel: (reason) => {
            clock.clearTimeout(timer);
            reject(reason);
          },
        });
      });
    const latencies: number[] = [];
    const caller = async () => {
      for (let call = 0; call < 400; call += 1) {
        const startedMs = clock.now();
        const scope = new CancelScope();
        const delayMs = isHedged ? policy.attemptStarts() : undefined;
        const attempt = async (ofAttempt: CancelScope) => {
          const sentMs = clock.now();
          try {
            await request(ofAttempt);
            window.add(clock.now() - sentMs);
          } catch (reason) {
            window.addCancelled(clock.now() - sentMs);
            throw reason;
          }
        };
        if (delayMs === undefined) await attempt(scope);
        else {
          const mayHedge = () => policy.tryHedge();
          await hedge(attempt, { clock, scope, delayMs, mayHedge, loserReason: () => new Error('lost') });
        }
        latencies.push(clock.now() - startedMs);
      }
    };
    const callers = Promise.all(Array.from({ length: 10 }, caller));
    await clock.advance(200_000);
    await callers;
    latencies.sort((one, other) => one - other);
    return { p99: latencies[Math.ceil(0.99 * latencies.length) - 1] as number, requests };
  }

  test('p99 falls by 60 % and more, for 6 % more requests at most', async () => {
    const plain = await latenciesOf(false);
    const hedged = await latenciesOf(true);
    expect(hedged.p99).toBeLessThan(0.4 * plain.p99);
    expect(hedged.requests).toBeLessThanOrEqual(1.06 * plain.requests);
  });
});

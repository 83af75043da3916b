import { describe, expect, test } from '@jest/globals';
import type { HedgeSettings } from '../../../src/contracts/traffic.js';
import { parseOptions } from '../../../src/input/parse-options.js';
import type { AttemptEnds } from '../../../src/resilience/hedge/attempt-ends.js';
import { HedgeRace, type Racer } from '../../../src/resilience/hedge/hedge.js';
import { HedgePolicy } from '../../../src/resilience/hedge/hedge-policy.js';
import { LatencyWindow } from '../../../src/resilience/hedge/latency-window.js';
import { hedgeSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

/** An attempt that is sent as soon as it begins, and ended by the test. */
class HeldRacer implements Racer {
  reason: Error | undefined = undefined;
  readonly ends: AttemptEnds<string>;
  readonly #sendsAtOnce: boolean;
  #isOver = false;

  constructor(ends: AttemptEnds<string>, sendsAtOnce: boolean) {
    this.ends = ends;
    this.#sendsAtOnce = sendsAtOnce;
  }

  begin(): void {
    this.ends.admitted?.();
    if (this.#sendsAtOnce) this.ends.sent?.();
  }

  cancel(reason: Error): void {
    this.reason = reason;
    this.reject(reason);
  }

  resolve(value: string): void {
    if (!this.#isOver) this.ends.succeeded(value);
    this.#isOver = true;
  }

  reject(error: Error): void {
    if (!this.#isOver) this.ends.failed(error);
    this.#isOver = true;
  }
}

interface Rules {
  delayMs?: number | undefined;
  mayHedge?: () => boolean;
  sendsAtOnce?: boolean;
}

class HeldRace extends HedgeRace<string> {
  readonly attempts: HeldRacer[] = [];
  readonly delays: number[] = [];
  readonly alsoAnswered: string[] = [];
  readonly #rules: Rules;

  constructor(clock: FakeClock, ends: AttemptEnds<string>, rules: Rules) {
    super(clock, ends);
    this.#rules = { delayMs: 100, ...rules };
  }

  protected makeAttempt(ends: AttemptEnds<string>): Racer {
    const racer = new HeldRacer(ends, this.#rules.sendsAtOnce ?? true);
    this.attempts.push(racer);
    return racer;
  }

  protected slowAfterMs(): number | undefined {
    return this.#rules.delayMs;
  }

  protected mayHedge(): boolean {
    return this.#rules.mayHedge?.() ?? true;
  }

  protected hedged(delayMs: number): void {
    this.delays.push(delayMs);
  }

  protected loserReason(): Error {
    return new Error('lost the race');
  }

  protected answeredToo(value: string): void {
    this.alsoAnswered.push(value);
  }
}

function raceOf(rules: Rules = {}) {
  const clock = new FakeClock();
  let race!: HeldRace;
  const outcome = new Promise<string>((resolve, reject) => {
    race = new HeldRace(clock, { succeeded: resolve, failed: reject }, rules);
    race.begin();
  });
  outcome.catch(() => undefined);
  return { clock, race, attempts: race.attempts, outcome };
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
    const { clock, attempts, outcome, race } = raceOf();
    await clock.advance(100);
    expect(attempts).toHaveLength(2);
    expect(race.delays).toEqual([100]);
    attempts[1]?.resolve('second');
    await expect(outcome).resolves.toBe('second');
    expect(attempts[0]?.reason?.message).toBe('lost the race');
    expect(attempts[1]?.reason).toBeUndefined();
  });

  test('the first attempt may still win', async () => {
    const { clock, attempts, outcome } = raceOf();
    await clock.advance(100);
    attempts[0]?.resolve('first');
    await expect(outcome).resolves.toBe('first');
    expect(attempts[1]?.reason?.message).toBe('lost the race');
  });

  test('a loser that answers in the same moment is counted and not cancelled', async () => {
    const { clock, attempts, outcome, race } = raceOf();
    await clock.advance(100);
    attempts[0]?.resolve('first');
    attempts[1]?.resolve('second');
    await expect(outcome).resolves.toBe('first');
    await clock.advance(0);
    expect(race.alsoAnswered).toEqual(['second']);
  });

  test('the time that an attempt waits before it is sent does not count', async () => {
    const { clock, attempts, outcome } = raceOf({ sendsAtOnce: false });
    await clock.advance(1_000);
    expect(attempts).toHaveLength(1);
    attempts[0]?.ends.sent?.();
    await clock.advance(99);
    expect(attempts).toHaveLength(1);
    await clock.advance(1);
    expect(attempts).toHaveLength(2);
    attempts[1]?.resolve('second');
    await expect(outcome).resolves.toBe('second');
  });

  test('no second attempt, and no timer, where nothing counts as slow', async () => {
    const { clock, attempts } = raceOf({ delayMs: undefined });
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(100_000);
    expect(attempts).toHaveLength(1);
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

  test('with both in flight one failure waits for the other; of two the first attempt counts', async () => {
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
    const { clock, race, attempts, outcome } = raceOf();
    await clock.advance(100);
    race.cancel(new Error('stop'));
    await expect(outcome).rejects.toThrow('stop');
    expect(attempts.map((attempt) => attempt.reason?.message)).toEqual(['stop', 'stop']);
  });

  test('cancelling before the second leaves no timer', async () => {
    const { clock, race, outcome } = raceOf();
    race.cancel(new Error('stop'));
    await expect(outcome).rejects.toThrow('stop');
    expect(clock.pendingTimers).toBe(0);
  });

  test('a second attempt that finds no room is no loss', async () => {
    const { clock, attempts, outcome } = raceOf();
    await clock.advance(100);
    attempts[1]?.reject(new Error('no room'));
    attempts[0]?.resolve('first');
    await expect(outcome).resolves.toBe('first');
  });
});

function policyOf(settings: HedgeSettings, latencies = new LatencyWindow()): HedgePolicy {
  return new HedgePolicy(parseOptions(hedgeSchema(), settings, 'options'), latencies);
}

describe('HedgePolicy', () => {
  test('a fixed delay is given from the start, a percentile once enough answers are known', () => {
    expect(policyOf({ afterMs: 250 }).attemptStarts()).toBe(250);
    expect(policyOf({ percentile: 95 }).attemptStarts()).toBeUndefined();
    const latencies = new LatencyWindow();
    const policy = policyOf({ percentile: 95 }, latencies);
    for (let latencyMs = 1; latencyMs < 20; latencyMs += 1) latencies.add(latencyMs);
    expect(policy.attemptStarts()).toBeUndefined();
    latencies.add(20);
    expect(policy.attemptStarts()).toBe(19);
  });

  test('second attempts never exceed their share of the first', () => {
    const policy = policyOf({ afterMs: 1, maxExtraRatio: 0.06 });
    let hedges = 0;
    let mostBeyondShare = Number.NEGATIVE_INFINITY;
    for (let attempt = 1; attempt <= 10_000; attempt += 1) {
      policy.attemptStarts();
      if (policy.tryHedge()) hedges += 1;
      mostBeyondShare = Math.max(mostBeyondShare, hedges - 0.06 * attempt);
    }
    expect(mostBeyondShare).toBeLessThanOrEqual(1e-6);
    expect(hedges).toBe(600);
  });

  test('a long time without any does not allow a flood', () => {
    const policy = policyOf({ afterMs: 1 });
    for (let attempt = 0; attempt < 10_000; attempt += 1) policy.attemptStarts();
    const allowed = Array.from({ length: 100 }, () => policy.tryHedge());
    expect(allowed.filter(Boolean)).toHaveLength(10);
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
    /** Takes its time, and enters it into the window. */
    class Request implements Racer {
      readonly #ends: AttemptEnds<string>;
      #sentMs = 0;
      #timer: unknown = undefined;

      constructor(ends: AttemptEnds<string>) {
        this.#ends = ends;
      }

      begin(): void {
        requests += 1;
        this.#sentMs = clock.now();
        this.#ends.sent?.();
        const latencyMs = (random() < 0.05 ? 1_000 : 100) * (0.8 + 0.4 * random());
        this.#timer = clock.setTimeout(() => this.#answer(), latencyMs, undefined);
      }

      cancel(reason: Error): void {
        clock.clearTimeout(this.#timer);
        window.addCancelled(clock.now() - this.#sentMs);
        this.#ends.failed(reason);
      }

      #answer(): void {
        window.add(clock.now() - this.#sentMs);
        this.#ends.succeeded('answer');
      }
    }
    class Race extends HeldRace {
      protected override makeAttempt(ends: AttemptEnds<string>): Racer {
        return new Request(ends);
      }

      protected override slowAfterMs(): number | undefined {
        return policy.attemptStarts();
      }
    }
    const latencies: number[] = [];
    const caller = async () => {
      for (let call = 0; call < 400; call += 1) {
        const startedMs = clock.now();
        await new Promise<string>((resolve, reject) => {
          const ends = { succeeded: resolve, failed: reject };
          if (isHedged) new Race(clock, ends, { mayHedge: () => policy.tryHedge() }).begin();
          else new Request(ends).begin();
        });
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

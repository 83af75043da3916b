import type { RateLimits } from '../../contracts/rate-limits.js';
import type {
  LaneLimits,
  ResolvedBreakerSettings,
  ResolvedFairnessSettings,
} from '../../contracts/traffic.js';
import { LaneDownError } from '../../errors/traffic-errors.js';
import type { Clock } from '../../time/clock.js';
import { CircuitBreaker, type CircuitState } from '../breaker/circuit-breaker.js';
import { LatencyWindow } from '../hedge/latency-window.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { StartGate } from '../rate-limit/rate-limiter-options.js';
import type { RateLimiterStats } from '../rate-limit/rate-limiter-stats.js';
import { RateRequest, type RateRequestOptions } from '../rate-limit/rate-request.js';
import { pausedTooLong } from '../rate-limit/refusals.js';
import type { RateReservation } from '../rate-limit/reservation.js';
import type { TokenCost } from '../rate-limit/token-cost.js';
import { isTrouble } from '../retry/failure-class.js';
import { AdaptiveConcurrency, type AdaptiveConcurrencyStats } from './adaptive-concurrency.js';
import { LaneHealth } from './lane-health.js';
import { type AnsweredAttempt, type FailedAttempt, LanePass, type PassOwner } from './lane-pass.js';
import { TokenEstimator } from './token-estimate.js';

/** Options of a {@link Lane}. */
export interface LaneOptions {
  readonly clock: Clock;
  /** Limits known from the start. Limits that the provider reports apply as well. */
  readonly limits?: LaneLimits | undefined;
  /** The lane has a breaker only if this is set. */
  readonly breaker?: ResolvedBreakerSettings | undefined;
  /** Whether the lane stops and adapts in trouble; otherwise it only counts. @default true */
  readonly isShaped?: boolean | undefined;
  /** How many attempts may run at once over all lanes. @default no limit */
  readonly maxConcurrent?: (() => number) | undefined;
  /** Longest time between two probes of a stopped lane, in milliseconds. @default 30_000 */
  readonly maxProbeDelayMs?: number | undefined;
  /** How tenants, and agents, share the lane. @default equal shares */
  readonly fairness?: ResolvedFairnessSettings | undefined;
  /** Random numbers from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Length of the window that the limits apply to, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /** Called when the breaker changes its state. */
  readonly onBreakerChange?: ((state: CircuitState) => void) | undefined;
  /** Called once when its calls begin to wait for more than five seconds, until none waits so long any more. */
  readonly onLongWait?: ((wait: LaneWait) => void) | undefined;
  /** Called when the lane stops, or stops for longer. `pausedForMs` is how long its provider demands to wait. */
  readonly onPause?: ((pausedForMs: number) => void) | undefined;
}

/** What a waiting request waits for. */
export type LaneWaitReason = 'retry-after' | 'lane-down' | 'rate-limit' | 'concurrency' | 'backoff';

/** What the first waiting request of a lane waits for. */
export interface LaneWait {
  reason: LaneWaitReason;
  /** Until when, in epoch milliseconds; `undefined` if that is not known. */
  untilMs: number | undefined;
}

/** The state of a lane. */
export interface LaneStats extends RateLimiterStats {
  /** How much longer its provider demands to wait, in milliseconds; 0 if it demands nothing. */
  pausedForMs: number;
  /** How often it was stopped so far: by a demanded wait, or because its requests failed. */
  pauses: number;
  /** What its waiting requests wait for; `undefined` if none waits. */
  waitingFor: LaneWait | undefined;
  /** The state of its breaker; `undefined` without one. */
  breaker: CircuitState['state'] | undefined;
  /** The state of adaptive concurrency; `undefined` if it is off. */
  adaptive: AdaptiveConcurrencyStats | undefined;
}

/** A request of a stopped lane that failed. */
interface LaneFailure {
  readonly error: Error;
  /** When it failed, in milliseconds of the clock. */
  readonly atMs: number;
  /** How long after it was sent, in milliseconds. */
  readonly elapsedMs: number;
  /** How long the provider demanded to wait, in milliseconds; 0 if it demanded nothing. */
  readonly demandedMs: number;
}

/**
 * How long a lane is down before it fails a call, as a multiple of what the call's own retries would last, and at least,
 * in milliseconds; and how many requests in a row have to fail meanwhile.
 */
const PATIENCE = 1.9;
const MIN_PATIENCE_MS = 2_000;
const FAILURES_OF_DOWN = 18;
/** Calls that are held to account at a time, as a multiple of those that run at once. */
const HELD_RATIO = 2;
/** When a call's last attempt may be a probe, as a multiple of the same: later if the lane has worked before. */
const LAST_ATTEMPT_RATIO = { known: 1.75, unknown: 1 };
/** How long what is known of limits and failures is kept while a lane is idle, in milliseconds. */
const KNOWN_FOR_MS = 120_000;
/** A wait longer than this is reported, in milliseconds. */
const LONG_WAIT_MS = 5_000;
/** Probes of a stopped lane within the patience of one call, at least. */
const PROBES_PER_PATIENCE = 4;

/** Everything that decides when a request may be sent to one model of a provider, shared by all callers. */
export class Lane implements PassOwner, StartGate {
  /** For instance `anthropic/claude-sonnet-4-5`. */
  readonly name: string;
  readonly breaker: CircuitBreaker | undefined;
  /** Latencies of the most recent answers, for hedging. */
  readonly latencies = new LatencyWindow();
  readonly clock: Clock;
  /** Whether it stops and adapts in trouble, and has its retries wait. */
  readonly isShaped: boolean;
  readonly #limiter: RateLimiter;
  readonly #health: LaneHealth;
  readonly #adaptive = new AdaptiveConcurrency();
  readonly #tokens = new TokenEstimator();
  readonly #onPause: ((pausedForMs: number) => void) | undefined;
  readonly #onLongWait: ((wait: LaneWait) => void) | undefined;
  #isLongWaitReported = false;
  readonly #maxConcurrent: number;
  readonly #maxConcurrentOfAll: () => number;
  readonly #maxProbeDelayMs: number;
  #hasLimits: boolean;
  /** Whether a first attempt was ever answered: then it is an outage if all of them fail, and it will pass. */
  #answersFirstAttempts = false;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  /** Requests sent so far. */
  #sent = 0;
  /** The latest failure while the lane is stopped. */
  #lastFailure: LaneFailure | undefined = undefined;
  /** The shortest patience of the calls that are held, in milliseconds. */
  #shortestPatienceMs = Number.POSITIVE_INFINITY;

  constructor(name: string, options: LaneOptions) {
    const { clock, limits, breaker, fairness, random, windowMs, onBreakerChange } = options;
    const { isShaped = true, maxConcurrent, maxProbeDelayMs = 30_000 } = options;
    this.name = name;
    this.clock = clock;
    this.isShaped = isShaped;
    this.#onPause = options.onPause;
    this.#onLongWait = options.onLongWait;
    this.#maxProbeDelayMs = maxProbeDelayMs;
    this.#maxConcurrentOfAll = maxConcurrent ?? (() => Number.POSITIVE_INFINITY);
    this.breaker = breaker && new CircuitBreaker(name, clock, breaker, onBreakerChange);
    this.#health = new LaneHealth({
      clock,
      random,
      waiting: () => this.#limiter.waiting,
      maxProbeDelayMs: () => Math.min(this.#maxProbeDelayMs, this.#shortestPatienceMs / PROBES_PER_PATIENCE),
    });
    const maxInFlight = this.#maxConcurrentOfAll;
    this.#limiter = new RateLimiter({
      lane: name,
      clock,
      limits,
      fairness,
      windowMs,
      gate: this,
      maxInFlight,
    });
    this.#maxConcurrent = limits?.maxConcurrent ?? Number.POSITIVE_INFINITY;
    this.#hasLimits = hasRate(limits);
    this.#applyConcurrency();
  }

  /** Whether a new request would have to wait. */
  get isSaturated(): boolean {
    return this.#limiter.isSaturated;
  }

  /** Whether the breaker lets requests through now. */
  get isAvailable(): boolean {
    return this.breaker === undefined || this.breaker.retryAfterMs === 0;
  }

  /** How much longer its provider demands to wait, in milliseconds; 0 if it demands nothing. */
  get pausedForMs(): number {
    return this.#health.pausedForMs;
  }

  /** Requests waiting for the lane. */
  get waiting(): number {
    return this.#limiter.waiting;
  }

  /** Retries that wait for it, or for their backoff. */
  get retries(): number {
    // While it is stopped they wait for the lane.
    return this.#health.isStopped ? 0 : this.#limiter.retries;
  }

  /** Whether it is idle, and nothing that it has learned or counted matters any more. */
  isForgettable(nowMs: number): boolean {
    if (this.#limiter.waiting > 0 || this.#limiter.inFlight > 0 || this.#health.isStopped) return false;
    if (this.breaker !== undefined && this.breaker.state.state !== 'closed') return false;
    const keptForMs = this.#hasLimits || this.breaker !== undefined ? KNOWN_FOR_MS : 0;
    return nowMs - this.#lastSentMs >= keptForMs;
  }

  /** Whether there is room for a hedge: no queue, and a closed breaker. */
  get hasRoomForHedge(): boolean {
    return !this.isSaturated && (this.breaker === undefined || this.breaker.state.state === 'closed');
  }

  /** What its waiting requests wait for; `undefined` if none waits. */
  get waitingFor(): LaneWait | undefined {
    if (this.#limiter.waiting === 0) return undefined;
    const nowMs = this.clock.now();
    const reason = this.#health.stopReason;
    if (reason !== undefined) {
      const untilMs = this.#epochMs(this.#health.opensAtMs(nowMs));
      return { reason: reason === 'failing' ? 'lane-down' : reason, untilMs };
    }
    const { waitingFor } = this.#limiter;
    return { reason: waitingFor.reason, untilMs: this.#epochMs(waitingFor.untilMs) };
  }

  /** The tokens to reserve for a request, from its size in UTF-8 bytes. */
  estimate(sizeBytes: number, maxTokens: number | undefined): TokenCost {
    return {
      inputTokens: this.#tokens.inputTokens(sizeBytes),
      outputTokens: this.#tokens.outputTokens(maxTokens),
    };
  }

  /** A pass, or `undefined` if the request would have to wait. */
  tryAcquire(cost: TokenCost, sizeBytes: number): LanePass | undefined {
    const reservation = this.#limiter.tryAcquire(cost);
    return reservation && new LanePass(this, reservation, cost, sizeBytes);
  }

  /**
   * Admits a request as soon as the limits allow. Refuses it with a `RateLimitedError` if it would wait past its
   * deadline or longer than its `maxWaitMs`, and with a `LaneDownError` when the lane has been down for longer than the
   * call's own retries would have lasted. Exactly one of `admit` and `refuse` is called, once, maybe at once.
   */
  submit(
    cost: TokenCost,
    sizeBytes: number,
    options: RateRequestOptions,
    admit: (pass: LanePass) => void,
    refuse: (error: Error) => void,
  ): void {
    const withPass = (reservation: RateReservation): void =>
      admit(new LanePass(this, reservation, cost, sizeBytes));
    const request = new RateRequest(cost, options, withPass, refuse);
    const refusal = this.#health.isStopped ? this.#refusalOfWait(request) : undefined;
    if (refusal === undefined) this.#limiter.submit(request);
    else refuse(refusal);
    if (this.#health.isStopped) this.#checkDown();
    this.#reportLongWait();
  }

  /** Starts what may start now: more attempts may run at once. */
  wake(): void {
    this.#limiter.wake();
  }

  /** Called by its passes. */
  sends(): number {
    this.#lastSentMs = this.clock.now();
    return this.#sent++;
  }

  /** Called by its passes. */
  learned(limits: RateLimits): void {
    if (this.#hasLimits || !REPORTED.some((quantity) => limits[quantity]?.limit !== undefined)) return;
    this.#hasLimits = true;
    this.#applyConcurrency();
  }

  /** Called by its passes. */
  succeeded(request: number, { sizeBytes, usage, latencyMs, isFirst }: AnsweredAttempt): void {
    this.latencies.add(latencyMs);
    this.#tokens.observe(sizeBytes, usage?.inputTokens ?? 0, usage?.outputTokens ?? 0);
    if (isFirst) this.#answersFirstAttempts = true;
    this.#answered(request);
  }

  /** Called by its passes. */
  gaveUp(elapsedMs: number): void {
    this.latencies.addCancelled(elapsedMs);
  }

  /** Called by its passes. */
  failed(request: number, attempt: FailedAttempt, elapsedMs: number): void {
    if (!this.isShaped) return;
    if (!isTrouble(attempt.failure)) {
      // A provider that rejects a request for what is in it is working.
      this.#answered(request);
      return;
    }
    const { error, retryAfterMs } = attempt;
    const isRejection = isTooMuch(attempt);
    if (isRejection) this.#rejected(request);
    const isStopped = this.#health.failed(request, retryAfterMs, isRejection);
    if (this.#health.isStopped) {
      this.#lastFailure = { atMs: this.clock.now(), error, elapsedMs, demandedMs: retryAfterMs ?? 0 };
      this.#checkDown();
    }
    this.#reportLongWait();
    if (!isStopped) return;
    const pausedForMs = this.#health.pausedForMs;
    this.#onPause?.(pausedForMs);
    if (pausedForMs > 0) this.#limiter.refuseAll((waiting) => this.#refusalOfWait(waiting));
    this.#limiter.refuseLate();
  }

  /** For its limiter. */
  get isStopped(): boolean {
    return this.#health.isStopped;
  }

  /** For its limiter. A call without retries has nothing to gain from waiting for a lane that fails: it tries itself. */
  opensAtMs(nowMs: number, request: RateRequest | undefined): number {
    if (request?.outlook.maxRetries === 0 && this.#health.stopReason === 'failing') return nowMs;
    return this.#health.opensAtMs(nowMs);
  }

  /** For its limiter. */
  started(nowMs: number): void {
    this.#health.started(nowMs);
  }

  /**
   * For its limiter: no call's last attempt finds out whether the lane works again, as long as the call's own retries
   * would last, or whether it takes more at once.
   */
  allowsAtMs({ outlook }: RateRequest, nowMs: number): number {
    const { isLast, firstFailedAtMs } = outlook;
    if (!isLast || firstFailedAtMs === undefined) return nowMs;
    if (this.#health.isStopped) {
      const ratio = this.#answersFirstAttempts ? LAST_ATTEMPT_RATIO.known : LAST_ATTEMPT_RATIO.unknown;
      return firstFailedAtMs + ratio * outlook.backoffsMs(0);
    }
    const isSafe = this.#limiter.inFlight < this.#adaptive.proven;
    const hasOthers = this.#health.isReturningSlowly && this.#limiter.hasQueue;
    return isSafe && !hasOthers ? nowMs : Number.POSITIVE_INFINITY;
  }

  stats(): LaneStats {
    return {
      ...this.#limiter.stats(),
      pausedForMs: this.#health.pausedForMs,
      pauses: this.#health.stops,
      waitingFor: this.waitingFor,
      breaker: this.breaker?.state.state,
      adaptive: this.#hasLimits || !this.isShaped ? undefined : this.#adaptive.stats(),
    };
  }

  #answered(request: number): void {
    if (!this.isShaped) return;
    if (this.#limiter.waiting === 0) this.#isLongWaitReported = false;
    if (this.#adaptive.answered(request, this.#limiter.inFlight, this.#sent)) this.#applyConcurrency();
    if (!this.#health.answered(request)) return;
    // Works again.
    this.#lastFailure = undefined;
    this.#shortestPatienceMs = Number.POSITIVE_INFINITY;
    this.#limiter.release();
  }

  #rejected(request: number): void {
    if (this.#hasLimits) this.#limiter.unexpectedRejection();
    if (this.#adaptive.rejected(request, this.#limiter.inFlight - 1, this.#sent)) this.#applyConcurrency();
  }

  #reportLongWait(): void {
    if (this.#isLongWaitReported || this.#onLongWait === undefined) return;
    const wait = this.waitingFor;
    if (wait === undefined) return;
    const nowMs = this.clock.now();
    const sinceMs = this.#health.stoppedSinceMs ?? nowMs;
    const untilMs = wait.untilMs === undefined ? nowMs : nowMs + (wait.untilMs - this.clock.epochMs());
    if (Math.max(nowMs, untilMs) - sinceMs <= LONG_WAIT_MS) return;
    this.#isLongWaitReported = true;
    this.#onLongWait(wait);
  }

  /** The pause that the provider demands is longer than the call waits for. */
  #refusalOfWait({ maxWaitMs }: RateRequest): Error | undefined {
    const { pausedForMs } = this.#health;
    return pausedForMs > maxWaitMs ? pausedTooLong(this.name, pausedForMs, maxWaitMs) : undefined;
  }

  /**
   * Refuses the calls that have waited for a lane that is down longer than their own retries would have lasted. So that
   * a long outage fails no more calls than it would without a lane, only as many are held to account at a time as would
   * be trying then: twice those that run at once, as each gets about twice its time.
   */
  #checkDown(): void {
    const nowMs = this.clock.now();
    const failure = this.#lastFailure;
    if (failure === undefined) return;
    const held = this.#limiter.hold(HELD_RATIO * this.#maxConcurrentOfAll(), nowMs);
    const isDown = this.#health.failuresInARow >= FAILURES_OF_DOWN;
    let hasRefused = false;
    let nextMs = Number.POSITIVE_INFINITY;
    this.#shortestPatienceMs = Number.POSITIVE_INFINITY;
    for (const request of held) {
      request.heldSinceMs ??= nowMs;
      const patienceMs = patienceOf(request, failure);
      const endsAtMs = request.heldSinceMs + patienceMs;
      // Only a probe that failed after all that time shows that the lane is still down.
      if (isDown && failure.atMs >= endsAtMs) {
        this.#refuseDown(request, failure.error);
        hasRefused = true;
      } else {
        this.#shortestPatienceMs = Math.min(this.#shortestPatienceMs, patienceMs);
        nextMs = Math.min(nextMs, Math.max(endsAtMs, nowMs));
      }
    }
    // Others take their places at once.
    if (hasRefused) this.#checkDown();
    else if (isDown) {
      this.#health.probeBy(nextMs);
      this.#limiter.wake();
    }
  }

  #refuseDown(request: RateRequest, error: Error): void {
    const downForMs = this.clock.now() - (this.#health.stoppedSinceMs ?? this.clock.now());
    this.#limiter.refuse(request, new LaneDownError(this.name, downForMs, error));
  }

  #epochMs(atMs: number): number | undefined {
    return Number.isFinite(atMs) ? this.clock.epochMs() + (atMs - this.clock.now()) : undefined;
  }

  /** With a known rate limit, concurrency need not adapt: only the configured maximum applies. */
  #applyConcurrency(): void {
    const adaptive = this.#hasLimits ? Number.POSITIVE_INFINITY : this.#adaptive.limit;
    this.#limiter.maxConcurrent = Math.min(this.#maxConcurrent, adaptive);
  }
}

const REPORTED = ['requests', 'inputTokens', 'outputTokens', 'tokens'] as const;

function hasRate(limits: LaneLimits | undefined): boolean {
  if (limits === undefined) return false;
  const { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute, tokensPerMinute } = limits;
  return (
    (requestsPerMinute ?? inputTokensPerMinute ?? outputTokensPerMinute ?? tokensPerMinute) !== undefined
  );
}

/** How long a call waits for a lane that is down before it fails, in milliseconds. */
function patienceOf({ outlook }: RateRequest, { elapsedMs, demandedMs }: LaneFailure): number {
  const ownMs = outlook.backoffsMs(demandedMs) + outlook.maxRetries * elapsedMs;
  return Math.max(MIN_PATIENCE_MS, PATIENCE * ownMs);
}

/** Whether the provider says that it gets too much. */
function isTooMuch({ failure, status }: FailedAttempt): boolean {
  return failure === 'rate-limited' || status === 529;
}

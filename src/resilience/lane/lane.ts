import type { Usage } from '../../contracts/usage.js';
import type { Clock } from '../../time/clock.js';
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from '../breaker/circuit-breaker.js';
import { LatencyWindow } from '../hedge/latency-window.js';
import type { FairnessOptions } from '../permits/fair-queue.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { RateLimiterStats } from '../rate-limit/rate-limiter-stats.js';
import { type AcquireOptions, RateRequest } from '../rate-limit/rate-request.js';
import type { RateReservation } from '../rate-limit/reservation.js';
import type { RateLimits, TokenCost } from '../rate-limit/usage.js';
import type { RateLimitReport } from '../rate-limit-headers.js';
import {
  AdaptiveConcurrency,
  type AdaptiveConcurrencyOptions,
  type AdaptiveConcurrencyStats,
} from './adaptive-concurrency.js';
import { CoolOff } from './cool-off.js';
import { LanePass, type PassOwner } from './lane-pass.js';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.js';
import { TokenEstimator } from './token-estimate.js';

/** What a {@link Lane} is made of. */
export interface LaneOptions {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Limits known from the start; what the provider reports is learned in any case. */
  readonly limits?: RateLimits | undefined;
  /** A breaker in front of the lane; off when left out. */
  readonly breaker?: CircuitBreakerOptions | undefined;
  /** How concurrency adapts as long as no limits are known; `false` for not at all. */
  readonly adaptive?: AdaptiveConcurrencyOptions | false | undefined;
  /** How many requests may be retries. */
  readonly retryBudget?: RetryBudgetOptions | undefined;
  /** How tenants, and agents, share the lane. */
  readonly fairness?: FairnessOptions | undefined;
  /** Random numbers from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Length of the window that the limits are for, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /** Told when the breaker changes its state. */
  readonly onBreakerChange?: ((state: CircuitState) => void) | undefined;
  /** Told when a rejection pauses the lane. */
  readonly onPause?: ((pausedForMs: number) => void) | undefined;
}

/** How a lane stands. */
export interface LaneStats extends RateLimiterStats {
  /** How long it is still paused, in milliseconds. */
  pausedForMs: number;
  /** Pauses so far. */
  pauses: number;
  /** What its breaker is doing; `undefined` without one. */
  breaker: CircuitState['state'] | undefined;
  /** How its concurrency adapts; `undefined` where it does not. */
  adaptive: AdaptiveConcurrencyStats | undefined;
  /** Retries that may still be made in this window. */
  retriesLeft: number;
}

/** Rejections in a row that adaptive concurrency answers alone, before the whole lane pauses without being asked to. */
const TOLERATED_REJECTIONS = 3;

/**
 * The way to one provider's model: everything that decides when a request may be sent there, in one
 * place, shared by all callers.
 */
export class Lane implements PassOwner {
  /** Its name, for instance `anthropic/claude-sonnet-4-5`. */
  readonly name: string;
  /** Its breaker, if it has one. */
  readonly breaker: CircuitBreaker | undefined;
  /** The latest answers' latencies, for hedging. */
  readonly latencies = new LatencyWindow();
  /** Where its time comes from. */
  readonly clock: Clock;
  readonly #retryBudget: RetryBudget;
  readonly #limiter: RateLimiter;
  readonly #coolOff: CoolOff;
  readonly #adaptive: AdaptiveConcurrency | undefined;
  readonly #tokens = new TokenEstimator();
  readonly #onPause: ((pausedForMs: number) => void) | undefined;
  #maxConcurrent: number;
  #hasLimits: boolean;

  constructor(name: string, options: LaneOptions) {
    const { clock, limits, breaker, adaptive = {}, fairness, random, windowMs, onBreakerChange } = options;
    this.name = name;
    this.clock = clock;
    this.#onPause = options.onPause;
    this.#retryBudget = new RetryBudget(clock, options.retryBudget, () => this.#limiter.waiting);
    this.breaker = breaker && new CircuitBreaker(name, clock, breaker, onBreakerChange);
    this.#adaptive = adaptive === false ? undefined : new AdaptiveConcurrency(adaptive);
    this.#coolOff = new CoolOff({ clock, random, waiting: () => this.#limiter.waiting });
    this.#limiter = new RateLimiter({ lane: name, clock, limits, fairness, windowMs, gate: this.#coolOff });
    this.#maxConcurrent = limits?.maxConcurrent ?? Number.POSITIVE_INFINITY;
    this.#hasLimits = hasRate(limits);
    this.#applyConcurrency();
  }

  /** Whether a request that came now would have to wait: then nothing extra is sent. */
  get isSaturated(): boolean {
    return this.#limiter.isSaturated;
  }

  /** Whether the lane takes requests at all now; a fallback is better asked at once where it does not. */
  get isAvailable(): boolean {
    return this.breaker === undefined || this.breaker.retryAfterMs === 0;
  }

  /** How long it is still paused, in milliseconds. */
  get pausedForMs(): number {
    return this.#coolOff.pausedForMs;
  }

  /** Requests that wait for it. */
  get waiting(): number {
    return this.#limiter.waiting;
  }

  /** Whether there is room for a request that nobody waits for: no queue, and a breaker without doubts. */
  get hasRoomForHedge(): boolean {
    return !this.isSaturated && (this.breaker === undefined || this.breaker.state.state === 'closed');
  }

  /** Replaces the limits from the options. */
  setLimits(limits: RateLimits): void {
    this.#limiter.setLimits(limits);
    this.#maxConcurrent = limits.maxConcurrent ?? Number.POSITIVE_INFINITY;
    this.#hasLimits = hasRate(limits);
    this.#applyConcurrency();
  }

  /** Whether a failed call may try again; takes the retry from the budget. Once a retry, before its backoff. */
  tryRetry(): boolean {
    if (!this.#retryBudget.tryRetry()) return false;
    this.#coolOff.willReturn();
    return true;
  }

  /** Tokens to reserve for a request of this much UTF-8 text. */
  estimate(sizeBytes: number, maxTokens: number | undefined): TokenCost {
    return {
      inputTokens: this.#tokens.inputTokens(sizeBytes),
      outputTokens: this.#tokens.outputTokens(maxTokens),
    };
  }

  /** How long a request that came now would wait at least, in milliseconds. */
  estimateWaitMs(cost: TokenCost, priority = 0, tenant?: string): number {
    return this.#limiter.estimateWaitMs(cost, priority, tenant);
  }

  /** A pass at once, or `undefined` where the request would have to wait. */
  tryAcquire(cost: TokenCost, sizeBytes: number): LanePass | undefined {
    const reservation = this.#limiter.tryAcquire(cost);
    return reservation && new LanePass(this, reservation, cost, sizeBytes);
  }

  /**
   * A pass as soon as the limits allow.
   * @throws {@link RateLimitedError} at once when the wait would pass the deadline.
   */
  acquire(cost: TokenCost, sizeBytes: number, options: AcquireOptions = {}): Promise<LanePass> {
    return new Promise((resolve, reject) => this.submit(cost, sizeBytes, options, resolve, reject));
  }

  /** As {@link acquire}, with callbacks: one of the two is called, once, maybe at once. */
  submit(
    cost: TokenCost,
    sizeBytes: number,
    options: AcquireOptions,
    admit: (pass: LanePass) => void,
    refuse: (error: Error) => void,
  ): void {
    const withPass = (reservation: RateReservation): void =>
      admit(new LanePass(this, reservation, cost, sizeBytes));
    this.#limiter.submit(new RateRequest(cost, options, withPass, refuse));
  }

  /** For its passes alone. */
  sends(): number {
    this.#retryBudget.sent();
    return this.#adaptive?.started() ?? 0;
  }

  /** For its passes alone. */
  learned(report: RateLimitReport): void {
    if (this.#hasLimits || !REPORTED.some((quantity) => report[quantity]?.limit !== undefined)) return;
    this.#hasLimits = true;
    this.#applyConcurrency();
  }

  /** For its passes alone. */
  succeeded(request: number, sizeBytes: number, usage: Partial<Usage> | undefined, latencyMs: number): void {
    this.latencies.add(latencyMs);
    this.#coolOff.succeeded();
    this.#tokens.observe(sizeBytes, usage?.inputTokens ?? 0, usage?.outputTokens ?? 0);
    if (this.#adaptive?.succeeded(request, this.#limiter.inFlight) === true) this.#applyConcurrency();
  }

  /** For its passes alone. */
  gaveUp(elapsedMs: number): void {
    this.latencies.addCancelled(elapsedMs);
  }

  /** For its passes alone. */
  overloaded(request: number, retryAfterMs: number | undefined, isRejection: boolean): void {
    if (this.#adaptive?.overloaded(request) === true) this.#applyConcurrency();
    if (isRejection && this.#hasLimits) this.#limiter.surprised();
    if (!isRejection || !this.#coolOff.rejected(retryAfterMs)) return;
    this.#onPause?.(this.#coolOff.pausedForMs);
    this.#limiter.refuseLate();
  }

  /** How things stand. */
  stats(): LaneStats {
    return {
      ...this.#limiter.stats(),
      pausedForMs: this.#coolOff.pausedForMs,
      pauses: this.#coolOff.pauses,
      breaker: this.breaker?.state.state,
      adaptive: this.#hasLimits ? undefined : this.#adaptive?.stats(),
      retriesLeft: this.#retryBudget.left,
    };
  }

  /** With a known rate nothing has to be found out: then only the configured limit holds. */
  #applyConcurrency(): void {
    const adaptive = this.#hasLimits ? undefined : this.#adaptive?.limit;
    this.#coolOff.tolerated = adaptive === undefined ? 0 : TOLERATED_REJECTIONS;
    this.#limiter.maxConcurrent = Math.min(this.#maxConcurrent, adaptive ?? Number.POSITIVE_INFINITY);
  }
}

const REPORTED = ['requests', 'inputTokens', 'outputTokens', 'tokens'] as const;

function hasRate(limits: RateLimits | undefined): boolean {
  if (limits === undefined) return false;
  const { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute, tokensPerMinute } = limits;
  return (
    (requestsPerMinute ?? inputTokensPerMinute ?? outputTokensPerMinute ?? tokensPerMinute) !== undefined
  );
}

import type { RateLimits } from '../../contracts/rate-limits.js';
import type {
  LaneLimits,
  ResolvedBreakerSettings,
  ResolvedFairnessSettings,
} from '../../contracts/traffic.js';
import type { Usage } from '../../contracts/usage.js';
import type { Clock } from '../../time/clock.js';
import { CircuitBreaker, type CircuitState } from '../breaker/circuit-breaker.js';
import { LatencyWindow } from '../hedge/latency-window.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { RateLimiterStats } from '../rate-limit/rate-limiter-stats.js';
import { RateRequest, type RateRequestOptions } from '../rate-limit/rate-request.js';
import type { RateReservation } from '../rate-limit/reservation.js';
import type { TokenCost } from '../rate-limit/token-cost.js';
import {
  AdaptiveConcurrency,
  type AdaptiveConcurrencyOptions,
  type AdaptiveConcurrencyStats,
} from './adaptive-concurrency.js';
import { CoolOff } from './cool-off.js';
import { LanePass, type PassOwner } from './lane-pass.js';
import { RetryBudget, type RetryBudgetOptions } from './retry-budget.js';
import { TokenEstimator } from './token-estimate.js';

/** Options of a {@link Lane}. */
export interface LaneOptions {
  readonly clock: Clock;
  /** Limits known from the start. Limits that the provider reports apply as well. */
  readonly limits?: LaneLimits | undefined;
  /** The lane has a breaker only if this is set. */
  readonly breaker?: ResolvedBreakerSettings | undefined;
  /** How concurrency adapts while no limits are known; `false` for not at all. */
  readonly adaptive?: AdaptiveConcurrencyOptions | false | undefined;
  /** How many requests may be retries. */
  readonly retryBudget?: RetryBudgetOptions | undefined;
  /** How tenants, and agents, share the lane. @default equal shares */
  readonly fairness?: ResolvedFairnessSettings | undefined;
  /** Random numbers from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Length of the window that the limits apply to, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /** Called when the breaker changes its state. */
  readonly onBreakerChange?: ((state: CircuitState) => void) | undefined;
  /** Called when a rejection pauses the lane. */
  readonly onPause?: ((pausedForMs: number) => void) | undefined;
}

/** The state of a lane. */
export interface LaneStats extends RateLimiterStats {
  /** How much longer it is paused, in milliseconds; 0 if it is not. */
  pausedForMs: number;
  /** Pauses so far. */
  pauses: number;
  /** The state of its breaker; `undefined` without one. */
  breaker: CircuitState['state'] | undefined;
  /** The state of adaptive concurrency; `undefined` if it is off. */
  adaptive: AdaptiveConcurrencyStats | undefined;
  /** Retries that may still be made in this window. */
  retriesLeft: number;
}

/** Consecutive rejections without a `retry-after` that only lower the concurrency, before the whole lane pauses too. */
const TOLERATED_REJECTIONS = 3;

/**
 * Everything that decides when a request may be sent to one model of a provider, shared by all callers.
 */
export class Lane implements PassOwner {
  /** For instance `anthropic/claude-sonnet-4-5`. */
  readonly name: string;
  readonly breaker: CircuitBreaker | undefined;
  /** Latencies of the most recent answers, for hedging. */
  readonly latencies = new LatencyWindow();
  readonly clock: Clock;
  readonly #retryBudget: RetryBudget;
  readonly #limiter: RateLimiter;
  readonly #coolOff: CoolOff;
  readonly #adaptive: AdaptiveConcurrency | undefined;
  readonly #tokens = new TokenEstimator();
  readonly #onPause: ((pausedForMs: number) => void) | undefined;
  readonly #maxConcurrent: number;
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

  /** Whether a new request would have to wait. */
  get isSaturated(): boolean {
    return this.#limiter.isSaturated;
  }

  /** Whether the breaker lets requests through now. */
  get isAvailable(): boolean {
    return this.breaker === undefined || this.breaker.retryAfterMs === 0;
  }

  /** How much longer it is paused, in milliseconds; 0 if it is not. */
  get pausedForMs(): number {
    return this.#coolOff.pausedForMs;
  }

  /** Requests waiting for the lane. */
  get waiting(): number {
    return this.#limiter.waiting;
  }

  /** Whether there is room for a hedge: no queue, and a closed breaker. */
  get hasRoomForHedge(): boolean {
    return !this.isSaturated && (this.breaker === undefined || this.breaker.state.state === 'closed');
  }

  /** Whether a failed call may retry; charges the retry budget. Called once per retry, before its backoff. */
  tryRetry(): boolean {
    if (!this.#retryBudget.tryRetry()) return false;
    this.#coolOff.willReturn();
    return true;
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
   * Admits a request as soon as the limits allow; refuses it with a `RateLimitedError` if it would wait past its
   * deadline. Exactly one of `admit` and `refuse` is called, once, maybe at once.
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
    this.#limiter.submit(new RateRequest(cost, options, withPass, refuse));
  }

  /** Called by its passes. */
  sends(): number {
    this.#retryBudget.sent();
    return this.#adaptive?.started() ?? 0;
  }

  /** Called by its passes. */
  learned(limits: RateLimits): void {
    if (this.#hasLimits || !REPORTED.some((quantity) => limits[quantity]?.limit !== undefined)) return;
    this.#hasLimits = true;
    this.#applyConcurrency();
  }

  /** Called by its passes. */
  succeeded(request: number, sizeBytes: number, usage: Partial<Usage> | undefined, latencyMs: number): void {
    this.latencies.add(latencyMs);
    this.#coolOff.succeeded();
    this.#tokens.observe(sizeBytes, usage?.inputTokens ?? 0, usage?.outputTokens ?? 0);
    if (this.#adaptive?.succeeded(request, this.#limiter.inFlight) === true) this.#applyConcurrency();
  }

  /** Called by its passes. */
  gaveUp(elapsedMs: number): void {
    this.latencies.addCancelled(elapsedMs);
  }

  /** Called by its passes. */
  overloaded(request: number, retryAfterMs: number | undefined, isRejection: boolean): void {
    if (this.#adaptive?.overloaded(request) === true) this.#applyConcurrency();
    if (isRejection && this.#hasLimits) this.#limiter.unexpectedRejection();
    if (!isRejection || !this.#coolOff.rejected(retryAfterMs)) return;
    this.#onPause?.(this.#coolOff.pausedForMs);
    this.#limiter.refuseLate();
  }

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

  /** With a known rate limit, concurrency need not adapt: only the configured maximum applies. */
  #applyConcurrency(): void {
    const adaptive = this.#hasLimits ? undefined : this.#adaptive?.limit;
    this.#coolOff.tolerated = adaptive === undefined ? 0 : TOLERATED_REJECTIONS;
    this.#limiter.maxConcurrent = Math.min(this.#maxConcurrent, adaptive ?? Number.POSITIVE_INFINITY);
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

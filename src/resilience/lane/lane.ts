import type { RateLimits } from '../../contracts/rate-limits.js';
import type { LaneLimits } from '../../contracts/traffic.js';
import { CircuitOpenError } from '../../errors/traffic-errors.js';
import type { Clock } from '../../time/clock.js';
import { CircuitBreaker, type CircuitState } from '../breaker/circuit-breaker.js';
import { LatencyWindow } from '../hedge/latency-window.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { StartGate } from '../rate-limit/rate-limiter-options.js';
import { RateRequest, type RateRequestOptions } from '../rate-limit/rate-request.js';
import { pausedTooLong } from '../rate-limit/refusals.js';
import type { RateReservation } from '../rate-limit/reservation.js';
import type { ReturnOrder } from '../rate-limit/return-queue.js';
import type { TokenCost } from '../rate-limit/token-cost.js';
import type { WaitingSum } from '../rate-limit/usage.js';
import { isTrouble } from '../retry/failure-class.js';
import { AdaptiveConcurrency } from './adaptive-concurrency.js';
import { LaneHealth } from './lane-health.js';
import type { LaneOptions, LaneStats, LaneWait } from './lane-options.js';
import { type AnsweredAttempt, type FailedAttempt, LanePass, type PassOwner } from './lane-pass.js';
import { LanePatience } from './lane-patience.js';
import { TokenEstimator } from './token-estimate.js';

/** When a call's last attempt may be a probe, as a multiple of its backoffs: later if the lane has worked before. */
const LAST_ATTEMPT_RATIO = { known: 1.65, unknown: 1 };
/** How long what is known of limits and failures is kept while a lane is idle, in milliseconds. */
const KNOWN_FOR_MS = 120_000;
/** A wait longer than this is reported, in milliseconds. */
const LONG_WAIT_MS = 5_000;

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
  readonly #patience: LanePatience;
  readonly #adaptive = new AdaptiveConcurrency();
  readonly #tokens = new TokenEstimator();
  readonly #onPause: ((pausedForMs: number) => void) | undefined;
  readonly #onBreakerChange: ((state: CircuitState) => void) | undefined;
  readonly #onLongWait: ((wait: LaneWait) => void) | undefined;
  #isLongWaitReported = false;
  readonly #maxConcurrent: number;
  #hasLimits: boolean;
  /** Whether a first attempt was ever answered: then it is an outage if all of them fail, and it will pass. */
  #answersFirstAttempts = false;
  #lastSentMs = Number.NEGATIVE_INFINITY;
  /** Requests sent so far. */
  #sent = 0;

  constructor(name: string, options: LaneOptions) {
    const { clock, limits, breaker, fairness, random, windowMs } = options;
    const { isShaped = true, maxConcurrent, maxProbeDelayMs = 30_000 } = options;
    this.name = name;
    this.clock = clock;
    this.isShaped = isShaped;
    this.#onPause = options.onPause;
    this.#onLongWait = options.onLongWait;
    this.#onBreakerChange = options.onBreakerChange;
    this.breaker =
      breaker && new CircuitBreaker(name, clock, breaker, (state) => this.#breakerChanged(state));
    this.#health = new LaneHealth({
      clock,
      random,
      waiting: () => this.#limiter.waiting,
      maxProbeDelayMs: () => Math.min(maxProbeDelayMs, this.#patience.maxProbeDelayMs),
    });
    // Where it only counts, calls wait for their permits, in the order of those.
    const maxInFlight =
      isShaped && maxConcurrent !== undefined ? maxConcurrent : () => Number.POSITIVE_INFINITY;
    this.#limiter = new RateLimiter({
      lane: name,
      clock,
      limits,
      fairness,
      windowMs,
      gate: this,
      maxInFlight,
    });
    this.#patience = new LanePatience(name, clock, this.#health, this.#limiter, maxInFlight);
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

  /** How long it has been stopped so far, in milliseconds: by demanded waits, or because its requests failed. */
  get stoppedMs(): number {
    return this.#health.stoppedMs;
  }

  /** How many requests may be in flight at once as far as is known, and whether it has run into a limit that nothing states. */
  get outlook(): { readonly maxConcurrent: number; readonly isLimitUnknown: boolean } {
    const adaptive = this.#hasLimits || !this.isShaped ? Number.POSITIVE_INFINITY : this.#adaptive.limit;
    const maxConcurrent = Math.min(this.#maxConcurrent, adaptive);
    return { maxConcurrent, isLimitUnknown: !this.#hasLimits && this.#health.stops > 0 };
  }

  /** How long the rate limits have the last of that many requests wait, as far as they are known, in milliseconds. */
  startsAfterMs(requests: WaitingSum): number {
    return this.#limiter.startsAfterMs(requests);
  }

  /** Requests waiting for the lane. */
  get waiting(): number {
    return this.#limiter.waiting;
  }

  /** Retries that wait for their backoff, or for the lane while it works; in a stopped lane only the former. */
  get retries(): number {
    if (!this.#health.isStopped) return this.#limiter.retriesReadyAfter(0);
    return this.#limiter.retriesReadyAfter(this.#health.opensAtMs(this.clock.now()));
  }

  /** Whether it is idle, and nothing that it has learned or counted matters any more. */
  isForgettable(nowMs: number): boolean {
    if (this.#limiter.waiting > 0 || this.#limiter.inFlight > 0) return false;
    if (this.#health.pausedForMs > 0 || !this.isAvailable) return false;
    const isKnown = this.#hasLimits || this.breaker !== undefined || this.#health.isStopped;
    return nowMs - this.#lastSentMs >= (isKnown ? KNOWN_FOR_MS : 0);
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

  /** The tokens of a request of this size, in UTF-8 bytes, with nothing in the provider's prompt cache. */
  promptTokens(sizeBytes: number): number {
    return this.#tokens.promptTokens(sizeBytes);
  }

  /** A pass, or `undefined` if the request would have to wait. */
  tryAcquire(cost: TokenCost, sizeBytes: number): LanePass | undefined {
    const reservation = this.#limiter.tryAcquire(cost);
    return reservation && new LanePass(this, reservation, cost, sizeBytes);
  }

  /**
   * A pass for a request that waits for its permit, or `undefined` if it would have to wait for the lane too. Where the
   * lane got into trouble meanwhile, {@link mayStart} no longer holds when it has the permit: it then returns the pass.
   */
  tryReserve(cost: TokenCost, sizeBytes: number): LanePass | undefined {
    const reservation = this.#limiter.tryReserve(cost);
    return reservation && new LanePass(this, reservation, cost, sizeBytes);
  }

  /** Whether a request with a pass of {@link tryReserve} may be sent now. */
  get mayStart(): boolean {
    return !this.isShaped || (this.#health.isOpen && this.#limiter.mayStart);
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
    if (this.#health.isStopped) this.#patience.submitted();
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
    const sent = (usage?.inputTokens ?? 0) + (usage?.cacheWriteTokens ?? 0);
    this.#tokens.observe(sizeBytes, sent, usage?.outputTokens ?? 0, usage?.cacheReadTokens);
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
      this.#patience.failed({ atMs: this.clock.now(), error, elapsedMs, demandedMs: retryAfterMs ?? 0 });
    }
    this.#reportLongWait();
    if (!isStopped) return;
    const pausedForMs = this.#health.pausedForMs;
    this.#onPause?.(pausedForMs);
    if (pausedForMs > 0) this.#limiter.refuseAll((waiting) => this.#refusalOfWait(waiting));
    this.#limiter.refuseLate();
  }

  /** Whether it takes no requests but probes. */
  get isStopped(): boolean {
    return this.#health.isStopped;
  }

  /** For its limiter. */
  get returnOrder(): ReturnOrder {
    return this.#health.probeOrder;
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
    const isSafe = this.#limiter.sentInFlight < this.#adaptive.proven;
    const hasOthers = this.#health.isReturningSlowly && this.#limiter.hasQueue;
    return isSafe && !hasOthers ? nowMs : Number.POSITIVE_INFINITY;
  }

  stats(): LaneStats {
    return {
      ...this.#limiter.stats(),
      inFlight: this.#limiter.sentInFlight,
      pausedForMs: this.#health.pausedForMs,
      pauses: this.#health.stops,
      waitingFor: this.waitingFor,
      breaker: this.breaker?.state.state,
      adaptive: this.#hasLimits || !this.isShaped ? undefined : this.#adaptive.stats(),
    };
  }

  /** Calls that wait would only wait to be refused. */
  #breakerChanged(state: CircuitState): void {
    this.#onBreakerChange?.(state);
    if (state.state !== 'open') return;
    const retryAfterMs = this.breaker?.retryAfterMs ?? 0;
    this.#limiter.refuseAll(() => new CircuitOpenError(this.name, retryAfterMs));
  }

  #answered(request: number): void {
    if (!this.isShaped) return;
    if (this.#limiter.waiting === 0) this.#isLongWaitReported = false;
    if (this.#adaptive.answered(request, this.#limiter.sentInFlight, this.#sent)) this.#applyConcurrency();
    if (!this.#health.answered(request)) return;
    // Works again.
    this.#patience.reset();
    this.#limiter.release();
  }

  #rejected(request: number): void {
    if (this.#hasLimits) this.#limiter.unexpectedRejection();
    if (this.#adaptive.rejected(request, this.#limiter.sentInFlight - 1, this.#sent))
      this.#applyConcurrency();
  }

  #reportLongWait(): void {
    if (this.#isLongWaitReported || this.#onLongWait === undefined) return;
    // How long others take is not known.
    if (this.#limiter.isFull && !this.#health.isStopped) return;
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

/** Whether the provider says that it gets too much. */
function isTooMuch({ failure, status }: FailedAttempt): boolean {
  return failure === 'rate-limited' || status === 529;
}

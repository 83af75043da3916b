import type { Clock, TimerHandle } from '../../time/clock.js';
import type { RateLimitReport } from '../rate-limit-headers.js';
import { Place, type PlaceGiver } from './place.js';
import type { RateLimiterOptions, StartGate } from './rate-limiter-options.js';
import type { RateLimiterStats } from './rate-limiter-stats.js';
import { RateLimitQueue } from './rate-queue.js';
import { type AcquireOptions, RateRequest, wholeCost } from './rate-request.js';
import { tooLarge, waitTooLong } from './refusals.js';
import type { RateReservation } from './reservation.js';
import { type Booking, type RateLimits, RateLimitUsage, type TokenCost } from './usage.js';
import { RateLimitMargin } from './window-margin.js';

/** Says that a waiting request has left the queue and the next may be looked at. */
const STARTED = Number.NEGATIVE_INFINITY;

/**
 * Lets a lane's requests through as fast as its limits allow and never faster: in no window of `windowMs`
 * milliseconds do more than the limit start, however many callers there are and whenever the limits change.
 *
 * Tenants share the lane fairly; of a tenant's requests the first of the highest priority is next, with ageing. A
 * large one at the head is not overtaken by small ones behind it that would fit: they would keep the room from ever
 * growing large enough. While the head fits, nothing waits. One timer serves all waiters.
 */
export class RateLimiter implements PlaceGiver {
  readonly #lane: string;
  readonly #clock: Clock;
  readonly #gate: StartGate | undefined;
  readonly #usage: RateLimitUsage;
  readonly #queue: RateLimitQueue;
  #maxConcurrent: number;
  #inFlight = 0;
  #timer: TimerHandle = undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isPumping = false;

  constructor(options: RateLimiterOptions) {
    const { lane, clock, limits = {}, gate, windowMs = 60_000 } = options;
    this.#lane = lane;
    this.#clock = clock;
    this.#gate = gate;
    this.#queue = new RateLimitQueue(clock, options.fairness);
    this.#usage = new RateLimitUsage(new RateLimitMargin(windowMs, options.marginMs), limits);
    this.#maxConcurrent = limits.maxConcurrent ?? Number.POSITIVE_INFINITY;
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests waiting. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** How many may be under way at once; a change takes effect at once. */
  get maxConcurrent(): number {
    return this.#maxConcurrent;
  }

  set maxConcurrent(maxConcurrent: number) {
    const isMore = maxConcurrent > this.#maxConcurrent;
    this.#maxConcurrent = maxConcurrent;
    if (isMore) this.#pump();
  }

  /** Whether a request that came now would have to wait, however small it is. */
  get isSaturated(): boolean {
    const nowMs = this.#clock.now();
    return this.#queue.size > 0 || this.#startsAtMs({ inputTokens: 1, outputTokens: 1 }, nowMs) > nowMs;
  }

  /** Replaces the limits from the options; what was learned stays. */
  setLimits(limits: RateLimits): void {
    this.#usage.setLimits(limits);
    this.#maxConcurrent = limits.maxConcurrent ?? Number.POSITIVE_INFINITY;
    this.#pump();
  }

  /** A place at once, or `undefined` where the request would have to wait. */
  tryAcquire(cost: TokenCost): RateReservation | undefined {
    return this.#tryStart(wholeCost(cost));
  }

  /**
   * A place as soon as the limits allow. Rejects with the scope's reason when that is cancelled.
   *
   * @throws {@link RateLimitedError} at once when the wait would pass `deadlineAtMs`, or when the tokens that are
   *   sent are more than a whole window allows.
   */
  acquire(cost: TokenCost, options: AcquireOptions = {}): Promise<RateReservation> {
    return new Promise((resolve, reject) => this.submit(new RateRequest(cost, options, resolve, reject)));
  }

  /** As {@link acquire}, with callbacks: a waiting request is one object in a queue and no more. */
  submit(request: RateRequest): void {
    if (request.scope?.reason !== undefined) {
      request.refuse(request.scope.reason);
      return;
    }
    const reservation = this.#tryStart(request.cost);
    const refusal = reservation === undefined ? this.#refusalOf(request) : undefined;
    if (reservation !== undefined) request.admit(reservation);
    else if (refusal !== undefined) request.refuse(refusal);
    else this.#enqueue(request);
  }

  /** How long a request that came now would wait at least, in milliseconds. */
  estimateWaitMs(cost: TokenCost, priority = 0, tenant = ''): number {
    const nowMs = this.#clock.now();
    const ahead = this.#queue.aheadOf(tenant, priority);
    const fitsAtMs = this.#usage.estimateMs(ahead, wholeCost(cost), nowMs);
    const opensAtMs = this.#gate?.opensAtMs(nowMs) ?? nowMs;
    // A gate that only an event opens says nothing about when.
    return Math.max(fitsAtMs, Number.isFinite(opensAtMs) ? opensAtMs : nowMs) - nowMs;
  }

  /** The provider rejected a request that should have fitted: keeps more distance from the limits. */
  surprised(): void {
    this.#usage.surprised();
  }

  /** Starts what may start now: for whoever opened the gate. */
  wake(): void {
    this.#pump();
  }

  /** Refuses what waits and can no longer start before its deadline: for whoever shut the gate for a while. */
  refuseLate(): void {
    const nowMs = this.#clock.now();
    const opensAtMs = this.#gate?.opensAtMs(nowMs) ?? nowMs;
    if (!Number.isFinite(opensAtMs)) return;
    for (const request of [...this.#queue.hurried]) {
      const refusal = this.#refusalAfter(opensAtMs - nowMs, request.deadlineAtMs);
      if (refusal !== undefined) this.#refuse(request, refusal);
    }
    this.#pump();
  }

  /** How things stand. */
  stats(): RateLimiterStats {
    const nowMs = this.#clock.now();
    const limits: RateLimiterStats['limits'] = {};
    for (const [quantity, dimension] of this.#usage.dimensions) {
      const { limit } = dimension;
      if (limit === undefined) continue;
      limits[quantity] = { limit, used: dimension.usedAt(nowMs), others: dimension.othersAt(nowMs) };
    }
    return { inFlight: this.#inFlight, waiting: this.#queue.size, limits };
  }

  #tryStart(cost: TokenCost): RateReservation | undefined {
    if (this.#queue.size > 0) return undefined;
    if (cost.inputTokens > this.#usage.maxInputTokens) return undefined;
    const nowMs = this.#clock.now();
    return this.#startsAtMs(cost, nowMs) <= nowMs ? this.#start(cost, nowMs) : undefined;
  }

  #startsAtMs(cost: TokenCost, nowMs: number): number {
    if (this.#inFlight >= this.#maxConcurrent) return Number.POSITIVE_INFINITY;
    return Math.max(this.#gate?.opensAtMs(nowMs) ?? nowMs, this.#usage.fitsAtMs(cost, nowMs));
  }

  #start(cost: TokenCost, nowMs: number): RateReservation {
    this.#inFlight += 1;
    this.#gate?.started(nowMs);
    return new Place(this, this.#usage.book(cost));
  }

  /** @internal */
  sent(booking: Booking): void {
    this.#usage.send(booking, this.#clock.now());
    // Now it is known when the room that it takes comes back.
    this.#pump();
  }

  /** @internal */
  left(booking: Booking): void {
    this.#usage.leave(booking, this.#clock.now());
  }

  /** @internal */
  ended(booking: Booking, used: TokenCost | undefined): void {
    const nowMs = this.#clock.now();
    this.#inFlight -= 1;
    if (used === undefined) this.#usage.release(booking, nowMs);
    else this.#usage.settle(booking, used, nowMs);
    this.#pump();
  }

  /** @internal */
  learned(booking: Booking, report: RateLimitReport): void {
    this.#usage.learn(report, booking, this.#clock.now());
    this.#pump();
  }

  #refusalOf({ cost, priority, tenant, deadlineAtMs }: RateRequest): Error | undefined {
    const limit = this.#usage.maxInputTokens;
    if (cost.inputTokens > limit) return tooLarge(this.#lane, cost.inputTokens, limit);
    if (deadlineAtMs === Number.POSITIVE_INFINITY) return undefined;
    return this.#refusalAfter(this.estimateWaitMs(cost, priority, tenant), deadlineAtMs);
  }

  #refusalAfter(waitMs: number, deadlineAtMs: number): Error | undefined {
    const leftMs = deadlineAtMs - this.#clock.now();
    return waitMs <= leftMs ? undefined : waitTooLong(this.#lane, waitMs, leftMs);
  }

  #enqueue(request: RateRequest): void {
    request.withdraw = this.#withdraw;
    this.#queue.push(request);
    request.scope?.add(request);
    if (this.#queue.peek() === request) this.#pump();
  }

  readonly #withdraw = (request: RateRequest): void => {
    this.#queue.delete(request);
    request.scope?.delete(request);
    this.#pump();
  };

  #refuse(request: RateRequest, refusal: Error): void {
    this.#queue.delete(request);
    request.scope?.delete(request);
    request.refuse(refusal);
  }

  /** Starts whoever is first as long as it fits, then sets the one timer for the next that will. */
  #pump(): void {
    // Whoever is told that it starts may end or begin other requests: the loop that is running sees to them.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      let wakeAtMs = this.#startFirst();
      while (wakeAtMs === STARTED) wakeAtMs = this.#startFirst();
      this.#wakeAt(wakeAtMs);
    } finally {
      this.#isPumping = false;
    }
  }

  /** Starts the first, or gives the instant at which it can start. */
  #startFirst(): number {
    const first = this.#queue.peek();
    if (first === undefined) return Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    const refusal = this.#refusalOfFirst(first, nowMs);
    if (refusal !== undefined) {
      this.#refuse(first, refusal);
      return STARTED;
    }
    const startsAtMs = this.#startsAtMs(first.cost, nowMs);
    if (startsAtMs > nowMs) return startsAtMs;
    this.#queue.shift();
    first.scope?.delete(first);
    first.admit(this.#start(first.cost, nowMs));
    return STARTED;
  }

  /** A limit that has shrunk meanwhile is waited for in vain, and a call past its deadline of no use. */
  #refusalOfFirst({ cost, deadlineAtMs }: RateRequest, nowMs: number): Error | undefined {
    const limit = this.#usage.maxInputTokens;
    if (cost.inputTokens > limit) return tooLarge(this.#lane, cost.inputTokens, limit);
    return deadlineAtMs < nowMs ? waitTooLong(this.#lane, 0, 0) : undefined;
  }

  #wakeAt(atMs: number): void {
    if (atMs === this.#timerAtMs) return;
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    // Whole milliseconds, as timers have them: one that fired a fraction early would find nothing to do.
    this.#timer = this.#clock.setTimeout(
      this.#onTimer,
      Math.max(0, Math.ceil(atMs - this.#clock.now())),
      undefined,
    );
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#pump();
  };
}

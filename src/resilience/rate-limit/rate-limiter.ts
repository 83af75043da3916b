import type { RateLimits } from '../../contracts/rate-limits.js';
import type { Clock, TimerHandle } from '../../time/clock.js';
import type { RateLimiterOptions, StartGate } from './rate-limiter-options.js';
import type { RateLimiterStats } from './rate-limiter-stats.js';
import { RateQueue } from './rate-queue.js';
import type { RateRequest } from './rate-request.js';
import { tooLarge, waitTooLong } from './refusals.js';
import { RateReservation, type ReservationOwner } from './reservation.js';
import { ReturnQueue } from './return-queue.js';
import { type TokenCost, wholeCost } from './token-cost.js';
import { RateLimitUsage, type WaitingSum } from './usage.js';
import { WindowMargin } from './window-margin.js';

/** In place of a time: a waiting request has left the queue, and the next one may start too. */
const STARTED = Number.NEGATIVE_INFINITY;

/**
 * Starts the requests of a lane as fast as its limits allow and never faster: no window of `windowMs` milliseconds
 * contains more starts than the limit, however many callers there are and whenever the limits change.
 *
 * Tenants share the lane fairly; within a tenant the oldest request of the highest priority is next, with ageing. A
 * large request at the head is not overtaken by smaller ones that would fit: they would keep the free room from ever
 * becoming large enough. While the head fits, nothing waits. One timer serves all waiting requests.
 */
export class RateLimiter implements ReservationOwner {
  readonly #lane: string;
  readonly #clock: Clock;
  readonly #gate: StartGate | undefined;
  readonly #usage: RateLimitUsage;
  readonly #queue: RateQueue;
  /** Goes before the queue. */
  readonly #returns = new ReturnQueue();
  /** The waiting requests that have a deadline. */
  readonly #withDeadline = new Set<RateRequest>();
  readonly #maxInFlight: () => number;
  #maxConcurrent: number;
  #inFlight = 0;
  #sentInFlight = 0;
  #timer: TimerHandle = undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #isPumping = false;

  constructor(options: RateLimiterOptions) {
    const { lane, clock, limits = {}, gate, maxInFlight, windowMs = 60_000 } = options;
    this.#lane = lane;
    this.#clock = clock;
    this.#gate = gate;
    this.#maxInFlight = maxInFlight ?? (() => Number.POSITIVE_INFINITY);
    this.#queue = new RateQueue(clock, options.fairness);
    this.#usage = new RateLimitUsage(new WindowMargin(windowMs, options.marginMs), limits);
    this.#maxConcurrent = limits.maxConcurrent ?? Number.POSITIVE_INFINITY;
  }

  /** Requests admitted that have not ended. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Of these the ones that were sent; the others wait for their permits. */
  get sentInFlight(): number {
    return this.#sentInFlight;
  }

  /** Whether as many requests are admitted as may be. */
  get isFull(): boolean {
    return this.#inFlight >= this.#maxConcurrent || this.#inFlight >= this.#maxInFlight();
  }

  /** Whether an admitted request may be sent: no other that goes before it is ready, and there is room. */
  get mayStart(): boolean {
    if (this.#sentInFlight >= this.#maxConcurrent) return false;
    return this.#returns.size === 0 || this.#returns.nextReadyMs > this.#clock.now();
  }

  /** Whether requests wait that have not been sent before. */
  get hasQueue(): boolean {
    return this.#queue.size > 0;
  }

  /** Requests that go before the queue. */
  get returning(): number {
    return this.#returns.size;
  }

  /** Requests waiting. */
  get waiting(): number {
    return this.#queue.size + this.#returns.size;
  }

  /** How many requests may be in flight at once. */
  set maxConcurrent(maxConcurrent: number) {
    const isMore = maxConcurrent > this.#maxConcurrent;
    this.#maxConcurrent = maxConcurrent;
    if (isMore) this.#pump();
  }

  /** Whether a new request would have to wait, however small it is. */
  get isSaturated(): boolean {
    const nowMs = this.#clock.now();
    return (
      this.#queue.size > 0 ||
      this.#returns.nextReadyMs <= nowMs ||
      this.#startsAtMs({ inputTokens: 1, outputTokens: 1 }, nowMs) > nowMs
    );
  }

  /** A reservation, or `undefined` if the request would have to wait. */
  tryAcquire(cost: TokenCost): RateReservation | undefined {
    return this.isFull ? undefined : this.#tryStart(wholeCost(cost));
  }

  /**
   * A reservation for a request that waits for its permit elsewhere, with room for as many as the limits allow, or
   * `undefined` if it would have to wait here too. It may be sent if {@link mayStart} holds then.
   */
  tryReserve(cost: TokenCost): RateReservation | undefined {
    return this.#inFlight >= this.#maxConcurrent ? undefined : this.#tryStart(wholeCost(cost));
  }

  /**
   * Admits the request as soon as the limits allow, maybe at once. Refuses it when its scope is cancelled; at once
   * with a {@link RateLimitedError} when it would wait past its deadline, or sends more tokens than a whole window
   * allows.
   */
  submit(request: RateRequest): void {
    if (request.scope?.reason !== undefined) {
      request.refuse(request.scope.reason);
      return;
    }
    const isReturning = request.readyAtMs > 0;
    const reservation = isReturning ? undefined : this.tryAcquire(request.cost);
    const refusal = reservation === undefined ? this.#refusalOf(request) : undefined;
    if (reservation !== undefined) request.admit(reservation);
    else if (refusal !== undefined) request.refuse(refusal);
    else this.#enqueue(request);
  }

  /** Retries that wait and have their backoff end after this instant, in milliseconds of the clock. */
  retriesReadyAfter(atMs: number): number {
    let retries = 0;
    for (const { outlook } of this.#returns.values()) if (outlook.readyAtMs > atMs) retries += 1;
    return retries;
  }

  /** What the next request waits for, and until when, in milliseconds of the clock; infinite if that is not known. */
  get waitingFor(): { reason: 'backoff' | 'concurrency' | 'rate-limit'; untilMs: number } {
    const nowMs = this.#clock.now();
    const { first, nextMs } = this.#next(nowMs);
    if (first === undefined) return { reason: 'backoff', untilMs: nextMs };
    if (this.isFull) return { reason: 'concurrency', untilMs: Infinity };
    return { reason: 'rate-limit', untilMs: this.#startsAtMs(first.cost, nowMs) };
  }

  /** The provider rejected a request that should have fitted: keeps more distance from the limits. */
  unexpectedRejection(): void {
    this.#usage.unexpectedRejection();
  }

  /** The gate has closed: refuses the waiting requests that can no longer start before their deadlines. */
  refuseLate(): void {
    const nowMs = this.#clock.now();
    const waitMs = (this.#gate?.opensAtMs(nowMs, undefined) ?? nowMs) - nowMs;
    for (const request of [...this.#withDeadline]) {
      const refusal = this.#refusalAfter(waitMs, request.deadlineAtMs);
      if (refusal !== undefined) this.refuse(request, refusal);
    }
    this.#pump();
  }

  /** Refuses the waiting requests for which `refusalOf` returns an error. Looks at all of them. */
  refuseAll(refusalOf: (request: RateRequest) => Error | undefined): void {
    const waiting = [...this.#returns.values(), ...this.#queue.values()];
    for (const request of waiting) {
      const refusal = refusalOf(request);
      if (refusal !== undefined) this.refuse(request, refusal);
    }
    this.#pump();
  }

  /** Takes requests from the queue until `count` of them go before it. Returns all that do. */
  hold(count: number, nowMs: number): RateRequest[] {
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      if (this.#returns.size >= count) break;
      this.#queue.shift();
      next.readyAtMs = nowMs;
      this.#returns.push(next);
    }
    return [...this.#returns.values()];
  }

  /** The lane works again: requests no longer wait for the end of their backoff. */
  release(): void {
    this.#returns.release(this.#clock.now());
    this.#pump();
  }

  /** Starts what may start now. */
  wake(): void {
    this.#pump();
  }

  /** Refuses a waiting request. */
  refuse(request: RateRequest, refusal: Error): void {
    this.#remove(request);
    request.scope?.delete(request);
    request.refuse(refusal);
  }

  /** How long the last of that many requests would wait for its limits behind those that wait now, in milliseconds. */
  startsAfterMs({ requests, inputTokens, outputTokens }: WaitingSum): number {
    const nowMs = this.#clock.now();
    const last = { inputTokens: inputTokens / requests, outputTokens: outputTokens / requests };
    const ahead = {
      requests: this.waiting + requests - 1,
      inputTokens: inputTokens - last.inputTokens,
      outputTokens: outputTokens - last.outputTokens,
    };
    return Math.max(0, this.#usage.estimateMs(ahead, last, nowMs) - nowMs);
  }

  stats(): RateLimiterStats {
    const nowMs = this.#clock.now();
    const limits: RateLimiterStats['limits'] = {};
    for (const [name, quantity] of this.#usage.quantities) {
      const { limit } = quantity;
      if (limit === undefined) continue;
      limits[name] = { limit, used: quantity.usedAt(nowMs), others: quantity.usedByOthersAt(nowMs) };
    }
    return { inFlight: this.#inFlight, waiting: this.waiting, limits };
  }

  /** Called by its reservations. */
  sent(reservation: RateReservation): void {
    this.#sentInFlight += 1;
    this.#usage.send(reservation, this.#clock.now());
    // Only now is it known when the room that it takes becomes free again.
    this.#pump();
  }

  /** Called by its reservations. */
  left(reservation: RateReservation): void {
    this.#usage.leave(reservation, this.#clock.now());
  }

  /** Called by its reservations. */
  ended(reservation: RateReservation, used: TokenCost | undefined): void {
    const nowMs = this.#clock.now();
    this.#inFlight -= 1;
    if (reservation.isSent) this.#sentInFlight -= 1;
    if (used === undefined) this.#usage.release(reservation, nowMs);
    else this.#usage.settle(reservation, used, nowMs);
    this.#pump();
  }

  /** Called by its reservations. */
  learned(reservation: RateReservation, limits: RateLimits): void {
    this.#usage.learn(limits, reservation, this.#clock.now());
    this.#pump();
  }

  #tryStart(cost: TokenCost): RateReservation | undefined {
    const nowMs = this.#clock.now();
    if (this.#queue.size > 0 || this.#returns.nextReadyMs <= nowMs) return undefined;
    if (cost.inputTokens > this.#usage.maxInputTokens) return undefined;
    return this.#opensAtMs(cost, nowMs) <= nowMs ? this.#start(cost, nowMs) : undefined;
  }

  #startsAtMs(cost: TokenCost, nowMs: number, request?: RateRequest): number {
    return this.isFull ? Number.POSITIVE_INFINITY : this.#opensAtMs(cost, nowMs, request);
  }

  #opensAtMs(cost: TokenCost, nowMs: number, request?: RateRequest): number {
    return Math.max(this.#gate?.opensAtMs(nowMs, request) ?? nowMs, this.#usage.fitsAtMs(cost, nowMs));
  }

  #start(cost: TokenCost, nowMs: number): RateReservation {
    this.#inFlight += 1;
    this.#gate?.started(nowMs);
    return new RateReservation(this, this.#usage.reserve(cost, nowMs));
  }

  #refusalOf(request: RateRequest): Error | undefined {
    const { inputTokens } = request.cost;
    const limit = this.#usage.maxInputTokens;
    if (inputTokens > limit) return tooLarge(this.#lane, inputTokens, limit);
    if (request.deadlineAtMs === Number.POSITIVE_INFINITY) return undefined;
    return this.#refusalAfter(this.#estimateWaitMs(request), request.deadlineAtMs);
  }

  /** The shortest time that a new request would wait, in milliseconds. */
  #estimateWaitMs(request: RateRequest): number {
    const { cost, priority, tenant = '', readyAtMs } = request;
    const nowMs = this.#clock.now();
    const fitsAtMs = this.#usage.estimateMs(this.#queue.aheadOf(tenant, priority), cost, nowMs);
    return Math.max(fitsAtMs, this.#gate?.opensAtMs(nowMs, request) ?? nowMs, readyAtMs) - nowMs;
  }

  #refusalAfter(waitMs: number, deadlineAtMs: number): Error | undefined {
    const leftMs = deadlineAtMs - this.#clock.now();
    return waitMs <= leftMs ? undefined : waitTooLong(this.#lane, waitMs, leftMs);
  }

  #enqueue(request: RateRequest): void {
    request.withdraw = this.#withdraw;
    const isReturning = request.readyAtMs > 0;
    if (isReturning) this.#returns.push(request);
    else this.#queue.push(request);
    if (request.deadlineAtMs !== Number.POSITIVE_INFINITY) this.#withDeadline.add(request);
    request.scope?.add(request);
    if (isReturning || this.#queue.peek() === request) this.#pump();
  }

  readonly #withdraw = (request: RateRequest): void => {
    this.#remove(request);
    request.scope?.delete(request);
    this.#pump();
  };

  #remove(request: RateRequest): void {
    this.#withDeadline.delete(request);
    if (!this.#returns.delete(request)) this.#queue.delete(request);
  }

  /** Starts waiting requests as long as the first one fits, then sets the timer for the next one that will. */
  #pump(): void {
    // A request that starts may end or submit others; the loop that is already running handles them.
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

  /** Starts the first waiting request, or returns the time at which the next one can start. */
  #startFirst(): number {
    // Whatever ends makes room, and calls this again.
    if (this.waiting === 0 || this.isFull) return Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    const { first, nextMs } = this.#next(nowMs);
    if (first === undefined) return nextMs;
    const refusal = this.#refusalOfFirst(first, nowMs);
    if (refusal !== undefined) {
      this.refuse(first, refusal);
      return STARTED;
    }
    const startsAtMs = this.#startsAtMs(first.cost, nowMs, first);
    if (startsAtMs > nowMs) return Math.min(startsAtMs, nextMs);
    this.#withDeadline.delete(first);
    if (!this.#returns.delete(first)) this.#queue.shift();
    first.scope?.delete(first);
    first.admit(this.#start(first.cost, nowMs));
    return STARTED;
  }

  /** The request that starts next, and when one that returns may go before it. */
  #next(nowMs: number): { first: RateRequest | undefined; nextMs: number } {
    const order = this.#gate?.returnOrder ?? 'ready';
    const { request, nextMs } = this.#returns.next(nowMs, this.#allowsAtMs, order);
    const queued = this.#queue.peek();
    if (request === undefined) return { first: queued, nextMs };
    const isTried = order === 'fewest-failures' && request.outlook.failures > 0;
    return { first: isTried ? (queued ?? request) : request, nextMs: Number.POSITIVE_INFINITY };
  }

  readonly #allowsAtMs = (request: RateRequest, nowMs: number): number =>
    this.#gate?.allowsAtMs(request, nowMs) ?? nowMs;

  /** The limit may have shrunk below the request, or its deadline may have passed, while it waited. */
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
    // Rounded up to whole milliseconds: a timer that fired a fraction early would find nothing to start.
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

import { RateLimitedError } from '../errors/traffic-errors.js';
import type { Cancellable, CancelScope } from '../time/cancel-scope.js';
import type { Clock, TimerHandle } from '../time/clock.js';
import type { LimitedQuantity, RateLimitReport } from './rate-limit-headers.js';
import { type QueuedRequest, RateLimitQueue } from './rate-limit-queue.js';
import { type Booking, type RateLimits, RateLimitUsage, type TokenCost } from './rate-limit-usage.js';

/** What else decides when a request may start, for instance a cool-off. */
export interface StartGate {
  /** The earliest instant of the next start; infinite while only {@link RateLimiter.wake} can open the gate. */
  opensAtMs(nowMs: number): number;
  /** A request starts now. */
  started(nowMs: number): void;
}

/** How a request waits. */
export interface AcquireOptions {
  /** Higher goes first; equal ones in order of arrival. @default 0 */
  readonly priority?: number | undefined;
  /** Instant of the clock's `now()` at which waiting is no use any more, in milliseconds. */
  readonly deadlineAtMs?: number | undefined;
  /** Ends the waiting when it is cancelled. */
  readonly scope?: CancelScope | undefined;
}

/** What a {@link RateLimiter} is made of. */
export interface RateLimiterOptions {
  /** Names the lane in errors. */
  readonly lane: string;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Limits known from the start. */
  readonly limits?: RateLimits | undefined;
  /** Opens and shuts for reasons of its own. */
  readonly gate?: StartGate | undefined;
  /** Length of the window that the limits are for, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /**
   * How much longer an entry counts than the window is long, in milliseconds: requests do not reach the provider
   * in the rhythm in which they were sent. @default 1 % of the window
   */
  readonly marginMs?: number | undefined;
}

/** How a limiter stands. */
export interface RateLimiterStats {
  /** Requests under way. */
  inFlight: number;
  /** Requests waiting. */
  waiting: number;
  /** Limit, own use and others' use of every quantity that has a limit. */
  limits: Partial<Record<LimitedQuantity, { limit: number; used: number; others: number }>>;
}

/**
 * A request's place in the lane, from its admission to its answer: first `sent`, then `settle` or `release`.
 * Between admission and `sent` it may wait for other things without making the limiter's count inexact.
 */
export interface RateReservation {
  /** The request is sent now; from here on it counts in the window. */
  sent(): void;
  /** The request was answered: what was really used takes the place of the estimate. */
  settle(used: TokenCost): void;
  /** The request was never sent, or never arrived: gives everything back. */
  release(): void;
  /** The request was answered with these headers: corrects the limiter's picture. Before or after `settle`. */
  learn(report: RateLimitReport): void;
}

/** A request that waits for its start. */
interface Waiter extends QueuedRequest, Cancellable {
  readonly deadlineAtMs: number;
  readonly scope: CancelScope | undefined;
  admit(reservation: RateReservation): void;
  refuse(error: Error): void;
}

/**
 * Lets a lane's requests through as fast as its limits allow and never faster: in no window of `windowMs`
 * milliseconds do more than the limit start, however many callers there are and whenever the limits change.
 *
 * The next request is the first of the highest priority, always. A large one at the head is not overtaken by small
 * ones behind it that would fit: they would keep the room from ever growing large enough. While the head fits,
 * nothing waits. One timer serves all waiters.
 */
export class RateLimiter {
  readonly #lane: string;
  readonly #clock: Clock;
  readonly #gate: StartGate | undefined;
  readonly #usage: RateLimitUsage;
  readonly #queue = new RateLimitQueue<Waiter>();
  #maxConcurrent: number;
  #inFlight = 0;
  #timer: TimerHandle = undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(options: RateLimiterOptions) {
    const { lane, clock, limits = {}, gate, windowMs = 60_000 } = options;
    this.#lane = lane;
    this.#clock = clock;
    this.#gate = gate;
    this.#usage = new RateLimitUsage(windowMs + (options.marginMs ?? windowMs / 100), limits);
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
  tryAcquire(cost: TokenCost, priority = 0): RateReservation | undefined {
    const first = this.#queue.peek();
    if (first !== undefined && first.priority >= priority) return undefined;
    const whole = wholeCost(cost);
    const nowMs = this.#clock.now();
    if (whole.inputTokens > this.#usage.maxInputTokens) return undefined;
    return this.#startsAtMs(whole, nowMs) <= nowMs ? this.#start(whole, nowMs) : undefined;
  }

  /**
   * A place as soon as the limits allow. Rejects with the scope's reason when that is cancelled.
   *
   * @throws {@link RateLimitedError} at once when the wait would pass `deadlineAtMs`, or when the tokens that are
   *   sent are more than a whole window allows.
   */
  acquire(cost: TokenCost, options: AcquireOptions = {}): Promise<RateReservation> {
    const { priority = 0, deadlineAtMs = Number.POSITIVE_INFINITY, scope } = options;
    return new Promise((resolve, reject) => {
      if (scope?.reason !== undefined) return reject(scope.reason);
      const reservation = this.tryAcquire(cost, priority);
      if (reservation !== undefined) return resolve(reservation);
      const whole = wholeCost(cost);
      const refusal = this.#refusalOf(whole, priority, deadlineAtMs);
      if (refusal !== undefined) return reject(refusal);
      this.#enqueue({ priority, deadlineAtMs, scope, cost: whole, admit: resolve, refuse: reject });
    });
  }

  /** How long a request that came now would wait at least, in milliseconds. */
  estimateWaitMs(cost: TokenCost, priority = 0): number {
    const nowMs = this.#clock.now();
    const fitsAtMs = this.#usage.estimateMs(this.#queue.aheadOf(priority), wholeCost(cost), nowMs);
    const opensAtMs = this.#gate?.opensAtMs(nowMs) ?? nowMs;
    // A gate that only an event opens says nothing about when.
    return Math.max(fitsAtMs, Number.isFinite(opensAtMs) ? opensAtMs : nowMs) - nowMs;
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
    for (const waiter of this.#queue.snapshot()) {
      const refusal = this.#refusalAfter(opensAtMs - nowMs, waiter.deadlineAtMs);
      if (refusal === undefined) continue;
      this.#dequeue(waiter);
      waiter.refuse(refusal);
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

  #startsAtMs(cost: TokenCost, nowMs: number): number {
    if (this.#inFlight >= this.#maxConcurrent) return Number.POSITIVE_INFINITY;
    return Math.max(this.#gate?.opensAtMs(nowMs) ?? nowMs, this.#usage.fitsAtMs(cost, nowMs));
  }

  #start(cost: TokenCost, nowMs: number): RateReservation {
    this.#inFlight += 1;
    this.#gate?.started(nowMs);
    const booking = this.#usage.book(cost);
    let isOpen = true;
    const end = (used: TokenCost | undefined): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#end(booking, used);
    };
    return {
      sent: () => {
        this.#usage.send(booking, this.#clock.now());
        // Now it is known when the room that it takes comes back.
        this.#pump();
      },
      settle: (used) => end(wholeCost(used)),
      release: () => end(undefined),
      learn: (report) => {
        this.#usage.learn(report, booking, this.#clock.now());
        this.#pump();
      },
    };
  }

  #end(booking: Booking, used: TokenCost | undefined): void {
    const nowMs = this.#clock.now();
    this.#inFlight -= 1;
    if (used === undefined) this.#usage.release(booking, nowMs);
    else this.#usage.settle(booking, used, nowMs);
    this.#pump();
  }

  #refusalOf(cost: TokenCost, priority: number, deadlineAtMs: number): RateLimitedError | undefined {
    const tooLarge = this.#tooLarge(cost);
    if (tooLarge !== undefined || deadlineAtMs === Number.POSITIVE_INFINITY) return tooLarge;
    return this.#refusalAfter(this.estimateWaitMs(cost, priority), deadlineAtMs);
  }

  #refusalAfter(waitMs: number, deadlineAtMs: number): RateLimitedError | undefined {
    const leftMs = deadlineAtMs - this.#clock.now();
    if (waitMs <= leftMs) return undefined;
    return new RateLimitedError(
      this.#lane,
      'wait-too-long',
      `Rate limit of "${this.#lane}": the call would wait about ${Math.ceil(waitMs)} ms, past its deadline in ` +
        `${Math.max(0, Math.floor(leftMs))} ms. Allow it more time, name a fallback, or send fewer calls.`,
      waitMs,
    );
  }

  #tooLarge({ inputTokens }: TokenCost): RateLimitedError | undefined {
    const limit = this.#usage.maxInputTokens;
    if (inputTokens <= limit) return undefined;
    return new RateLimitedError(
      this.#lane,
      'too-large',
      `Rate limit of "${this.#lane}": the call sends about ${inputTokens} tokens, more than the ${limit} that one ` +
        'minute allows. Send less at once, or raise the limit.',
      undefined,
    );
  }

  #enqueue(wait: Pick<Waiter, 'priority' | 'deadlineAtMs' | 'scope' | 'cost' | 'admit' | 'refuse'>): void {
    const waiter: Waiter = {
      ...wait,
      queuedAtMs: this.#clock.now(),
      links: undefined,
      cancel: (reason) => {
        this.#dequeue(waiter);
        waiter.refuse(reason);
        this.#pump();
      },
    };
    this.#queue.push(waiter);
    waiter.scope?.add(waiter);
    if (this.#queue.peek() === waiter) this.#pump();
  }

  #dequeue(waiter: Waiter): void {
    this.#queue.delete(waiter);
    waiter.scope?.delete(waiter);
  }

  /** Starts whoever is first as long as it fits, then sets the one timer for the next that will. */
  #pump(): void {
    for (let first = this.#queue.peek(); first !== undefined; first = this.#queue.peek()) {
      const nowMs = this.#clock.now();
      // A limit that has shrunk meanwhile would keep a large one waiting for ever.
      const refusal = this.#tooLarge(first.cost);
      if (refusal === undefined) {
        const startsAtMs = this.#startsAtMs(first.cost, nowMs);
        if (startsAtMs > nowMs) {
          this.#wakeAt(startsAtMs, nowMs);
          return;
        }
      }
      this.#dequeue(first);
      if (refusal === undefined) first.admit(this.#start(first.cost, nowMs));
      else first.refuse(refusal);
    }
    this.#wakeAt(Number.POSITIVE_INFINITY, 0);
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (atMs === this.#timerAtMs) return;
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    // Whole milliseconds, as timers have them: one that fired a fraction early would find nothing to do.
    this.#timer = this.#clock.setTimeout(this.#onTimer, Math.ceil(atMs - nowMs), undefined);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#pump();
  };
}

/** Whole tokens, rounded up, so that sums stay exact; what is no number counts as nothing. */
function wholeCost({ inputTokens, outputTokens }: TokenCost): TokenCost {
  return { inputTokens: wholeTokens(inputTokens), outputTokens: wholeTokens(outputTokens) };
}

function wholeTokens(tokens: number): number {
  return tokens > 0 && Number.isFinite(tokens) ? Math.ceil(tokens) : 0;
}

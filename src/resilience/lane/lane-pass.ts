import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import type { Usage } from '../../contracts/usage.js';
import type { Clock } from '../../time/clock.js';
import type { CircuitBreaker, CircuitTicket } from '../breaker/circuit-breaker.js';
import type { RateReservation } from '../rate-limit/reservation.js';
import type { TokenCost } from '../rate-limit/usage.js';
import { parseRateLimitHeaders, type RateLimitReport } from '../rate-limit-headers.js';
import { type FailureClass, isBreakdown, isOverload } from '../retry/failure-class.js';

/** The lane, as its passes see it. */
export interface PassOwner {
  readonly clock: Clock;
  readonly breaker: CircuitBreaker | undefined;
  /** Numbers a request that is sent. */
  sends(): number;
  /** An answer's headers were read. */
  learned(report: RateLimitReport): void;
  /** A request was answered. */
  succeeded(request: number, sizeBytes: number, usage: Partial<Usage> | undefined, latencyMs: number): void;
  /** A request was cancelled this long after it was sent. */
  gaveUp(elapsedMs: number): void;
  /** A request met an overload. `isRejection` tells 429 and 529 from timeouts. */
  overloaded(request: number, retryAfterMs: number | undefined, isRejection: boolean): void;
}

/** What is known about an attempt that failed. */
export interface FailedAttempt {
  /** What kind of failure it was. */
  readonly failure: FailureClass;
  /** How long the provider asked to wait, in milliseconds, where it is known already. */
  readonly retryAfterMs?: number | undefined;
  /** The response's headers, as an object of `fetch` or a plain record. */
  readonly headers?: unknown;
  /** Tokens used all the same. */
  readonly usage?: Partial<Usage> | undefined;
}

/** Failures of requests that the provider turned away without working on them. */
const UNWORKED: ReadonlySet<FailureClass> = new Set([
  'rate-limited',
  'overloaded',
  'auth',
  'request',
  'circuit-open',
]);

/**
 * One attempt's way through a lane: first {@link send}, then one of {@link answered}, {@link failed} and
 * {@link cancelled}; or {@link release} if it is never sent. Ending it twice does nothing.
 */
export class LanePass {
  readonly #owner: PassOwner;
  readonly #reservation: RateReservation;
  readonly #cost: TokenCost;
  readonly #sizeBytes: number;
  #ticket: CircuitTicket | undefined = undefined;
  #request: number | undefined = undefined;
  #sentAtMs = 0;
  #isOpen = true;

  constructor(owner: PassOwner, reservation: RateReservation, cost: TokenCost, sizeBytes: number) {
    this.#owner = owner;
    this.#reservation = reservation;
    this.#cost = cost;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * The request is sent now, with its permit in hand.
   * @throws {@link CircuitOpenError} where the lane's breaker is open; the pass is released then.
   */
  send(): void {
    try {
      this.#ticket = this.#owner.breaker?.admit();
    } catch (refusal) {
      this.release();
      throw refusal;
    }
    this.#request = this.#owner.sends();
    this.#sentAtMs = this.#owner.clock.now();
    this.#reservation.sent();
  }

  /** The request has left: what it takes counts from now. Of several in one attempt the first. */
  left(): void {
    if (this.#isOpen) this.#reservation.left();
  }

  /** The headers of a response have come; there may be several responses in one attempt. */
  heard({ limits, retryAfterMs }: ProviderResponseInfo): void {
    if (limits === undefined && retryAfterMs === undefined) return;
    const report = { ...limits, retryAfterMs };
    this.#reservation.learn(report);
    this.#owner.learned(report);
  }

  /** The request was answered. */
  answered(usage?: Partial<Usage>, headers?: unknown): void {
    if (!this.#close()) return;
    this.#learn(headers);
    const { clock, breaker } = this.#owner;
    if (this.#ticket !== undefined) breaker?.succeeded(this.#ticket);
    if (this.#request !== undefined) {
      this.#owner.succeeded(this.#request, this.#sizeBytes, usage, clock.now() - this.#sentAtMs);
    }
    this.#reservation.settle(this.#costOf(usage, this.#cost));
  }

  /** The request failed. */
  failed({ failure, headers, retryAfterMs, usage }: FailedAttempt): void {
    if (!this.#close()) return;
    const report = this.#learn(headers);
    this.#reportToBreaker(failure);
    if (this.#request !== undefined && isOverload(failure)) {
      const waitMs = retryAfterMs ?? report?.retryAfterMs;
      this.#owner.overloaded(this.#request, waitMs, failure !== 'timeout');
    }
    const otherwise = UNWORKED.has(failure) ? { inputTokens: 0, outputTokens: 0 } : this.#cost;
    this.#reservation.settle(this.#costOf(usage, otherwise));
  }

  /** The request was cancelled after it was sent: that says nothing about the lane, but its tokens are gone. */
  cancelled(usage?: Partial<Usage>): void {
    if (!this.#close()) return;
    if (this.#ticket !== undefined) this.#owner.breaker?.cancelled(this.#ticket);
    if (this.#request !== undefined) this.#owner.gaveUp(this.#owner.clock.now() - this.#sentAtMs);
    this.#reservation.settle(this.#costOf(usage, this.#cost));
  }

  /** The request was never sent: gives everything back. */
  release(): void {
    if (!this.#close()) return;
    if (this.#ticket !== undefined) this.#owner.breaker?.cancelled(this.#ticket);
    this.#reservation.release();
  }

  #close(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    return wasOpen;
  }

  #learn(headers: unknown): RateLimitReport | undefined {
    if (headers === undefined) return undefined;
    const report = parseRateLimitHeaders(headers, this.#owner.clock.epochMs());
    this.#reservation.learn(report);
    this.#owner.learned(report);
    return report;
  }

  #reportToBreaker(failure: FailureClass): void {
    const { breaker } = this.#owner;
    if (breaker === undefined || this.#ticket === undefined) return;
    if (isBreakdown(failure)) breaker.failed(this.#ticket);
    else if (failure === 'cancelled' || failure === 'deadline') breaker.cancelled(this.#ticket);
    // A provider that turns a request down works.
    else breaker.succeeded(this.#ticket);
  }

  #costOf(usage: Partial<Usage> | undefined, otherwise: TokenCost): TokenCost {
    return {
      // Tokens from the provider's prompt cache are not part of inputTokens and not of its limits.
      inputTokens: (usage?.inputTokens ?? otherwise.inputTokens) + (usage?.cacheWriteTokens ?? 0),
      outputTokens: usage?.outputTokens ?? otherwise.outputTokens,
    };
  }
}

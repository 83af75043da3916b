import type { ProviderResponseInfo, RateLimits } from '../../contracts/rate-limits.js';
import type { Usage } from '../../contracts/usage.js';
import type { Clock } from '../../time/clock.js';
import type { CircuitBreaker, CircuitTicket } from '../breaker/circuit-breaker.js';
import type { RateReservation } from '../rate-limit/reservation.js';
import type { TokenCost } from '../rate-limit/token-cost.js';
import { type FailureClass, isBreakdown } from '../retry/failure-class.js';
import type { RetryOutlook } from '../retry/retry-outlook.js';

/** The lane, as its passes see it. */
export interface PassOwner {
  readonly clock: Clock;
  readonly breaker: CircuitBreaker | undefined;
  /** A request is being sent. Returns its number. */
  sends(): number;
  /** A response reported its limits. */
  learned(limits: RateLimits): void;
  /** A request was answered. */
  succeeded(request: number, answer: AnsweredAttempt): void;
  /** A request was cancelled this long after it was sent, in milliseconds. */
  gaveUp(elapsedMs: number): void;
  /** A request failed this long after it was sent, in milliseconds. */
  failed(request: number, attempt: FailedAttempt, elapsedMs: number): void;
}

/** What is known about an answered attempt. */
export interface AnsweredAttempt {
  /** Size of what was sent, in UTF-8 bytes. */
  readonly sizeBytes: number;
  readonly usage: Partial<Usage> | undefined;
  /** How long the answer took, in milliseconds. */
  readonly latencyMs: number;
  /** Whether it was its call's first attempt. */
  readonly isFirst: boolean;
}

/** What is known about a failed attempt. */
export interface FailedAttempt {
  readonly failure: FailureClass;
  readonly error: Error;
  /** The HTTP status, if there was a response. */
  readonly status?: number | undefined;
  /** How long the provider asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What its call could do when it was made. */
  readonly outlook: RetryOutlook;
  /** Tokens used despite the failure. */
  readonly usage?: Partial<Usage> | undefined;
}

/** Failures of requests that the provider rejected without processing them. */
const UNPROCESSED: ReadonlySet<FailureClass> = new Set([
  'rate-limited',
  'overloaded',
  'auth',
  'request',
  'circuit-open',
]);

/**
 * One attempt's admission to a lane: first {@link send}, then one of {@link answered}, {@link failed} and
 * {@link cancelled}; or {@link release} if it is never sent. Ending it a second time does nothing.
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
   * The request has its permit and is being sent.
   * @throws {@link CircuitOpenError} if the lane's breaker is open; this releases the pass.
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

  /** The request was written to its connection: it counts from now on. Only the first of an attempt's requests does. */
  left(): void {
    if (this.#isOpen) this.#reservation.left();
  }

  /** The headers of a response have arrived. An attempt may have several responses. */
  heard({ limits }: ProviderResponseInfo): void {
    if (limits === undefined) return;
    this.#reservation.learn(limits);
    this.#owner.learned(limits);
  }

  /** The request was answered; `isFirst` if it was its call's first attempt. */
  answered(usage?: Partial<Usage>, isFirst = true): void {
    if (!this.#close()) return;
    const { clock, breaker } = this.#owner;
    if (this.#ticket !== undefined) breaker?.succeeded(this.#ticket);
    if (this.#request !== undefined) {
      const latencyMs = clock.now() - this.#sentAtMs;
      this.#owner.succeeded(this.#request, { sizeBytes: this.#sizeBytes, usage, latencyMs, isFirst });
    }
    this.#reservation.settle(this.#costOf(usage, this.#cost));
  }

  /** The request failed. */
  failed(attempt: FailedAttempt): void {
    if (!this.#close()) return;
    const { failure, usage } = attempt;
    this.#reportToBreaker(attempt);
    if (this.#request !== undefined) {
      this.#owner.failed(this.#request, attempt, this.#owner.clock.now() - this.#sentAtMs);
    }
    const otherwise = UNPROCESSED.has(failure) ? { inputTokens: 0, outputTokens: 0 } : this.#cost;
    this.#reservation.settle(this.#costOf(usage, otherwise));
  }

  /** The request was cancelled after it was sent: that says nothing about the lane, but its tokens are used up. */
  cancelled(usage?: Partial<Usage>): void {
    if (!this.#close()) return;
    if (this.#ticket !== undefined) this.#owner.breaker?.cancelled(this.#ticket);
    if (this.#request !== undefined) this.#owner.gaveUp(this.#owner.clock.now() - this.#sentAtMs);
    this.#reservation.settle(this.#costOf(usage, this.#cost));
  }

  /** The request was never sent: returns everything. */
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

  #reportToBreaker({ failure, outlook }: FailedAttempt): void {
    const { breaker } = this.#owner;
    if (breaker === undefined || this.#ticket === undefined) return;
    if (isBreakdown(failure)) {
      // A call's first failure counts only once its retry has failed too: what a retry heals opens no breaker.
      const isFirst = outlook.failures === 0 && !outlook.isLast;
      if (isFirst && breaker.state.state === 'closed') breaker.cancelled(this.#ticket);
      else breaker.failed(this.#ticket);
      if (outlook.failures === 1) breaker.failed(this.#ticket);
    } else if (failure === 'cancelled' || failure === 'deadline') breaker.cancelled(this.#ticket);
    // A provider that rejects a request is working.
    else breaker.succeeded(this.#ticket);
  }

  #costOf(usage: Partial<Usage> | undefined, otherwise: TokenCost): TokenCost {
    return {
      // Tokens read from the provider's prompt cache count neither as inputTokens nor towards its limits.
      inputTokens: (usage?.inputTokens ?? otherwise.inputTokens) + (usage?.cacheWriteTokens ?? 0),
      outputTokens: usage?.outputTokens ?? otherwise.outputTokens,
    };
  }
}

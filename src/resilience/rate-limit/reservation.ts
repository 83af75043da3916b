import type { LimitedQuantity, RateLimits } from '../../contracts/rate-limits.js';
import { type TokenCost, wholeCost } from './token-cost.js';

/** The limiter that made a reservation, as the reservation sees it. */
export interface ReservationOwner {
  /** The request is being sent. */
  sent(reservation: RateReservation): void;
  /** The request was written to its connection. */
  left(reservation: RateReservation): void;
  /** The request has ended; `used` is `undefined` if it was never sent or nothing arrived. */
  ended(reservation: RateReservation, used: TokenCost | undefined): void;
  /** The provider reported its limits. */
  learned(reservation: RateReservation, limits: RateLimits): void;
}

const NOTHING_USED: Readonly<Record<LimitedQuantity, number>> = Object.freeze({
  requests: 0,
  tokens: 0,
  inputTokens: 0,
  outputTokens: 0,
});

/**
 * The share of a lane's limits that one request holds from its admission to its end: first {@link sent}, then
 * {@link settle} or {@link release}. It may wait for other things, such as a permit, before it is sent; the limiter's
 * counts stay exact meanwhile. Ending it a second time does nothing.
 */
export class RateReservation {
  /** The tokens it holds. */
  readonly cost: TokenCost;
  /** Position among all sent requests; `undefined` until it is sent. For {@link RateLimitUsage}, as all below. */
  sendOrder: number | undefined = undefined;
  /** Whether it was sent, once. */
  isSent = false;
  /** Whether it is known when the request was written to its connection. */
  hasLeft = false;
  requestsEntry = 0;
  inputEntry = 0;
  tokensEntry = 0;
  /** When it was sent, in milliseconds of the clock's `now()`. */
  sentAtMs = 0;
  /** How much of each quantity was used in its window when it was sent, itself included. */
  usedWhenSent: Readonly<Record<LimitedQuantity, number>> = NOTHING_USED;
  /** How much of each quantity was ever used when it was sent, itself included. */
  totalWhenSent: Readonly<Record<LimitedQuantity, number>> = NOTHING_USED;
  /** The least that a sliding window of requests contained when it was sent, itself included. */
  leastRequestsWhenSent = 0;
  /** Requests admitted when it was sent, of which no response had been heard; itself included. */
  unheardWhenSent = 0;
  /** Whether a response of it, or its end, is known. */
  isHeard = false;
  /** The limits that its response reported. */
  reported: RateLimits | undefined = undefined;
  readonly #owner: ReservationOwner;
  #isOpen = true;

  constructor(owner: ReservationOwner, cost: TokenCost) {
    this.#owner = owner;
    this.cost = cost;
  }

  /** The request is being sent: from now on it counts in the window. */
  sent(): void {
    if (this.isSent) return;
    this.isSent = true;
    this.#owner.sent(this);
  }

  /** The request was written to its connection: it counts from now on instead. Only the first call has an effect. */
  left(): void {
    this.#owner.left(this);
  }

  /** The request was answered: the tokens used replace the estimate. */
  settle(used: TokenCost): void {
    this.#end(wholeCost(used));
  }

  /** The request was never sent, or never arrived: returns everything. */
  release(): void {
    this.#end(undefined);
  }

  /** The response to the request reported these limits. May be called before or after `settle`. */
  learn(limits: RateLimits): void {
    this.#owner.learned(this, limits);
  }

  #end(used: TokenCost | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#owner.ended(this, used);
  }
}

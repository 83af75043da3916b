import type { RateLimitReport } from '../rate-limit-headers.js';
import type { TokenCost } from './usage.js';

/**
 * A request's place in the lane, from its admission to its answer: first `sent`, then `settle` or `release`.
 * Between admission and `sent` it may wait for other things without making the limiter's count inexact.
 */
export interface RateReservation {
  /** The request is sent now; from here on it counts in the window. */
  sent(): void;
  /** The request has left the process: it counts from now on, and not from when it was handed over. The first time only. */
  left(): void;
  /** The request was answered: what was really used takes the place of the estimate. */
  settle(used: TokenCost): void;
  /** The request was never sent, or never arrived: gives everything back. */
  release(): void;
  /** The request was answered with these headers: corrects the limiter's picture. Before or after `settle`. */
  learn(report: RateLimitReport): void;
}

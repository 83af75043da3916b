import type { LimitedQuantity } from '../../contracts/rate-limits.js';

/** The state of one limited quantity. */
export interface LimitStats {
  /** Amount allowed in a window. */
  limit: number;
  /** Amount that this process has used or reserved. */
  used: number;
  /** Amount that other clients have used, according to the provider. */
  others: number;
}

/** The state of a limiter. */
export interface RateLimiterStats {
  /** Requests in flight. */
  inFlight: number;
  /** Requests waiting. */
  waiting: number;
  /** Limit, own use and other clients' use of each quantity that has a limit. */
  limits: Partial<Record<LimitedQuantity, LimitStats>>;
}

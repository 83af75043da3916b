import type { LimitedQuantity } from '../rate-limit-headers.js';

/** How one limited quantity stands. */
export interface LimitStats {
  /** How much is allowed in a window. */
  limit: number;
  /** How much of it was used, or is reserved, by this process. */
  used: number;
  /** How much of it others used, as the provider reports. */
  others: number;
}

/** How a limiter stands. */
export interface RateLimiterStats {
  /** Requests under way. */
  inFlight: number;
  /** Requests waiting. */
  waiting: number;
  /** Limit, own use and others' use of every quantity that has a limit. */
  limits: Partial<Record<LimitedQuantity, LimitStats>>;
}

import type { LaneLimits, ResolvedFairnessSettings } from '../../contracts/traffic.js';
import type { Clock } from '../../time/clock.js';
import type { RateRequest } from './rate-request.js';
import type { ReturnOrder } from './return-queue.js';

/** Something else that decides when a request may start: the health of its lane. */
export interface StartGate {
  /** Which of the requests that return starts next. */
  readonly returnOrder: ReturnOrder;
  /** The earliest time of the next start: of this request, or of any. */
  opensAtMs(nowMs: number, request: RateRequest | undefined): number;
  /** A request starts now. */
  started(nowMs: number): void;
  /** The earliest time at which this request may start although it may fail; infinite if it depends on others. */
  allowsAtMs(request: RateRequest, nowMs: number): number;
}

/** Options of a {@link RateLimiter}. */
export interface RateLimiterOptions {
  /** The lane's name, for errors. */
  readonly lane: string;
  readonly clock: Clock;
  /** Limits known from the start. */
  readonly limits?: LaneLimits | undefined;
  /** Decides when requests may start, beside the limits. */
  readonly gate?: StartGate | undefined;
  /**
   * Requests that may be in flight at once, whatever the limits are: one more would only wait elsewhere, where it cannot be
   * held back. @default no limit
   */
  readonly maxInFlight?: (() => number) | undefined;
  /** How tenants, and agents, share the lane. @default equal shares */
  readonly fairness?: ResolvedFairnessSettings | undefined;
  /** Length of the window that the limits apply to, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /**
   * How much longer than the window an entry counts, in milliseconds: requests do not reach the provider at the
   * intervals at which they were sent. @default 2 % of the window at first, shrinking to 1 %
   */
  readonly marginMs?: number | undefined;
}

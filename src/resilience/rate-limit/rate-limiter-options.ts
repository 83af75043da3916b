import type { Clock } from '../../time/clock.js';
import type { FairnessOptions } from '../permits/fair-queue.js';
import type { RateLimits } from './usage.js';

/** What else decides when a request may start, for instance a cool-off. */
export interface StartGate {
  /** The earliest instant of the next start; infinite while only `wake()` can open the gate. */
  opensAtMs(nowMs: number): number;
  /** A request starts now. */
  started(nowMs: number): void;
}

/** What a rate limiter is made of. */
export interface RateLimiterOptions {
  /** Names the lane in errors. */
  readonly lane: string;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Limits known from the start. */
  readonly limits?: RateLimits | undefined;
  /** Opens and shuts for reasons of its own. */
  readonly gate?: StartGate | undefined;
  /** How tenants, and agents, share the lane. */
  readonly fairness?: FairnessOptions | undefined;
  /** Length of the window that the limits are for, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /**
   * How much longer an entry counts than the window is long, in milliseconds: requests do not reach the provider
   * in the rhythm in which they were sent. @default 2 % of the window at first, shrinking to 1 %
   */
  readonly marginMs?: number | undefined;
}

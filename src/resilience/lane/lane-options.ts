import type {
  LaneLimits,
  ResolvedBreakerSettings,
  ResolvedFairnessSettings,
} from '../../contracts/traffic.js';
import type { Clock } from '../../time/clock.js';
import type { CircuitState } from '../breaker/circuit-breaker.js';
import type { RateLimiterStats } from '../rate-limit/rate-limiter-stats.js';
import type { AdaptiveConcurrencyStats } from './adaptive-concurrency.js';

/** Options of a `Lane`. */
export interface LaneOptions {
  readonly clock: Clock;
  /** Limits known from the start. Limits that the provider reports apply as well. */
  readonly limits?: LaneLimits | undefined;
  /** The lane has a breaker only if this is set. */
  readonly breaker?: ResolvedBreakerSettings | undefined;
  /** Whether the lane stops and adapts in trouble; otherwise it only counts. @default true */
  readonly isShaped?: boolean | undefined;
  /** How many attempts may run at once over all lanes. @default no limit */
  readonly maxConcurrent?: (() => number) | undefined;
  /** Longest time between two probes of a stopped lane, in milliseconds. @default 30_000 */
  readonly maxProbeDelayMs?: number | undefined;
  /** How tenants, and agents, share the lane. @default equal shares */
  readonly fairness?: ResolvedFairnessSettings | undefined;
  /** Random numbers from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Length of the window that the limits apply to, in milliseconds. @default 60_000 */
  readonly windowMs?: number | undefined;
  /** Called when the breaker changes its state. */
  readonly onBreakerChange?: ((state: CircuitState) => void) | undefined;
  /** Called once when its calls begin to wait for more than five seconds, until none waits so long any more. */
  readonly onLongWait?: ((wait: LaneWait) => void) | undefined;
  /** Called when the lane stops, or stops for longer. `pausedForMs` is how long its provider demands to wait. */
  readonly onPause?: ((pausedForMs: number) => void) | undefined;
}

/**
 * What a waiting request waits for: `retry-after` for the end of a wait that the provider demands, `lane-down` for a
 * lane that fails to answer, `rate-limit` for room in a rate limit, `concurrency` for the end of another request,
 * `backoff` for the end of its own backoff.
 */
export type LaneWaitReason = 'retry-after' | 'lane-down' | 'rate-limit' | 'concurrency' | 'backoff';

/** What the first waiting request of a lane waits for. */
export interface LaneWait {
  /** What it waits for. */
  reason: LaneWaitReason;
  /** Until when, in epoch milliseconds; `undefined` if that is not known. */
  untilMs: number | undefined;
}

/** The state of a lane. */
export interface LaneStats extends RateLimiterStats {
  /** How much longer its provider demands to wait, in milliseconds; 0 if it demands nothing. */
  pausedForMs: number;
  /** How often it was stopped so far: by a demanded wait, or because its requests failed. */
  pauses: number;
  /** What its waiting requests wait for; `undefined` if none waits. */
  waitingFor: LaneWait | undefined;
  /** The state of its breaker; `undefined` without one. */
  breaker: CircuitState['state'] | undefined;
  /** The state of adaptive concurrency; `undefined` if it is off. */
  adaptive: AdaptiveConcurrencyStats | undefined;
}

/**
 * How the wait between attempts is randomised: `full` waits a random time up to the backoff, `equal` between half of it
 * and all of it, `none` exactly the backoff.
 */
export type Jitter = 'full' | 'equal' | 'none';

/** Backoff settings with every default filled in. */
export interface Backoff {
  /** Backoff after the first failure, in milliseconds. */
  readonly minDelayMs: number;
  /** Longest backoff, in milliseconds. */
  readonly maxDelayMs: number;
  /** Factor by which the backoff grows from attempt to attempt. */
  readonly factor: number;
  /** How it is randomised, so that callers that failed together do not retry together. */
  readonly jitter: Jitter;
}

/** Maximum share of a `retry-after` added at random, so that callers that got the same one do not retry in one wave. */
const RETRY_AFTER_SPREAD = 0.25;

/**
 * The wait after the failure of attempt number `attempt` (from 1), in milliseconds. If the provider asked for
 * `retryAfterMs`, the wait is at least that long, plus up to 25 %.
 *
 * Formula: exponential backoff with full jitter, as in Marc Brooker, "Exponential Backoff And Jitter" (AWS
 * Architecture Blog, 2015).
 */
export function backoffDelayMs(
  attempt: number,
  backoff: Backoff,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const delayMs = spread(backoffCeilingMs(attempt, backoff), backoff.jitter, random);
  if (retryAfterMs === undefined) return delayMs;
  return Math.max(delayMs, retryAfterMs * (1 + RETRY_AFTER_SPREAD * random()));
}

/** The backoff after the failure of attempt number `attempt` (from 1) without jitter, in milliseconds. */
export function backoffCeilingMs(attempt: number, backoff: Backoff): number {
  // Kept finite, because 0 × Infinity is NaN.
  const growth = Math.min(backoff.factor ** (attempt - 1), Number.MAX_VALUE);
  return Math.min(backoff.maxDelayMs, backoff.minDelayMs * growth);
}

function spread(ceilingMs: number, jitter: Jitter, random: () => number): number {
  if (jitter === 'none') return ceilingMs;
  if (jitter === 'equal') return ceilingMs / 2 + (ceilingMs / 2) * random();
  return ceilingMs * random();
}

/** How the wait between attempts is spread: `full` is anything up to the backoff, `none` exactly the backoff. */
export type Jitter = 'full' | 'equal' | 'none';

/** Complete backoff settings. */
export interface Backoff {
  /** Backoff after the first failure, in milliseconds. */
  readonly minDelayMs: number;
  /** Longest backoff, in milliseconds. */
  readonly maxDelayMs: number;
  /** What the backoff is multiplied with from attempt to attempt. */
  readonly factor: number;
  /** How it is spread, so that callers that failed together do not return together. */
  readonly jitter: Jitter;
}

/** Share of a demanded wait that is added at random, so that everybody told "60 s" does not return in one wave. */
const RETRY_AFTER_SPREAD = 0.25;

/**
 * The wait after the failure of attempt number `attempt` (from 1), in milliseconds. A `retryAfterMs` from the far
 * side is a floor: the wait is never shorter, and spread above it.
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
  // Kept finite: 0 times infinity would be no number at all.
  const growth = Math.min(backoff.factor ** (attempt - 1), Number.MAX_VALUE);
  const ceilingMs = Math.min(backoff.maxDelayMs, backoff.minDelayMs * growth);
  const delayMs = spread(ceilingMs, backoff.jitter, random);
  if (retryAfterMs === undefined) return delayMs;
  return Math.max(delayMs, retryAfterMs * (1 + RETRY_AFTER_SPREAD * random()));
}

function spread(ceilingMs: number, jitter: Jitter, random: () => number): number {
  if (jitter === 'none') return ceilingMs;
  if (jitter === 'equal') return ceilingMs / 2 + (ceilingMs / 2) * random();
  return ceilingMs * random();
}

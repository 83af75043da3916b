import type { Lane } from '../../src/resilience/lane/lane.js';
import type { FailedAttempt, LanePass } from '../../src/resilience/lane/lane-pass.js';
import type { RateLimiter } from '../../src/resilience/rate-limit/rate-limiter.js';
import { RateRequest, type RateRequestOptions } from '../../src/resilience/rate-limit/rate-request.js';
import type { RateReservation } from '../../src/resilience/rate-limit/reservation.js';
import type { TokenCost } from '../../src/resilience/rate-limit/token-cost.js';
import type { FailureClass } from '../../src/resilience/retry/failure-class.js';
import { NO_RETRIES, RetryProgress } from '../../src/resilience/retry/retry-outlook.js';

/** Submits a request to a limiter; resolves with its reservation. */
export function reserve(
  limiter: RateLimiter,
  cost: TokenCost,
  options: RateRequestOptions = {},
): Promise<RateReservation> {
  return new Promise((admit, refuse) => limiter.submit(new RateRequest(cost, options, admit, refuse)));
}

/** Submits a request to a lane; resolves with its pass. */
export function passOf(
  lane: Lane,
  cost: TokenCost,
  sizeBytes: number,
  options: RateRequestOptions = {},
): Promise<LanePass> {
  return new Promise((admit, refuse) => lane.submit(cost, sizeBytes, options, admit, refuse));
}

/** A failed attempt of a call that made no other, unless `more` says otherwise. */
export function failedAttempt(failure: FailureClass, more: Partial<FailedAttempt> = {}): FailedAttempt {
  return { failure, error: new Error(failure), outlook: NO_RETRIES, ...more };
}

/** How far a call has come that waits 1 s, 2 s, 4 s and so on between its attempts. */
export function progress(maxRetries: number, failedAtMs: readonly number[] = []): RetryProgress {
  const outlook = new RetryProgress(maxRetries, {
    minDelayMs: 1_000,
    maxDelayMs: 30_000,
    factor: 2,
    jitter: 'none',
  });
  for (const atMs of failedAtMs) outlook.failed(atMs, 0);
  return outlook;
}

import type { Lane } from '../../src/resilience/lane/lane.js';
import type { LanePass } from '../../src/resilience/lane/lane-pass.js';
import type { RateLimiter } from '../../src/resilience/rate-limit/rate-limiter.js';
import { RateRequest, type RateRequestOptions } from '../../src/resilience/rate-limit/rate-request.js';
import type { RateReservation } from '../../src/resilience/rate-limit/reservation.js';
import type { TokenCost } from '../../src/resilience/rate-limit/token-cost.js';

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

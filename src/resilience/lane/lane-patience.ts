import { LaneDownError } from '../../errors/traffic-errors.js';
import type { Clock } from '../../time/clock.js';
import type { RateLimiter } from '../rate-limit/rate-limiter.js';
import type { RateRequest } from '../rate-limit/rate-request.js';
import type { LaneHealth } from './lane-health.js';

/** A request of a stopped lane that failed. */
export interface LaneFailure {
  readonly error: Error;
  /** When it failed, in milliseconds of the clock. */
  readonly atMs: number;
  /** How long after it was sent, in milliseconds. */
  readonly elapsedMs: number;
  /** How long the provider demanded to wait, in milliseconds; 0 if it demanded nothing. */
  readonly demandedMs: number;
}

/**
 * How long a lane is down before it fails a call, as a multiple of what the call's own retries would last, and at least,
 * in milliseconds; and how many requests in a row have to fail meanwhile.
 */
const PATIENCE = 1.72;
const MIN_PATIENCE_MS = 2_000;
const FAILURES_OF_DOWN = 18;
/** Calls that lose patience at a time, as a multiple of those that run at once. */
const HELD_RATIO = 2;
/** Probes within the patience of one call, at least. */
const PROBES_PER_PATIENCE = 4;

/**
 * Fails the calls that have waited for a lane that is down for longer than their own retries would have lasted. So that
 * a long outage fails no more calls than it would without a lane, only as many lose patience at a time as would be
 * trying then: twice those that run at once, as each has about twice the time.
 */
export class LanePatience {
  readonly #lane: string;
  readonly #clock: Clock;
  readonly #health: LaneHealth;
  readonly #limiter: RateLimiter;
  readonly #maxConcurrent: () => number;
  #latest: LaneFailure | undefined = undefined;
  /** The shortest patience of the calls that are held, in milliseconds. */
  #shortestMs = Number.POSITIVE_INFINITY;

  /** @param maxConcurrent How many attempts may run at once. */
  constructor(
    lane: string,
    clock: Clock,
    health: LaneHealth,
    limiter: RateLimiter,
    maxConcurrent: () => number,
  ) {
    this.#lane = lane;
    this.#clock = clock;
    this.#health = health;
    this.#limiter = limiter;
    this.#maxConcurrent = maxConcurrent;
  }

  /** The longest time between two probes with which every call's patience contains some, in milliseconds. */
  get maxProbeDelayMs(): number {
    return this.#shortestMs / PROBES_PER_PATIENCE;
  }

  /** A request has come to the stopped lane. */
  submitted(): void {
    if (this.#latest === undefined || this.#limiter.returning >= this.#mostHeld) return;
    this.failed(this.#latest);
  }

  /** A request of the stopped lane has failed. */
  failed(failure: LaneFailure): void {
    this.#latest = failure;
    const nowMs = this.#clock.now();
    const isDown = this.#health.failuresInARow >= FAILURES_OF_DOWN;
    let hasRefused = false;
    let nextEndMs = Number.POSITIVE_INFINITY;
    this.#shortestMs = Number.POSITIVE_INFINITY;
    for (const request of this.#limiter.hold(this.#mostHeld, nowMs)) {
      request.heldSinceMs ??= this.#heldSinceMs(request, nowMs);
      const patienceMs = patienceOf(request, failure);
      const endsAtMs = request.heldSinceMs + patienceMs;
      // Only a probe that failed after all that time shows that the lane is still down.
      if (isDown && failure.atMs >= endsAtMs) {
        this.#refuse(request, failure.error);
        hasRefused = true;
      } else {
        this.#shortestMs = Math.min(this.#shortestMs, patienceMs);
        nextEndMs = Math.min(nextEndMs, Math.max(endsAtMs, nowMs));
      }
    }
    // Others take their places at once.
    if (hasRefused) this.failed(failure);
    else if (isDown) {
      this.#health.probeBy(nextEndMs);
      this.#limiter.wake();
    }
  }

  /** The lane works again. */
  reset(): void {
    this.#latest = undefined;
    this.#shortestMs = Number.POSITIVE_INFINITY;
  }

  get #mostHeld(): number {
    return HELD_RATIO * this.#maxConcurrent();
  }

  /**
   * Since when the call has waited for this outage to end, in milliseconds of the clock. Where it was a probe, it has
   * waited since before that.
   */
  #heldSinceMs({ calledAtMs = Number.POSITIVE_INFINITY, outlook }: RateRequest, nowMs: number): number {
    if (outlook.failures === 0) return nowMs;
    return Math.min(nowMs, Math.max(calledAtMs, this.#health.stoppedSinceMs ?? nowMs));
  }

  #refuse(request: RateRequest, error: Error): void {
    const nowMs = this.#clock.now();
    const downForMs = nowMs - (this.#health.stoppedSinceMs ?? nowMs);
    this.#limiter.refuse(request, new LaneDownError(this.#lane, downForMs, error));
  }
}

/** How long a call waits for a lane that is down before it fails, in milliseconds. */
function patienceOf({ outlook }: RateRequest, { elapsedMs, demandedMs }: LaneFailure): number {
  const ownMs = outlook.backoffsMs(demandedMs) + outlook.maxRetries * elapsedMs;
  return Math.max(MIN_PATIENCE_MS, PATIENCE * ownMs);
}

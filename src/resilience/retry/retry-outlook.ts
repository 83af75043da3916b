import { type Backoff, backoffCeilingMs } from './backoff.js';

/**
 * How far a call has come with its attempts, and what it may still do: what its lane has to know while one of them
 * waits there.
 */
export interface RetryOutlook {
  /** Attempts that the call may make after its first one. */
  readonly maxRetries: number;
  /** Attempts that have failed. */
  readonly failures: number;
  /** When the next attempt may be sent: the end of its backoff, in milliseconds of the clock; 0 for a first attempt. */
  readonly readyAtMs: number;
  /** The earliest time that the provider demanded for the next attempt, in milliseconds of the clock. */
  readonly demandedAtMs: number;
  /** When its first attempt failed, in milliseconds of the clock; `undefined` before that. */
  readonly firstFailedAtMs: number | undefined;
  /** Whether the next attempt is the last one. */
  readonly isLast: boolean;
  /** How long all its backoffs last together, without jitter and each at least `floorMs`, in milliseconds. */
  backoffsMs(floorMs: number): number;
}

/** The outlook of a request that is its call's only attempt. */
export const NO_RETRIES: RetryOutlook = Object.freeze({
  maxRetries: 0,
  failures: 0,
  readyAtMs: 0,
  demandedAtMs: 0,
  firstFailedAtMs: undefined,
  isLast: true,
  backoffsMs: () => 0,
});

/** Share of a backoff that is always waited for. */
const LEAST_BACKOFF = 0.25;

/** Counts the failed attempts of a call at one agent. */
export class RetryProgress implements RetryOutlook {
  readonly maxRetries: number;
  readyAtMs = 0;
  demandedAtMs = 0;
  firstFailedAtMs: number | undefined = undefined;
  failures = 0;
  /** How long its attempts ran until the first one failed, and until the latest one did, in milliseconds. */
  #firstRunMs = 0;
  #runMs = 0;
  readonly #backoff: Backoff;

  constructor(maxRetries: number, backoff: Backoff) {
    this.maxRetries = maxRetries;
    this.#backoff = backoff;
  }

  get isLast(): boolean {
    return this.failures >= this.maxRetries;
  }

  /** An attempt has failed; the call's attempts have run for `runMs` in all. */
  failed(nowMs: number, runMs: number): void {
    if (this.firstFailedAtMs === undefined) {
      this.firstFailedAtMs = nowMs;
      this.#firstRunMs = runMs;
    }
    this.#runMs = runMs;
    this.failures += 1;
  }

  /**
   * The next attempt may be sent after `delayMs`, or earlier if its lane works again, but not before `demandedMs`. What
   * the call has waited for its lane beyond its own backoffs is taken off.
   */
  wait(nowMs: number, delayMs: number, demandedMs: number): void {
    const firstMs = this.firstFailedAtMs ?? nowMs;
    const ownMs = firstMs + (this.#runMs - this.#firstRunMs) + this.#backoffsUpTo(this.failures, 0);
    const soonestMs = nowMs + Math.max(demandedMs, LEAST_BACKOFF * delayMs);
    this.readyAtMs = Math.min(nowMs + delayMs, Math.max(soonestMs, ownMs));
    this.demandedAtMs = nowMs + demandedMs;
  }

  backoffsMs(floorMs: number): number {
    return this.#backoffsUpTo(this.maxRetries, floorMs);
  }

  #backoffsUpTo(retries: number, floorMs: number): number {
    let totalMs = 0;
    for (let attempt = 1; attempt <= retries; attempt += 1) {
      const ceilingMs = backoffCeilingMs(attempt, this.#backoff);
      const waitMs = Math.max(floorMs, ceilingMs);
      // From here on all are equally long, and there may be millions.
      const isLongest = backoffCeilingMs(attempt + 1, this.#backoff) === ceilingMs;
      if (isLongest) return totalMs + waitMs * (retries - attempt + 1);
      totalMs += waitMs;
    }
    return totalMs;
  }
}

import type { Clock } from '../time/clock.js';

/**
 * The time of day as a cache needs it: milliseconds since the Unix epoch that never go back.
 *
 * Follows the system's date when that is ahead, and the monotonic clock when the date is set back. So an expired entry
 * stays expired, whichever way the date is changed.
 */
export class SteadyTime {
  readonly #clock: Clock;
  #offsetMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = clock.epochMs() - clock.now();
  }

  /** Milliseconds since the Unix epoch. */
  epochMs(): number {
    const runningMs = this.#clock.now();
    const dateMs = this.#clock.epochMs();
    if (dateMs > this.#offsetMs + runningMs) this.#offsetMs = dateMs - runningMs;
    return this.#offsetMs + runningMs;
  }
}

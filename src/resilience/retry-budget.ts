import type { Clock } from '../time/clock.js';
import { RateLimitWindow } from './rate-limit-window.js';

/** Settings of a {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Retries per call of the window, 0 to 1. @default 0.2 */
  ratio?: number | undefined;
  /** Retries of the window that are allowed however few calls there were. @default 10 */
  minimum?: number | undefined;
  /** Length of the window, in milliseconds. @default 60_000 */
  windowMs?: number | undefined;
}

/**
 * Keeps retries from multiplying an outage: in the last `windowMs`, no more retries than a share of the calls.
 * Every call alone would retry as often as it may; all of them together would triple the load on a service that
 * cannot bear the single one.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #minimum: number;
  readonly #calls: RateLimitWindow;
  readonly #retries: RateLimitWindow;
  /** Retries that were refused so far. */
  refused = 0;

  constructor(clock: Clock, options: RetryBudgetOptions = {}) {
    const { ratio = 0.2, minimum = 10, windowMs = 60_000 } = options;
    this.#clock = clock;
    this.#ratio = ratio;
    this.#minimum = minimum;
    this.#calls = new RateLimitWindow(windowMs);
    this.#retries = new RateLimitWindow(windowMs);
  }

  /** How many retries may still be made now. */
  get left(): number {
    const nowMs = this.#clock.now();
    const allowed = Math.max(this.#minimum, Math.floor(this.#ratio * this.#calls.usedAt(nowMs)));
    return Math.max(0, allowed - this.#retries.usedAt(nowMs));
  }

  /** A call begins: its first attempt, wherever it waits. */
  called(): void {
    this.#calls.add(1, this.#clock.now());
  }

  /** Takes one retry. `false` where there is none: the call fails with the error that it has. */
  tryRetry(): boolean {
    if (this.left === 0) {
      this.refused += 1;
      return false;
    }
    this.#retries.add(1, this.#clock.now());
    return true;
  }
}

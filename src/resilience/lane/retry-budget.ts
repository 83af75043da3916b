import type { Clock } from '../../time/clock.js';
import { SlidingWindow } from '../rate-limit/sliding-window.js';

/** Options of a {@link RetryBudget}. */
export interface RetryBudgetOptions {
  /** Retries per call of the window, 0 to 1. @default 0.2 */
  ratio?: number | undefined;
  /** Retries of the window that are allowed however few calls there were. @default 10 */
  minimum?: number | undefined;
  /** Length of the window, in milliseconds. @default 60_000 */
  windowMs?: number | undefined;
}

const none = (): number => 0;

/**
 * Keeps retries from multiplying an outage: in the last `windowMs`, no more retries than a share of the calls.
 * Every call alone would retry as often as it may; all of them together would triple the load on a service that
 * cannot bear the single one. Calls are the requests of the window that were no retries, and those that wait to be
 * sent: they will be soon.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #minimum: number;
  readonly #waiting: () => number;
  readonly #requests: SlidingWindow;
  readonly #retries: SlidingWindow;
  /** Retries that were refused so far. */
  refused = 0;

  /** @param waiting Returns how many calls wait to be sent. */
  constructor(clock: Clock, options: RetryBudgetOptions = {}, waiting: () => number = none) {
    const { ratio = 0.2, minimum = 10, windowMs = 60_000 } = options;
    this.#clock = clock;
    this.#ratio = ratio;
    this.#minimum = minimum;
    this.#waiting = waiting;
    this.#requests = new SlidingWindow(windowMs);
    this.#retries = new SlidingWindow(windowMs);
  }

  /** How many retries may still be made now. */
  get left(): number {
    const nowMs = this.#clock.now();
    const retries = this.#retries.usedAt(nowMs);
    const calls = Math.max(0, this.#requests.usedAt(nowMs) - retries) + this.#waiting();
    return Math.max(0, Math.max(this.#minimum, Math.floor(this.#ratio * calls)) - retries);
  }

  /** A request is sent, a call's first or a retry. */
  sent(): void {
    this.#requests.add(1, this.#clock.now());
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

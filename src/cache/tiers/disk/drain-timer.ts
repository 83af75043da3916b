import type { Clock, TimerHandle } from '../../../time/clock.js';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 30_000;

/** Schedules the next write: soon after a change, and with growing pauses while writing fails. */
export class DrainTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #timer: { readonly dueMs: number; readonly handle: TimerHandle } | undefined;
  #failures = 0;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Whether the last try failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /**
   * Schedules a try within this time, or after the pause that follows a failure.
   *
   * @param keepsAlive Whether the process stays for it: only for a moment, and not while writing fails.
   */
  within(delayMs: number, keepsAlive: boolean): void {
    const pauseMs = this.isFailing
      ? Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1))
      : 0;
    const waitMs = Math.max(delayMs, pauseMs);
    const dueMs = this.#clock.now() + waitMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) {
      if (keepsAlive && !this.isFailing) (this.#timer.handle as { ref?: () => void }).ref?.();
      return;
    }
    this.stop();
    const fire = () => {
      this.#timer = undefined;
      this.#onDue();
    };
    const handle = this.#clock.setTimeout(fire, waitMs, undefined);
    if (!keepsAlive || this.isFailing) (handle as { unref?: () => void }).unref?.();
    this.#timer = { dueMs, handle };
  }

  /** Cancels the scheduled try. */
  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }

  worked(): void {
    this.#failures = 0;
  }

  /** Records a failure; returns whether it is the first in a row. */
  failed(): boolean {
    return this.#failures++ === 0;
  }
}

/** How much longer than the window an entry counts, as shares of the window: at first, at least and at most. */
const FIRST = 0.02;
const LEAST = 0.01;
const MOST = 0.05;
/** What one unexpected rejection adds to the share. */
const PENALTY = 0.01;
/** After this many windows without one, the part above `LEAST` is halved. */
const WINDOWS_A_STEP = 2;

/**
 * How much longer than the window an entry counts. Requests do not reach the provider at the intervals at which they
 * were sent: one that was slow on its way is still in the provider's window after it has left ours. The first ones
 * are the slowest because their connections have to be opened. So the margin starts wide, then shrinks, and widens
 * again after a rejection that should not have happened.
 */
export class WindowMargin {
  /** The length of the window, in milliseconds. */
  readonly windowMs: number;
  readonly #fixedMs: number | undefined;
  #share = FIRST;
  #stepAtMs: number | undefined = undefined;

  constructor(windowMs: number, fixedMs: number | undefined) {
    this.windowMs = windowMs;
    this.#fixedMs = fixedMs;
  }

  /** How long an entry counts, in milliseconds. */
  get spanMs(): number {
    return this.spanOf(this.windowMs);
  }

  /** How long an entry counts in a window of another length, in milliseconds. */
  spanOf(windowMs: number): number {
    return windowMs + (this.#fixedMs ?? windowMs * this.#share);
  }

  /** A request is being sent. Returns whether the span has changed since the last one. */
  sent(nowMs: number): boolean {
    this.#stepAtMs ??= nowMs + WINDOWS_A_STEP * this.windowMs;
    if (nowMs < this.#stepAtMs) return false;
    this.#stepAtMs = undefined;
    this.#share = LEAST + (this.#share - LEAST) / 2;
    return true;
  }

  /** The provider rejected a request that should have fitted. */
  unexpectedRejection(): void {
    this.#share = Math.min(MOST, this.#share + PENALTY);
    this.#stepAtMs = undefined;
  }
}

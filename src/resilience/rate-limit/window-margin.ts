/** Shares of the window that entries count longer: at first, at least and at most. */
const FIRST = 0.02;
const LEAST = 0.01;
const MOST = 0.05;
/** What a rejection adds that should not have come. */
const PENALTY = 0.01;
/** After so many windows without one, what is above the least is halved. */
const WINDOWS_A_STEP = 2;

/**
 * How much longer than the window an entry counts. Requests do not reach a provider in the rhythm in which they are
 * sent: one that was slow on its way is still in the provider's window when it has left ours. The first ones are
 * the slowest, because their connections have to be opened; so the margin is wide at first and then shrinks, and a
 * rejection that should not have come widens it again.
 */
export class RateLimitMargin {
  readonly #windowMs: number;
  readonly #fixedMs: number | undefined;
  #share = FIRST;
  #stepAtMs: number | undefined = undefined;

  constructor(windowMs: number, fixedMs: number | undefined) {
    this.#windowMs = windowMs;
    this.#fixedMs = fixedMs;
  }

  /** How long an entry counts, in milliseconds. */
  get spanMs(): number {
    return this.#windowMs + (this.#fixedMs ?? this.#windowMs * this.#share);
  }

  /** A request is sent. Says whether the span has changed since the last one. */
  sent(nowMs: number): boolean {
    this.#stepAtMs ??= nowMs + WINDOWS_A_STEP * this.#windowMs;
    if (nowMs < this.#stepAtMs) return false;
    this.#stepAtMs = undefined;
    this.#share = LEAST + (this.#share - LEAST) / 2;
    return true;
  }

  /** The provider rejected a request that should have fitted. */
  surprised(): void {
    this.#share = Math.min(MOST, this.#share + PENALTY);
    this.#stepAtMs = undefined;
  }
}

/** Shares of the window that entries count longer. */
interface Shares {
  readonly first: number;
  readonly least: number;
}

/** Where a request's way to its connection is part of what is not known. */
const BLIND: Shares = { first: 0.025, least: 0.01 };
/** Where requests count from the moment when they are written to their connections. */
const TOLD: Shares = { first: 0.0125, least: 0.006 };
const MOST = 0.05;
/** What a rejection adds that should not have come. */
const PENALTY = 0.01;
/** After so many windows without one, what is above the least is halved. */
const WINDOWS_A_STEP = 2;

/**
 * How much longer than the window an entry counts. Requests do not reach a provider in the rhythm in which they are
 * sent: one that was slow on its way is still in the provider's window when it has left ours. The first ones are
 * the slowest, because their connections have to be opened; so the margin is wide at first and then shrinks, and a
 * rejection that should not have come widens it again. It is half as wide where a provider tells when each request
 * is written to its connection: what is left is the way through the network.
 */
export class RateLimitMargin {
  readonly #windowMs: number;
  readonly #fixedMs: number | undefined;
  #shares = BLIND;
  #share = BLIND.first;
  #stepAtMs: number | undefined = undefined;

  constructor(windowMs: number, fixedMs: number | undefined) {
    this.#windowMs = windowMs;
    this.#fixedMs = fixedMs;
  }

  /** How long an entry counts, in milliseconds. */
  get spanMs(): number {
    return this.#windowMs + (this.#fixedMs ?? this.#windowMs * this.#share);
  }

  /** It is known when requests are written to their connections. Says whether the span has changed. */
  told(): boolean {
    if (this.#shares === TOLD) return false;
    this.#shares = TOLD;
    this.#share = Math.min(this.#share, TOLD.first);
    return true;
  }

  /** A request is sent. Says whether the span has changed since the last one. */
  sent(nowMs: number): boolean {
    this.#stepAtMs ??= nowMs + WINDOWS_A_STEP * this.#windowMs;
    if (nowMs < this.#stepAtMs) return false;
    this.#stepAtMs = undefined;
    const { least } = this.#shares;
    this.#share = least + (this.#share - least) / 2;
    return true;
  }

  /** The provider rejected a request that should have fitted. */
  surprised(): void {
    this.#share = Math.min(MOST, this.#share + PENALTY);
    this.#stepAtMs = undefined;
  }
}

const SLICES = 60;

/** Counts successes and failures of the last `windowMs` milliseconds, in 60 slices that expire one by one. */
export class FailureWindow {
  readonly #sliceMs: number;
  readonly #successes = new Uint32Array(SLICES);
  readonly #failures = new Uint32Array(SLICES);
  #slice = 0;
  #totalSuccesses = 0;
  #totalFailures = 0;

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES;
  }

  /** Counts one call. */
  count(isFailure: boolean, nowMs: number): void {
    this.#expire(nowMs);
    const slot = this.#slice % SLICES;
    const counts = isFailure ? this.#failures : this.#successes;
    counts[slot] = (counts[slot] as number) + 1;
    if (isFailure) this.#totalFailures += 1;
    else this.#totalSuccesses += 1;
  }

  /** Calls in the window. */
  callsAt(nowMs: number): number {
    this.#expire(nowMs);
    return this.#totalSuccesses + this.#totalFailures;
  }

  /** Share of the window's calls that failed, 0 to 1; 0 without calls. */
  failureRatioAt(nowMs: number): number {
    const calls = this.callsAt(nowMs);
    return calls === 0 ? 0 : this.#totalFailures / calls;
  }

  clear(): void {
    this.#successes.fill(0);
    this.#failures.fill(0);
    this.#totalSuccesses = 0;
    this.#totalFailures = 0;
  }

  #expire(nowMs: number): void {
    const slice = Math.floor(nowMs / this.#sliceMs);
    if (slice - this.#slice >= SLICES) this.clear();
    else for (let passed = this.#slice + 1; passed <= slice; passed += 1) this.#clearSlot(passed % SLICES);
    this.#slice = slice;
  }

  #clearSlot(slot: number): void {
    this.#totalSuccesses -= this.#successes[slot] as number;
    this.#totalFailures -= this.#failures[slot] as number;
    this.#successes[slot] = 0;
    this.#failures[slot] = 0;
  }
}

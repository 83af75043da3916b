/** Whether each of the latest requests failed. */
export class OutcomeWindow {
  readonly #size: number;
  // One bit each, as a ring.
  readonly #failed: boolean[] = [];
  #next = 0;
  #failures = 0;

  /** @param size How many outcomes are kept. */
  constructor(size: number) {
    this.#size = size;
  }

  /** How many outcomes are known. */
  get count(): number {
    return this.#failed.length;
  }

  /** How many of them are failures. */
  get failures(): number {
    return this.#failures;
  }

  /** Share of failures among them, 0 to 1; 0 without any. */
  get failedRatio(): number {
    return this.count === 0 ? 0 : this.#failures / this.count;
  }

  /** Adds an outcome; the oldest makes room. */
  add(hasFailed: boolean): void {
    if (this.#failed[this.#next] === true) this.#failures -= 1;
    if (hasFailed) this.#failures += 1;
    this.#failed[this.#next] = hasFailed;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#failed.length = 0;
    this.#next = 0;
    this.#failures = 0;
  }
}

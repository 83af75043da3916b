/** The work that is under way, and the moment when there is none left. */
export class InFlight<Work> {
  readonly #work = new Set<Work>();
  #onEmpty: Array<() => void> = [];

  get size(): number {
    return this.#work.size;
  }

  add(work: Work): void {
    this.#work.add(work);
  }

  delete(work: Work): void {
    if (!this.#work.delete(work) || this.#work.size > 0 || this.#onEmpty.length === 0) return;
    const waiting = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiting) resolve();
  }

  /** A copy, so that work may end while it is gone through. */
  all(): Work[] {
    return [...this.#work];
  }

  /** Resolves when nothing is under way; at once if nothing is. */
  whenEmpty(): Promise<void> {
    if (this.#work.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }
}

/**
 * Work that an {@link InFlight} can hold. It carries its own links: a set's entry would weigh as much as a fifth
 * of a waiting call.
 */
export interface InFlightNode {
  /** @internal */
  addedBefore: InFlightNode | undefined;
  /** @internal */
  addedAfter: InFlightNode | undefined;
}

/** The work that is under way, and the moment when there is none left. */
export class InFlight<Work extends InFlightNode> {
  /** How much is under way. */
  size = 0;
  #last: InFlightNode | undefined = undefined;
  #onEmpty: Array<() => void> = [];

  add(work: Work): void {
    work.addedBefore = this.#last;
    if (this.#last !== undefined) this.#last.addedAfter = work;
    this.#last = work;
    this.size += 1;
  }

  /** Takes work out that is in; not to be called twice for the same. */
  delete(work: Work): void {
    const { addedBefore, addedAfter } = work;
    if (addedBefore !== undefined) addedBefore.addedAfter = addedAfter;
    if (addedAfter !== undefined) addedAfter.addedBefore = addedBefore;
    else this.#last = addedBefore;
    work.addedBefore = undefined;
    work.addedAfter = undefined;
    this.size -= 1;
    if (this.size === 0 && this.#onEmpty.length > 0) this.#tellEmpty();
  }

  /** A copy, latest first, so that work may end while it is gone through. */
  all(): Work[] {
    const all: Work[] = [];
    for (let work = this.#last; work !== undefined; work = work.addedBefore) all.push(work as Work);
    return all;
  }

  /** Resolves when nothing is under way; at once if nothing is. */
  whenEmpty(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #tellEmpty(): void {
    const waiting = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiting) resolve();
  }
}

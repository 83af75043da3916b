/**
 * Work that an {@link InFlight} can hold. It contains its own links: an entry in a `Set` would take a fifth of the
 * memory of a waiting call.
 */
export interface InFlightNode {
  /** @internal */
  addedBefore: InFlightNode | undefined;
  /** @internal */
  addedAfter: InFlightNode | undefined;
}

/** The work in flight. Notifies when none is left. */
export class InFlight<Work extends InFlightNode> {
  size = 0;
  #first: InFlightNode | undefined = undefined;
  #last: InFlightNode | undefined = undefined;
  #onEmpty: Array<() => void> = [];

  add(work: Work): void {
    work.addedBefore = this.#last;
    if (this.#last === undefined) this.#first = work;
    else this.#last.addedAfter = work;
    this.#last = work;
    this.size += 1;
  }

  /** Removes work. It must be in flight. */
  delete(work: Work): void {
    const { addedBefore, addedAfter } = work;
    if (addedBefore !== undefined) addedBefore.addedAfter = addedAfter;
    else this.#first = addedAfter;
    if (addedAfter !== undefined) addedAfter.addedBefore = addedBefore;
    else this.#last = addedBefore;
    work.addedBefore = undefined;
    work.addedAfter = undefined;
    this.size -= 1;
    if (this.size === 0 && this.#onEmpty.length > 0) this.#notifyEmpty();
  }

  /** The work that was added first. */
  get oldest(): Work | undefined {
    return this.#first as Work | undefined;
  }

  /** A copy, latest first, so that work may end during iteration. */
  all(): Work[] {
    const all: Work[] = [];
    for (let work = this.#last; work !== undefined; work = work.addedBefore) all.push(work as Work);
    return all;
  }

  /** Resolves when no work is in flight. */
  whenEmpty(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #notifyEmpty(): void {
    const waiting = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of waiting) resolve();
  }
}

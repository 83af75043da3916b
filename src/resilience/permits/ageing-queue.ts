import { IndexedHeap } from '../../collections/indexed-heap.js';

/** Priorities are cut off here, in both directions: the remaining digits of a number are needed for the arrival time. */
const MAX_PRIORITY = 1_000_000;
/** Least difference between two arrivals, in milliseconds, so that equal priorities keep their order. */
const TICK_MS = 1 / 1_024;

/** Makes arrival times unique, so that they define an order. */
export class ArrivalTimes {
  #lastMs = Number.NEGATIVE_INFINITY;

  /** The given time, or the next unused one after it. */
  next(nowMs: number): number {
    this.#lastMs = Math.max(nowMs, this.#lastMs + TICK_MS);
    return this.#lastMs;
  }
}

/**
 * The waiting items of one share: higher priorities first, equal ones in order of arrival. Waiting raises a priority
 * by one every `ageingMs`. All items age at the same rate, so the order between two of them never changes and the
 * heap needs no update.
 */
export class AgeingQueue<Item> {
  readonly #heap = new IndexedHeap();
  readonly #items: Array<Item | undefined> = [];
  readonly #ageingMs: number;

  constructor(ageingMs: number) {
    this.#ageingMs = ageingMs;
  }

  get isEmpty(): boolean {
    return this.#heap.size === 0;
  }

  /** Adds an item; returns its position, for {@link remove}. */
  push(item: Item, priority: number, arrivedAtMs: number): number {
    const bounded = Math.max(-MAX_PRIORITY, Math.min(MAX_PRIORITY, priority));
    const position = this.#heap.push(arrivedAtMs - bounded * this.#ageingMs);
    this.#items[position] = item;
    return position;
  }

  /** The first item, which stays in the queue. */
  peek(): Item | undefined {
    const position = this.#heap.peek();
    return position === undefined ? undefined : this.#items[position];
  }

  /** All items, in no particular order. */
  *values(): Generator<Item, void, undefined> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }

  /** Removes the item at a position that {@link push} returned. */
  remove(position: number): void {
    if (this.#heap.remove(position)) this.#items[position] = undefined;
  }
}

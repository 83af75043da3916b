import { IndexedHeap } from '../../collections/indexed-heap.js';

/** Priorities beyond this, either way, count as this: the order of arrival needs the other digits. */
const MAX_PRIORITY = 1_000_000;
/** Least difference between two arrivals, in milliseconds, so that equal priorities keep their order. */
const TICK_MS = 1 / 1_024;

/** Hands out instants that are never equal: the order of arrival. */
export class ArrivalTimes {
  #lastMs = Number.NEGATIVE_INFINITY;

  /** The instant, or the next free one after it. */
  next(nowMs: number): number {
    this.#lastMs = Math.max(nowMs, this.#lastMs + TICK_MS);
    return this.#lastMs;
  }
}

/**
 * What waits for one sharer: higher priorities first, equal ones in order of arrival. Waiting raises a priority by
 * one every `ageingMs`. All of them age alike, so the order between two never changes and the heap stays as it is.
 */
export class AgeingLine<Item> {
  readonly #heap = new IndexedHeap();
  readonly #items: Array<Item | undefined> = [];
  readonly #ageingMs: number;

  constructor(ageingMs: number) {
    this.#ageingMs = ageingMs;
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#heap.size === 0;
  }

  /** Adds an item; the number that comes back takes it out again. */
  push(item: Item, priority: number, arrivedAtMs: number): number {
    const bounded = Math.max(-MAX_PRIORITY, Math.min(MAX_PRIORITY, priority));
    const handle = this.#heap.push(arrivedAtMs - bounded * this.#ageingMs);
    this.#items[handle] = item;
    return handle;
  }

  /** The first, without taking it. */
  peek(): Item | undefined {
    const handle = this.#heap.peek();
    return handle === undefined ? undefined : this.#items[handle];
  }

  /** Takes an item out by the number that `push` gave. */
  remove(handle: number): void {
    if (this.#heap.remove(handle)) this.#items[handle] = undefined;
  }
}

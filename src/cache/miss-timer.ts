import { RecentMap } from '../collections/recent-map.js';

const MOST_OPEN = 10_000;

/**
 * Measures misses by the work that they cause: from the miss to the moment its answer is stored. Misses whose
 * answer never comes are forgotten; there are never more than 10,000 of them.
 */
export class MissClock {
  readonly #open = new RecentMap<number>();

  /** A request for the key was not found; `startedMs` is when it was asked. */
  missed(key: string, startedMs: number): void {
    // The first of several who missed at once started the work.
    if (this.#open.get(key) === undefined) this.#open.set(key, startedMs, MOST_OPEN);
  }

  /** The answer came: how long the key's miss took, in milliseconds; `undefined` when there was none. */
  answered(key: string, nowMs: number): number | undefined {
    const startedMs = this.#open.take(key);
    return startedMs === undefined ? undefined : nowMs - startedMs;
  }

  /** Forgets all open misses. */
  clear(): void {
    this.#open.clear();
  }
}

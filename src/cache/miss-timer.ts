import { RecentMap } from '../collections/recent-map.js';

const MOST_OPEN = 10_000;

/**
 * Measures misses including the work they cause: from the miss to the moment its answer is stored. Misses whose
 * answer never arrives are forgotten; at most 10,000 are kept.
 */
export class MissTimer {
  readonly #running = new RecentMap<number>();

  /** A request for the key missed; `startedMs` is when it was made. */
  start(key: string, startedMs: number): void {
    // The first of several concurrent misses started the work.
    if (this.#running.get(key) === undefined) this.#running.set(key, startedMs, MOST_OPEN);
  }

  /** The answer arrived: how long the key's miss took, in milliseconds; `undefined` if there was none. */
  stop(key: string, nowMs: number): number | undefined {
    const startedMs = this.#running.take(key);
    return startedMs === undefined ? undefined : nowMs - startedMs;
  }

  /** Forgets all open misses. */
  clear(): void {
    this.#running.clear();
  }
}

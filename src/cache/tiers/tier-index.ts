import type { EvictionOrder } from '../eviction.js';
import type { TierSize } from './cache-tier.js';

/** How much a tier may hold. */
export interface TierLimits {
  /** Sum of the entries' sizes, in bytes. */
  readonly maxSizeBytes: number;
  /** Number of entries. */
  readonly maxEntries: number;
}

/** An entry's facts without its value. */
export interface IndexFacts {
  readonly sizeBytes: number;
  readonly costUsd: number;
  readonly hits: number;
}

/** Which entries a tier holds and in which order they would be evicted, without their values. */
export class TierIndex {
  readonly #order: EvictionOrder;
  readonly #limits: TierLimits;
  #sizeBytes = 0;

  constructor(order: EvictionOrder, limits: TierLimits) {
    this.#order = order;
    this.#limits = limits;
  }

  /** How much is held. */
  get size(): TierSize {
    return { entries: this.#order.size, sizeBytes: this.#sizeBytes };
  }

  has(key: string): boolean {
    return this.#order.sizeOf(key) !== undefined;
  }

  keys(): IterableIterator<string> {
    return this.#order.keys();
  }

  /** Adds an entry as the most recently used one. */
  put(key: string, { sizeBytes, costUsd, hits }: IndexFacts): void {
    this.#sizeBytes += sizeBytes - (this.#order.sizeOf(key) ?? 0);
    this.#order.add(key, sizeBytes, costUsd, hits);
  }

  touch(key: string): void {
    this.#order.touch(key);
  }

  /** Removes a key; returns whether it was known. */
  remove(key: string): boolean {
    const sizeBytes = this.#order.sizeOf(key);
    if (sizeBytes === undefined) return false;
    this.#sizeBytes -= sizeBytes;
    this.#order.remove(key);
    return true;
  }

  clear(): void {
    this.#order.clear();
    this.#sizeBytes = 0;
  }

  /**
   * Evicts the fewest entries that make room for one of this size under this key, and returns their keys. A former
   * entry of the key is removed first and not returned.
   */
  makeRoomFor(key: string, sizeBytes: number): string[] {
    this.remove(key);
    return this.#evictUntilFits(sizeBytes, 1);
  }

  /** Evicts the fewest entries needed to hold the limits, and returns their keys. */
  shrink(): string[] {
    return this.#evictUntilFits(0, 0);
  }

  #evictUntilFits(addedBytes: number, addedEntries: number): string[] {
    const gone: string[] = [];
    while (
      this.#sizeBytes + addedBytes > this.#limits.maxSizeBytes ||
      this.#order.size + addedEntries > this.#limits.maxEntries
    ) {
      const victim = this.#order.victim();
      if (victim === undefined) break;
      this.remove(victim);
      gone.push(victim);
    }
    return gone;
  }
}

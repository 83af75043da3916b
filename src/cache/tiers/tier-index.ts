import type { EvictionOrder } from '../eviction.js';
import type { TierSize } from './cache-tier.js';

/** How much a tier may hold. */
export interface TierLimits {
  /** Sum of the entries' sizes, in bytes. */
  readonly maxSizeBytes: number;
  /** Number of entries. */
  readonly maxEntries: number;
}

/** What is known of an entry without its value. */
export interface IndexFacts {
  readonly sizeBytes: number;
  readonly costUsd: number;
  readonly hits: number;
}

/** Which entries a tier holds and in which order they would go, without their values. */
export class DiskIndex {
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

  /** Takes an entry as the one used last. */
  put(key: string, { sizeBytes, costUsd, hits }: IndexFacts): void {
    this.#sizeBytes += sizeBytes - (this.#order.sizeOf(key) ?? 0);
    this.#order.add(key, sizeBytes, costUsd, hits);
  }

  touch(key: string): void {
    this.#order.touch(key);
  }

  /** Forgets a key; says whether it was known. */
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
   * Gives up the fewest entries that make room for one of this size under this key, and names them. A former entry
   * of the key is forgotten first and not named.
   */
  makeRoomFor(key: string, sizeBytes: number): string[] {
    this.remove(key);
    return this.#giveUpUntilFits(sizeBytes, 1);
  }

  /** Gives up the fewest entries that bring what is held within the limits, and names them. */
  shrink(): string[] {
    return this.#giveUpUntilFits(0, 0);
  }

  #giveUpUntilFits(addedBytes: number, addedEntries: number): string[] {
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

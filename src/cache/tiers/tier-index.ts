import type { EvictionOrder } from '../eviction.js';
import type { NamespaceLimits, RankedEntry } from '../namespace-limits.js';
import type { TierSize } from './cache-tier.js';

/** How much a tier may hold. */
export interface TierLimits {
  /** Sum of the entries' sizes, in bytes. */
  readonly maxSizeBytes: number;
  /** Number of entries. */
  readonly maxEntries: number;
  /** Limits of groups of entries. @default none */
  readonly namespaces?: NamespaceLimits | undefined;
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
  put(key: string, entry: RankedEntry): void {
    const { sizeBytes, costUsd, hits } = entry;
    this.#sizeBytes += sizeBytes - (this.#order.sizeOf(key) ?? 0);
    this.#order.add(key, sizeBytes, costUsd, hits);
    this.#limits.namespaces?.add(key, entry);
  }

  touch(key: string): void {
    this.#order.touch(key);
    this.#limits.namespaces?.touch(key);
  }

  /** Removes a key; returns whether it was known. */
  remove(key: string): boolean {
    const sizeBytes = this.#order.sizeOf(key);
    if (sizeBytes === undefined) return false;
    this.#sizeBytes -= sizeBytes;
    this.#order.remove(key);
    this.#limits.namespaces?.remove(key);
    return true;
  }

  clear(): void {
    this.#order.clear();
    this.#limits.namespaces?.clear();
    this.#sizeBytes = 0;
  }

  /**
   * Evicts the fewest entries that make room for one of this size and agent under this key, and returns their keys. A
   * former entry of the key is removed first and not returned.
   */
  makeRoomFor({ key, agent, sizeBytes }: { key: string; agent: string; sizeBytes: number }): string[] {
    this.remove(key);
    const crowded = this.#evictWhile(() => this.#limits.namespaces?.inTheWayOf(agent));
    return [...crowded, ...this.#evictUntilFits(sizeBytes, 1)];
  }

  /** Evicts the fewest entries needed to hold the limits, and returns their keys. */
  shrink(): string[] {
    const crowded = this.#evictWhile(() => this.#limits.namespaces?.tooMany());
    return [...crowded, ...this.#evictUntilFits(0, 0)];
  }

  #evictUntilFits(addedBytes: number, addedEntries: number): string[] {
    const { maxSizeBytes, maxEntries } = this.#limits;
    return this.#evictWhile(() =>
      this.#sizeBytes + addedBytes > maxSizeBytes || this.#order.size + addedEntries > maxEntries
        ? this.#order.victim()
        : undefined,
    );
  }

  #evictWhile(next: () => string | undefined): string[] {
    const gone: string[] = [];
    for (let victim = next(); victim !== undefined; victim = next()) {
      this.remove(victim);
      gone.push(victim);
    }
    return gone;
  }
}

import { IndexedHeap } from '../../collections/indexed-heap.js';
import type { AgentAccount } from '../cache-stats.js';
import type { StoredAnswer } from '../cached-answer.js';
import { createEvictionOrder, type EvictionKind, type EvictionOrder } from '../eviction.js';
import type { NamespaceLimits } from '../namespace-limits.js';
import type { TierChange, TierCounters, TierSelector, TierSize } from './cache-tier.js';
import { selectorTest } from './selector.js';

/** One answer in memory. */
export interface MemoryEntry {
  /** 32 lowercase hex characters: what was asked. */
  readonly key: string;
  /** The agent's registered name. */
  readonly agent: string;
  /** Labels for `deleteByTag`. */
  readonly tags: readonly string[];
  /** The answer, frozen. */
  readonly answer: StoredAnswer;
  /** When it was computed, milliseconds since the Unix epoch. */
  readonly createdAt: number;
  /** When it stops being fresh, milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** Until when it may be served as stale, milliseconds since the Unix epoch. */
  readonly staleUntil: number;
  /** Bytes that count towards the limit. */
  readonly sizeBytes: number;
  /** Where its agent's hits are counted. */
  readonly account: AgentAccount;
  /** How often it was served. */
  hits: number;
  /** When it was last asked for, milliseconds since the Unix epoch. */
  usedAt: number;
}

/** Limits of a memory tier. */
export interface MemoryTierOptions {
  /** Maximum bytes at any moment. */
  readonly maxSizeBytes: number;
  /** Maximum entries at any moment. */
  readonly maxEntries: number;
  /** Which entry is evicted first. */
  readonly eviction: EvictionKind;
  /** Limits of groups of entries. @default none */
  readonly namespaces?: NamespaceLimits | undefined;
  /** Called for each entry that was evicted or expired. */
  readonly onLeave?: ((entry: MemoryEntry, why: 'evicted' | 'expired') => void) | undefined;
}

interface Slot {
  readonly entry: MemoryEntry;
  readonly expiryHandle: number;
}

/**
 * Entries in memory, within its limits after every operation.
 *
 * A second heap, by time, says what has expired: a look at its top costs nothing, where walking the entries
 * would cause a pause. Expired entries make room first, then the eviction order decides.
 */
export class MemoryTier {
  readonly #options: MemoryTierOptions;
  readonly #order: EvictionOrder;
  readonly #slots = new Map<string, Slot>();
  readonly #expiries = new IndexedHeap();
  readonly #keysByExpiryHandle: string[] = [];
  #sizeBytes = 0;
  #evictions = 0;
  #expirations = 0;

  constructor(options: MemoryTierOptions) {
    this.#options = options;
    this.#order = createEvictionOrder(options.eviction);
  }

  /** The entry under the key unless it has expired. Counts as a use. */
  get(key: string, nowMs: number): MemoryEntry | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (nowMs >= slot.entry.staleUntil) {
      this.#expire(slot);
      return undefined;
    }
    this.#order.touch(key);
    this.#options.namespaces?.touch(key);
    return slot.entry;
  }

  /** The entry under the key, expired or not. Is not a use. */
  peek(key: string): MemoryEntry | undefined {
    return this.#slots.get(key)?.entry;
  }

  /**
   * Stores an entry; replaces one of the same key. Returns `false` and evicts nothing when it is larger than the limit;
   * the entry it should have replaced is removed even then, as it is no longer the answer.
   */
  set(entry: MemoryEntry, nowMs: number): boolean {
    this.delete(entry.key);
    if (entry.sizeBytes > this.#options.maxSizeBytes || this.#options.maxEntries < 1) return false;
    this.removeExpired(nowMs);
    this.#makeRoom(entry);
    const expiryHandle = this.#expiries.push(entry.staleUntil);
    this.#keysByExpiryHandle[expiryHandle] = entry.key;
    this.#slots.set(entry.key, { entry, expiryHandle });
    const { key, agent, sizeBytes, hits } = entry;
    const costUsd = entry.answer.costUsd ?? 0;
    this.#order.add(key, sizeBytes, costUsd, hits);
    this.#options.namespaces?.add(key, { agent, sizeBytes, costUsd, hits });
    this.#sizeBytes += sizeBytes;
    return true;
  }

  /** Removes an entry; returns whether there was one. */
  delete(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#drop(slot);
    return slot !== undefined;
  }

  /** Removes all matching entries; returns how many. */
  deleteMatching(selector: TierSelector): number {
    const before = this.#slots.size;
    if (selector === 'all') this.#clear();
    else {
      const isSelected = selectorTest(selector);
      for (const slot of this.#slots.values()) if (isSelected(slot.entry)) this.#drop(slot);
    }
    return before - this.#slots.size;
  }

  /** Removes entries that another process has deleted or replaced. */
  apply({ selector, createdUpTo }: TierChange): void {
    const isGone = ({ createdAt }: MemoryEntry) => createdAt <= createdUpTo;
    if (selector !== 'all' && 'key' in selector) {
      const slot = this.#slots.get(selector.key);
      if (slot !== undefined && isGone(slot.entry)) this.#drop(slot);
      return;
    }
    const isSelected = selectorTest(selector);
    for (const slot of this.#slots.values()) {
      if (isGone(slot.entry) && isSelected(slot.entry)) this.#drop(slot);
    }
  }

  /** Removes all expired entries; returns how many. */
  removeExpired(nowMs: number): number {
    let removed = 0;
    for (;;) {
      const handle = this.#expiries.peek();
      if (handle === undefined || (this.#expiries.priorityOf(handle) as number) > nowMs) break;
      this.#expire(this.#slots.get(this.#keysByExpiryHandle[handle] as string) as Slot);
      removed += 1;
    }
    return removed;
  }

  /** How much it holds. */
  size(): TierSize {
    return { entries: this.#slots.size, sizeBytes: this.#sizeBytes };
  }

  /** What happened in it. */
  counters(): TierCounters {
    return { evictions: this.#evictions, expirations: this.#expirations };
  }

  /** All entries, in no order. */
  *entries(): IterableIterator<MemoryEntry> {
    for (const slot of this.#slots.values()) yield slot.entry;
  }

  #makeRoom({ agent, sizeBytes }: MemoryEntry): void {
    const { maxSizeBytes, maxEntries, namespaces } = this.#options;
    let inTheWay = namespaces?.inTheWayOf(agent);
    for (; inTheWay !== undefined; inTheWay = namespaces?.inTheWayOf(agent)) this.#evict(inTheWay);
    while (this.#sizeBytes + sizeBytes > maxSizeBytes || this.#slots.size >= maxEntries) {
      this.#evict(this.#order.victim() as string);
    }
  }

  #evict(key: string): void {
    const slot = this.#slots.get(key) as Slot;
    this.#drop(slot);
    this.#evictions += 1;
    this.#options.onLeave?.(slot.entry, 'evicted');
  }

  #expire(slot: Slot): void {
    this.#drop(slot);
    this.#expirations += 1;
    this.#options.onLeave?.(slot.entry, 'expired');
  }

  #drop({ entry, expiryHandle }: Slot): void {
    this.#slots.delete(entry.key);
    this.#order.remove(entry.key);
    this.#options.namespaces?.remove(entry.key);
    this.#expiries.remove(expiryHandle);
    this.#sizeBytes -= entry.sizeBytes;
  }

  #clear(): void {
    this.#slots.clear();
    this.#order.clear();
    this.#options.namespaces?.clear();
    this.#expiries.clear();
    this.#keysByExpiryHandle.length = 0;
    this.#sizeBytes = 0;
  }
}

import { IndexedHeap } from '../collections/indexed-heap.js';
import { RecentMap } from '../collections/recent-map.js';

/** Which entry is evicted first when room is needed. */
export type EvictionKind = 'lru' | 'cost-aware';

/** Decides which entry to evict next. Holds keys, sizes and weights, never entries. */
export interface EvictionOrder {
  /** How many keys it orders. */
  readonly size: number;
  /** The keys, in no order. */
  keys(): IterableIterator<string>;
  /** The size that the key was given, in bytes; `undefined` where it is not known. */
  sizeOf(key: string): number | undefined;
  /** Adds a key, or updates its weight. `costUsd` is 0 where unknown. */
  add(key: string, sizeBytes: number, costUsd: number, hits: number): void;
  /** Notes a use of the key; unknown keys are ignored. */
  touch(key: string): void;
  /** Forgets the key; unknown keys are ignored. */
  remove(key: string): void;
  /** The key to evict next; it stays until it is removed. */
  victim(): string | undefined;
  /** Forgets everything, what it remembers of former keys included. */
  clear(): void;
}

/** Creates the order that an `eviction` option names; least recently used if it names none. */
export function createEvictionOrder(kind: EvictionKind | undefined): EvictionOrder {
  return kind === 'cost-aware' ? new CostAwareOrder() : new LruOrder();
}

interface RankedKey {
  readonly handle: number;
  sizeBytes: number;
}

/** What both orders share: keys on an indexed heap, the smallest rank first. */
abstract class RankedOrder<Ranked extends RankedKey> {
  protected readonly heap = new IndexedHeap();
  protected readonly ranked = new Map<string, Ranked>();
  readonly #keys: string[] = [];

  get size(): number {
    return this.ranked.size;
  }

  keys(): IterableIterator<string> {
    return this.ranked.keys();
  }

  sizeOf(key: string): number | undefined {
    return this.ranked.get(key)?.sizeBytes;
  }

  victim(): string | undefined {
    const handle = this.heap.peek();
    return handle === undefined ? undefined : this.#keys[handle];
  }

  remove(key: string): void {
    const found = this.ranked.get(key);
    if (found === undefined) return;
    this.ranked.delete(key);
    this.heap.remove(found.handle);
    this.#keys[found.handle] = '';
  }

  clear(): void {
    this.heap.clear();
    this.ranked.clear();
    this.#keys.length = 0;
  }

  protected push(key: string, rank: number): number {
    const handle = this.heap.push(rank);
    this.#keys[handle] = key;
    return handle;
  }
}

/** Least recently used first: the rank is the number of the last use. */
class LruOrder extends RankedOrder<RankedKey> implements EvictionOrder {
  #uses = 0;

  add(key: string, sizeBytes: number): void {
    const found = this.ranked.get(key);
    if (found === undefined) {
      this.ranked.set(key, { handle: this.push(key, this.#uses++), sizeBytes });
    } else {
      found.sizeBytes = sizeBytes;
      this.heap.update(found.handle, this.#uses++);
    }
  }

  touch(key: string): void {
    const found = this.ranked.get(key);
    if (found !== undefined) this.heap.update(found.handle, this.#uses++);
  }
}

/** Uses after which an older use counts half, as a multiple of the keys held. */
const HALF_LIFE_FACTOR = 32;
/** The weight of a key's first use: many keys are requested once and never again. */
const FIRST_USE = 1 / 4;
/** Minimum number of keys that the half-life is based on. */
const FEWEST_KEYS = 64;
/** Former keys that are remembered, as a multiple of the keys held, and at most. */
const REMEMBERED_FACTOR = 16;
const MOST_REMEMBERED = 200_000;

interface CostAwareKey extends RankedKey {
  /** Decayed count of uses, as a logarithm: see {@link CostAwareOrder}. */
  uses: number;
  /** log2 of the price of a byte. */
  readonly value: number;
}

/**
 * Lowest value first: the rank is a decayed count of uses × price / bytes.
 *
 * A use at time t counts 2^t instead of older ones counting less, so that a rank stays true while time passes
 * and only the key in use has to move. Ranks are logarithms, as 2^t would overflow. Time is counted in uses,
 * not milliseconds: a half-life is 32 uses for each key held. The first use counts less than one. The counts of keys
 * that left are remembered for a while, so that a key that keeps coming back is known as such.
 */
class CostAwareOrder extends RankedOrder<CostAwareKey> implements EvictionOrder {
  #time = 0;
  readonly #remembered = new RecentMap<number>();
  #pricedKeys = 0;
  #meanValue = 0;

  add(key: string, sizeBytes: number, costUsd: number, hits: number): void {
    const present = this.ranked.get(key);
    if (present !== undefined) super.remove(key);
    const formerUses = present?.uses ?? this.#remembered.take(key);
    const value = this.#valueOf(sizeBytes, costUsd);
    const time = this.#tick();
    const uses = formerUses === undefined ? time + Math.log2(FIRST_USE + hits) : addLogs(formerUses, time);
    this.ranked.set(key, { handle: this.push(key, uses + value), sizeBytes, uses, value });
  }

  touch(key: string): void {
    const found = this.ranked.get(key);
    if (found === undefined) return;
    found.uses = addLogs(found.uses, this.#tick());
    this.heap.update(found.handle, found.uses + found.value);
  }

  override remove(key: string): void {
    const found = this.ranked.get(key);
    if (found === undefined) return;
    super.remove(key);
    const most = Math.min(MOST_REMEMBERED, REMEMBERED_FACTOR * Math.max(this.size, FEWEST_KEYS));
    this.#remembered.set(key, found.uses, most);
  }

  override clear(): void {
    super.clear();
    this.#remembered.clear();
  }

  #tick(): number {
    this.#time += 1 / (HALF_LIFE_FACTOR * Math.max(this.size, FEWEST_KEYS));
    return this.#time;
  }

  // An unknown price is taken as average per byte, so that such entries are ordered by their use among the others.
  #valueOf(sizeBytes: number, costUsd: number): number {
    if (!(costUsd > 0)) return this.#meanValue;
    const value = Math.log2(costUsd / Math.max(1, sizeBytes));
    this.#pricedKeys = Math.min(this.#pricedKeys + 1, 1_000);
    this.#meanValue += (value - this.#meanValue) / this.#pricedKeys;
    return value;
  }
}

/** log2(2^a + 2^b) without leaving the logarithm. */
function addLogs(a: number, b: number): number {
  return a > b ? a + Math.log2(1 + 2 ** (b - a)) : b + Math.log2(1 + 2 ** (a - b));
}

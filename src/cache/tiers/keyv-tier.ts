import { ClosedError, InvalidArgumentError } from '../../errors/input-errors.js';
import { CacheStoreError } from '../../errors/storage-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { type Clock, systemClock } from '../../time/clock.js';
import type { StoredEntry } from '../cache-entry.js';
import { createEvictionOrder, type EvictionKind } from '../eviction.js';
import { createNamespaceLimits } from '../namespace-limits.js';
import type { Namespaces } from '../namespaces.js';
import type { CacheTier, TierCounters, TierSelector, TierSize } from './cache-tier.js';
import { selectorTest } from './selector.js';
import { TierIndex } from './tier-index.js';

/** What is used of a Keyv instance. Its iterator and `clear` are not: other things may live in the same store. */
export interface KeyvLike {
  /** The value under a key. */
  get(key: string): Promise<unknown>;
  /** Keeps a value for so many milliseconds; says whether it did. */
  set(key: string, value: string, ttlMs?: number): Promise<unknown>;
  /** Removes a key; says whether it was there. */
  delete(key: string): Promise<boolean>;
  /** Keyv reports failures of a store as events. */
  on?(event: 'error', listener: (error: unknown) => void): unknown;
  /** Stops listening. */
  off?(event: 'error', listener: (error: unknown) => void): unknown;
}

/** How a {@link KeyvTier} is set up. */
export interface KeyvTierOptions {
  /**
   * Any Keyv instance. It is not changed, and not closed. Made with `throwOnErrors: true`, a read that fails is
   * noticed and the store left alone for a while; without, Keyv makes it look like a miss.
   */
  store: KeyvLike;
  /** Maximum bytes of all entries known to this process. */
  maxSizeBytes: number;
  /** Maximum entries known to this process. @default no limit */
  maxEntries?: number | undefined;
  /** Groups of entries with limits of their own. @default none */
  namespaces?: Namespaces | undefined;
  /** Which entry is evicted first when room is needed. @default 'lru' */
  eviction?: EvictionKind | undefined;
  /** Where time comes from. @default systemClock */
  clock?: Clock | undefined;
  /** Called for failures that the store reports as events. */
  onProblem?: ((error: TuttiError) => void) | undefined;
}

/** In front of every key, so that nothing else in the store is met. */
const PREFIX = 'tutti-cache:';

interface Labels {
  readonly agent: string;
  readonly tags: readonly string[];
  readonly staleUntil: number;
}

/**
 * Keeps entries in a store that the user owns: only get, set and delete are used, under keys with a prefix of our own.
 *
 * Which keys there are is known in memory only. So sizes, limits, `entries` and deleting by agent or tag cover what
 * this process has written or read; what earlier processes left is found by its key and expires by its time.
 */
export class KeyvTier implements CacheTier {
  readonly name = 'store';
  readonly #store: KeyvLike;
  readonly #maxSizeBytes: number;
  readonly #clock: Clock;
  readonly #index: TierIndex;
  readonly #labels = new Map<string, Labels>();
  readonly #hits = new Map<string, number>();
  /** The last write of each key, while it runs. */
  readonly #writing = new Map<string, Promise<unknown>>();
  /** Entries that the store has not taken yet. */
  readonly #unwritten = new Map<string, StoredEntry>();
  readonly #onError: (error: unknown) => void;
  #lastError: unknown;
  #evictions = 0;
  #expirations = 0;
  #isClosed = false;

  constructor(options: KeyvTierOptions) {
    const { store, maxSizeBytes, maxEntries = Number.POSITIVE_INFINITY, onProblem, namespaces } = options;
    if (
      typeof store?.get !== 'function' ||
      typeof store.set !== 'function' ||
      typeof store.delete !== 'function'
    ) {
      throw new InvalidArgumentError(
        'store',
        'store: expected a Keyv instance (get, set, delete), got something else. Pass new Keyv({ store: … }).',
      );
    }
    this.#store = store;
    this.#maxSizeBytes = maxSizeBytes;
    this.#clock = options.clock ?? systemClock;
    this.#index = new TierIndex(createEvictionOrder(options.eviction), {
      maxSizeBytes,
      maxEntries,
      namespaces: createNamespaceLimits(namespaces, options.eviction),
    });
    // Keyv turns failures of a store into events; without a listener they would be thrown.
    this.#onError = (error) => {
      this.#lastError = error;
      onProblem?.(
        new CacheStoreError(this.name, 'read', `The store reported: ${String(error)}.`, { cause: error }),
      );
    };
    store.on?.('error', this.#onError);
  }

  // One by one: Keyv prefixes single keys and lists of keys differently, and stores differ in what a list gives.
  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    this.#assertOpen();
    return Promise.all(keys.map((key) => this.#get(key)));
  }

  async set(entry: StoredEntry): Promise<void> {
    this.#assertOpen();
    const ttlMs = entry.staleUntil - this.#clock.epochMs();
    if (entry.sizeBytes > this.#maxSizeBytes || ttlMs <= 0) {
      await this.#remove(entry.key);
      return;
    }
    const evicted = this.#index.makeRoomFor(entry);
    this.#evictions += evicted.length;
    this.#learn(entry);
    await Promise.all(evicted.map((key) => this.#remove(key)));
    await this.#inOrder(entry.key, () => this.#write(entry, ttlMs));
  }

  touch(key: string, hits: number): void {
    this.#index.touch(key);
    if (this.#index.has(key)) this.#hits.set(key, hits);
  }

  delete(key: string): Promise<boolean> {
    this.#assertOpen();
    return this.#remove(key);
  }

  async deleteMatching(selector: TierSelector): Promise<number> {
    this.#assertOpen();
    await this.flush();
    const isSelected = selectorTest(selector);
    const keys = [...this.#labels].filter(([, labels]) => isSelected(labels)).map(([key]) => key);
    const gone = await Promise.all(keys.map((key) => this.#remove(key)));
    return gone.filter(Boolean).length;
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    this.#assertOpen();
    for (const key of [...this.#index.keys()]) {
      const entry = await this.#get(key);
      if (entry !== undefined) yield entry;
    }
  }

  async size(): Promise<TierSize> {
    this.#assertOpen();
    const nowMs = this.#clock.epochMs();
    const over = [...this.#labels].filter(([, { staleUntil }]) => staleUntil <= nowMs);
    await Promise.all(over.map(([key]) => this.#expire(key)));
    return this.#index.size;
  }

  counters(): TierCounters {
    return { evictions: this.#evictions, expirations: this.#expirations };
  }

  unwritten(): Iterable<StoredEntry> {
    return this.#unwritten.values();
  }

  async flush(): Promise<void> {
    await Promise.allSettled(this.#writing.values());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#store.off?.('error', this.#onError);
  }

  async #get(key: string): Promise<StoredEntry | undefined> {
    const entry = parseEntry(await this.#store.get(PREFIX + key));
    if (entry === undefined) {
      this.#forget(key);
      return undefined;
    }
    if (entry.staleUntil <= this.#clock.epochMs()) {
      await this.#expire(key);
      return undefined;
    }
    // What another process or an earlier one left counts from now on.
    const isFitting = entry.key === key && Array.isArray(entry.tags) && entry.sizeBytes <= this.#maxSizeBytes;
    if (isFitting && !this.#index.has(key)) await this.#adopt(entry);
    const hits = this.#hits.get(key) ?? 0;
    return hits > entry.hits ? { ...entry, hits } : entry;
  }

  async #write(entry: StoredEntry, ttlMs: number): Promise<void> {
    this.#lastError = undefined;
    this.#unwritten.set(entry.key, entry);
    const isKept = await this.#store.set(PREFIX + entry.key, JSON.stringify(entry), ttlMs);
    if (this.#unwritten.get(entry.key) === entry) this.#unwritten.delete(entry.key);
    if (isKept !== false) return;
    this.#forget(entry.key);
    throw new CacheStoreError(this.name, 'set', 'The store did not keep an entry.', {
      cause: this.#lastError,
    });
  }

  async #remove(key: string): Promise<boolean> {
    const wasKnown = this.#forget(key);
    const wasThere: unknown = await this.#inOrder(key, () => this.#store.delete(PREFIX + key));
    return wasThere === true || (wasThere === undefined && wasKnown);
  }

  async #expire(key: string): Promise<void> {
    this.#expirations++;
    await this.#remove(key);
  }

  async #adopt(entry: StoredEntry): Promise<void> {
    const evicted = this.#index.makeRoomFor(entry);
    this.#evictions += evicted.length;
    this.#learn(entry);
    await Promise.all(evicted.map((key) => this.#remove(key)));
  }

  #learn(entry: StoredEntry): void {
    const { key, agent, tags, staleUntil } = entry;
    this.#index.put(key, entry);
    this.#labels.set(key, { agent, tags, staleUntil });
    this.#hits.delete(key);
  }

  #forget(key: string): boolean {
    this.#labels.delete(key);
    this.#hits.delete(key);
    return this.#index.remove(key);
  }

  /** Stores may finish writes in another order than they were given; those of one key wait for each other. */
  async #inOrder<T>(key: string, work: () => Promise<T>): Promise<T> {
    const former = this.#writing.get(key);
    const result = former === undefined ? work() : former.then(work, work);
    this.#writing.set(key, result);
    try {
      return await result;
    } finally {
      if (this.#writing.get(key) === result) this.#writing.delete(key);
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ClosedError('store tier of the cache');
  }
}

/** A user's store may return anything. */
function parseEntry(value: unknown): StoredEntry | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null ? (parsed as StoredEntry) : undefined;
  } catch {
    return undefined;
  }
}

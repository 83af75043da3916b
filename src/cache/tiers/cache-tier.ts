import type { StoredEntry } from '../cache-entry.js';

/** Which entries a tier is asked to forget. */
export type TierSelector = { readonly agent: string } | { readonly tag: string } | 'all';

/** How much a tier holds. */
export interface TierSize {
  /** Entries it holds. */
  readonly entries: number;
  /** Sum of their `sizeBytes`. */
  readonly sizeBytes: number;
}

/** What happened in a tier on its own account, since it was opened. */
export interface TierCounters {
  /** Entries thrown out to hold a limit. */
  readonly evictions: number;
  /** Entries removed because their time was over. */
  readonly expirations: number;
}

/**
 * A place below memory where signed entries are kept: disk, Redis, any Keyv store.
 *
 * A tier does not verify signatures, parse payloads or judge freshness: the cache does. It may throw or hang
 * from any method; whoever calls it guards against that. It forgets entries past `staleUntil` by itself.
 */
export interface CacheTier {
  /** What it is called in hits, statistics and reports. */
  readonly name: 'disk' | 'redis' | 'store';
  /** The entries under the keys, in the order of the keys; `undefined` where there is none. */
  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>>;
  /**
   * Takes an entry; replaces one of the same key. May write it later: see `flush`. Gives nothing when it has taken
   * it at once, which spares its caller the waiting.
   */
  set(entry: StoredEntry): Promise<void> | undefined;
  /** Notes that an entry was served, for recency and hit counts. Cheap; never throws. */
  touch(key: string, hits: number): void;
  /** Removes an entry; says whether there was one. */
  delete(key: string): Promise<boolean>;
  /** Removes all entries that match; says how many. */
  deleteMatching(selector: TierSelector): Promise<number>;
  /** All entries, in pages, for `verify`. */
  entries(): AsyncIterable<StoredEntry>;
  /** How much it holds. */
  size(): Promise<TierSize>;
  /** What happened in it. */
  counters(): TierCounters;
  /** Resolves when everything set so far is durable. */
  flush(): Promise<void>;
  /** Flushes and frees what it holds. Twice is once. */
  close(): Promise<void>;
}

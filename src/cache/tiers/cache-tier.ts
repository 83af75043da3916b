import type { StoredEntry } from '../cache-entry.js';

/** Which entries to delete: those of an agent, of agents whose names match a pattern, with a tag, or all. */
export type TierSelector =
  | 'all'
  | (({ readonly agent: string } | { readonly agentPattern: string } | { readonly tag: string }) & {
      /** Only those that have this tag too. */
      readonly alsoTag?: string;
    });

/** Entries that another process has deleted or replaced. */
export interface TierChange {
  /** Which entries. */
  readonly selector: TierSelector | { readonly key: string };
  /** Only those computed up to then, milliseconds since the Unix epoch. */
  readonly createdUpTo: number;
}

/** How much a tier holds. */
export interface TierSize {
  /** Entries it holds. */
  readonly entries: number;
  /** Sum of their `sizeBytes`. */
  readonly sizeBytes: number;
}

/** What a tier removed by itself since it was opened. */
export interface TierCounters {
  /** Entries evicted to hold a limit. */
  readonly evictions: number;
  /** Entries removed because they had expired. */
  readonly expirations: number;
}

/**
 * A place below memory where signed entries are kept: disk, Redis, any Keyv store.
 *
 * A tier does not verify signatures, parse payloads or check freshness: the cache does. Any method may throw or
 * hang; the cache guards against that. A tier removes entries past `staleUntil` by itself.
 */
export interface CacheTier {
  /** What it is called in hits, statistics and reports. */
  readonly name: 'disk' | 'redis' | 'store';
  /** The entries under the keys, in the order of the keys; `undefined` where there is none. */
  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>>;
  /**
   * Stores an entry; replaces one of the same key. May write it later: see `flush`. Returns `undefined` when the entry
   * was accepted at once, so that the caller need not wait.
   */
  set(entry: StoredEntry): Promise<void> | undefined;
  /** Records that an entry was served, for recency and hit counts. Cheap; never throws. */
  touch(key: string, hits: number): void;
  /**
   * Removes an entry; returns whether there was one.
   *
   * @param createdUpTo Entries computed later are kept, milliseconds since the Unix epoch. @default now
   */
  delete(key: string, createdUpTo?: number): Promise<boolean>;
  /** Removes all matching entries; returns how many. `createdUpTo` as for `delete`. */
  deleteMatching(selector: TierSelector, createdUpTo?: number): Promise<number>;
  /** What other processes have deleted and replaced since the last call; absent where a tier cannot know. */
  readonly changes?: (() => Promise<readonly TierChange[]>) | undefined;
  /** All entries, in pages, for `verify`. */
  entries(): AsyncIterable<StoredEntry>;
  /** How much it holds. */
  size(): Promise<TierSize>;
  /** What happened in it. */
  counters(): TierCounters;
  /** Resolves when everything set so far is durable. Rejects when something could not be written. */
  flush(): Promise<void>;
  /** Entries that wait to be written; absent where none ever wait. */
  unwritten?(): Iterable<StoredEntry>;
  /** Flushes and frees what it holds. Idempotent. */
  close(): Promise<void>;
}

/** Where a hit was found. */
export type HitTier = 'memory' | 'disk' | 'redis' | 'semantic';

/** Why an answer is not stored. */
export type NotStored = 'empty' | 'incomplete' | 'too-large';

/** Fields of every cache event. */
export interface CacheEvent {
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** Fields of every event about one entry. */
export interface CacheEntryEvent extends CacheEvent {
  /** The request's cache key. */
  key: string;
  /** The agent's registered name. */
  agent: string;
}

/** A request was answered from the cache. */
export interface CacheHitEvent extends CacheEntryEvent {
  /** Where the answer was found. */
  tier: HitTier;
  /** How long ago it was computed, in milliseconds. */
  ageMs: number;
  /** Whether it had expired. */
  stale: boolean;
}

/** An answer was stored. */
export interface CacheWriteEvent extends CacheEntryEvent {
  /** Bytes counted towards the size limits. */
  sizeBytes: number;
  /** When it stops being fresh, milliseconds since the Unix epoch. */
  expiresAt: number;
}

/** An answer was not stored. */
export interface CacheSkipEvent extends CacheEntryEvent {
  /** Why. */
  reason: NotStored;
}

/** An entry was evicted from memory to stay within a limit. */
export interface CacheEvictEvent extends CacheEntryEvent {
  /** The tier it was in. */
  tier: 'memory';
  /** Bytes it was counted with. */
  sizeBytes: number;
}

/** A stored entry was rejected because its signature or content was invalid, and removed. */
export interface CacheRejectEvent extends CacheEntryEvent {
  /** The tier it was in. */
  tier: string;
  /** What was invalid. */
  reason: string;
}

/** A tier failed; the cache continues without it for a while. */
export interface CacheErrorEvent extends CacheEvent {
  /** The tier. */
  tier: string;
  /** The operation that failed. */
  operation: string;
  /** The error's code. */
  code: string;
  /** The error's message. */
  message: string;
}

/** Recomputing a stale answer in the background failed; the stale one stays. */
export interface CacheRevalidateErrorEvent extends CacheEntryEvent {
  /** The error's message. */
  message: string;
}

/** All events of a cache and their payloads. Payloads are flat and serialisable. */
export interface CacheEvents {
  /** A request was answered from the cache. */
  'cache:hit': CacheHitEvent;
  /** The cache had no answer for a request. */
  'cache:miss': CacheEntryEvent;
  /** An answer was stored. */
  'cache:write': CacheWriteEvent;
  /** An answer was not stored. */
  'cache:skip': CacheSkipEvent;
  /** An entry was evicted from memory to stay within a limit. */
  'cache:evict': CacheEvictEvent;
  /** A stored entry was rejected because its signature or content was invalid; it was removed. */
  'cache:reject': CacheRejectEvent;
  /** A tier failed; the cache continues without it for a while. */
  'cache:error': CacheErrorEvent;
  /** Recomputing a stale answer in the background failed; the stale one stays. */
  'cache:revalidate-error': CacheRevalidateErrorEvent;
}

/** The name of a cache event. */
export type CacheEventName = keyof CacheEvents;

// A record over the map: an event that is missing here does not compile.
const CACHE_EVENTS: Readonly<Record<CacheEventName, true>> = {
  'cache:hit': true,
  'cache:miss': true,
  'cache:write': true,
  'cache:skip': true,
  'cache:evict': true,
  'cache:reject': true,
  'cache:error': true,
  'cache:revalidate-error': true,
};

/** The names of all events of a cache. */
export const CACHE_EVENT_NAMES = Object.keys(CACHE_EVENTS) as readonly CacheEventName[];

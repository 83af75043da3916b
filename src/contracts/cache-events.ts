/** Where a hit was found. */
export type HitTier = 'memory' | 'disk' | 'redis' | 'semantic';

/** Why an answer is not stored. */
export type NotStored = 'empty' | 'incomplete' | 'too-large';

/** What every event of a cache says. */
export interface CacheEvent {
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

/** What every event about one entry says. */
export interface CacheEntryEvent extends CacheEvent {
  /** What was asked, as a key. */
  key: string;
  /** The agent's registered name. */
  agent: string;
}

/** A request was answered. */
export interface CacheHitEvent extends CacheEntryEvent {
  /** Where the answer was found. */
  tier: HitTier;
  /** How long ago it was computed, in milliseconds. */
  ageMs: number;
  /** Whether it was past its time. */
  stale: boolean;
}

/** An answer was stored. */
export interface CacheWriteEvent extends CacheEntryEvent {
  /** Bytes that count towards the limits. */
  sizeBytes: number;
  /** When it stops being fresh, milliseconds since the Unix epoch. */
  expiresAt: number;
}

/** An answer was not stored. */
export interface CacheSkipEvent extends CacheEntryEvent {
  /** Why. */
  reason: NotStored;
}

/** An entry was thrown out of memory to hold a limit. */
export interface CacheEvictEvent extends CacheEntryEvent {
  /** Where it was. */
  tier: 'memory';
  /** Bytes that it counted for. */
  sizeBytes: number;
}

/** A stored entry was refused because its signature or content was wrong, and removed. */
export interface CacheRejectEvent extends CacheEntryEvent {
  /** Where it was. */
  tier: string;
  /** What was wrong with it. */
  reason: string;
}

/** A tier failed; the cache goes on without it for a while. */
export interface CacheErrorEvent extends CacheEvent {
  /** The tier. */
  tier: string;
  /** What it could not do. */
  operation: string;
  /** The error's code. */
  code: string;
  /** The error's message. */
  message: string;
}

/** Computing a stale answer anew in the background failed; the stale one stays. */
export interface CacheRevalidateErrorEvent extends CacheEntryEvent {
  /** The error's message. */
  message: string;
}

/** Every event of a cache and its payload. Payloads are flat and can be serialised. */
export interface CacheEvents {
  /** A request was answered. */
  'cache:hit': CacheHitEvent;
  /** A request was not found. */
  'cache:miss': CacheEntryEvent;
  /** An answer was stored. */
  'cache:write': CacheWriteEvent;
  /** An answer was not stored, and why. */
  'cache:skip': CacheSkipEvent;
  /** An entry was thrown out of memory to hold a limit. */
  'cache:evict': CacheEvictEvent;
  /** A stored entry was refused because its signature or content was wrong; it was removed. */
  'cache:reject': CacheRejectEvent;
  /** A tier failed; the cache goes on without it for a while. */
  'cache:error': CacheErrorEvent;
  /** Computing a stale answer anew in the background failed; the stale one stays. */
  'cache:revalidate-error': CacheRevalidateErrorEvent;
}

/** Name of a cache event. */
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

import type { NotStored } from './cache-policy.js';
import type { HitTier } from './cache-stats.js';

interface CacheEvent {
  /** When it happened, milliseconds since the Unix epoch. */
  at: number;
}

interface EntryEvent extends CacheEvent {
  /** What was asked, as a key. */
  key: string;
  /** The agent's registered name. */
  agent: string;
}

/** Every event of a cache and its payload. Payloads are flat and can be serialised. */
export interface CacheEvents {
  /** A request was answered. */
  'cache:hit': EntryEvent & { tier: HitTier; ageMs: number; stale: boolean };
  /** A request was not found. */
  'cache:miss': EntryEvent;
  /** An answer was stored. */
  'cache:write': EntryEvent & { sizeBytes: number; expiresAt: number };
  /** An answer was not stored, and why. */
  'cache:skip': EntryEvent & { reason: NotStored };
  /** An entry was thrown out of memory to hold a limit. */
  'cache:evict': EntryEvent & { tier: 'memory'; sizeBytes: number };
  /** A stored entry was refused because its signature or content was wrong; it was removed. */
  'cache:reject': EntryEvent & { tier: string; reason: string };
  /** A tier failed; the cache goes on without it for a while. */
  'cache:error': CacheEvent & { tier: string; operation: string; code: string; message: string };
  /** Computing a stale answer anew in the background failed; the stale one stays. */
  'cache:revalidate-error': EntryEvent & { message: string };
}

/** Name of a cache event. */
export type CacheEventName = keyof CacheEvents;

/** Gets every event of a cache. */
export type CacheObserver = <Name extends CacheEventName>(name: Name, payload: CacheEvents[Name]) => void;

/** Those who watch a cache. What an observer throws breaks nothing. */
export class CacheObservers {
  readonly #observers = new Set<CacheObserver>();

  /** Whether anybody watches; without, no payload is built. */
  get any(): boolean {
    return this.#observers.size > 0;
  }

  /** Adds an observer; the function that comes back removes it. */
  add(observer: CacheObserver): () => void {
    // Wrapped, so that adding one twice and removing it once leaves one.
    const own: CacheObserver = (name, payload) => observer(name, payload);
    this.#observers.add(own);
    return () => void this.#observers.delete(own);
  }

  /** Tells all. */
  emit<Name extends CacheEventName>(name: Name, payload: CacheEvents[Name]): void {
    for (const observer of this.#observers) {
      try {
        observer(name, payload);
      } catch {
        // An observer's failure is its own: the call that caused the event must not suffer for it.
      }
    }
  }
}

import type { CacheEventName, CacheEvents } from '../contracts/cache-events.js';
import { messageOf } from '../errors/foreign.js';
import { TuttiError } from '../errors/tutti-error.js';

/** Receives the events of a cache. */
export type CacheObserver = <Name extends CacheEventName>(name: Name, payload: CacheEvents[Name]) => void;

/** Returns whether an observer currently wants an event. */
export type IsListening = (name: CacheEventName) => boolean;

interface Registration {
  readonly observer: CacheObserver;
  readonly isListening: IsListening;
}

/** The observers of a cache. An observer that throws breaks nothing. */
export class CacheObservers {
  // Replaced, never changed: an observer may leave while an event is being handed out.
  #registrations: readonly Registration[] = [];

  /** Whether any observer wants the event; if none does, no payload is built. */
  wants(name: CacheEventName): boolean {
    for (const { isListening } of this.#registrations) if (isListening(name)) return true;
    return false;
  }

  /** Adds an observer; the returned function removes it. */
  add(observer: CacheObserver, isListening: IsListening = always): () => void {
    const own: Registration = { observer, isListening };
    this.#registrations = [...this.#registrations, own];
    return () => {
      this.#registrations = this.#registrations.filter((other) => other !== own);
    };
  }

  /** Calls every observer that wants the event. */
  emit<Name extends CacheEventName>(name: Name, payload: CacheEvents[Name]): void {
    for (const { observer, isListening } of this.#registrations) {
      try {
        if (isListening(name)) observer(name, payload);
      } catch {
        // An observer's failure is its own: the call that caused the event must not suffer for it.
      }
    }
  }
}

function always(): true {
  return true;
}

/** Emits `cache:error` for an answer that could not be stored. */
export function reportNotStored(observers: CacheObservers, error: unknown, at: number): void {
  if (!observers.wants('cache:error')) return;
  const { code, message } = TuttiError.isInstance(error)
    ? error
    : { code: 'TUTTI_CACHE_STORE', message: String(error) };
  observers.emit('cache:error', { tier: 'memory', operation: 'set', code, message, at });
}

/** Emits `cache:revalidate-error`. */
export function reportRevalidateFailure(
  observers: CacheObservers,
  { key, agent }: { readonly key: string; readonly agent: string },
  error: unknown,
  at: number,
): void {
  if (!observers.wants('cache:revalidate-error')) return;
  observers.emit('cache:revalidate-error', { key, agent, message: messageOf(error), at });
}

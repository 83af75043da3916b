import type { CacheEventName, CacheEvents } from '../contracts/cache-events.js';

/** Gets events of a cache. */
export type CacheObserver = <Name extends CacheEventName>(name: Name, payload: CacheEvents[Name]) => void;

/** Says whether an observer wants to hear of an event now. */
export type IsListening = (name: CacheEventName) => boolean;

interface Watching {
  readonly observer: CacheObserver;
  readonly isListening: IsListening;
}

/** Those who watch a cache. What an observer throws breaks nothing. */
export class CacheObservers {
  // Replaced, never changed: an observer may leave while an event is being handed out.
  #watching: readonly Watching[] = [];

  /** Whether anybody wants to hear of the event; without, no payload is built. */
  wants(name: CacheEventName): boolean {
    for (const { isListening } of this.#watching) if (isListening(name)) return true;
    return false;
  }

  /** Adds an observer; the function that comes back removes it. */
  add(observer: CacheObserver, isListening: IsListening = always): () => void {
    const own: Watching = { observer, isListening };
    this.#watching = [...this.#watching, own];
    return () => {
      this.#watching = this.#watching.filter((other) => other !== own);
    };
  }

  /** Tells all who want to hear of it. */
  emit<Name extends CacheEventName>(name: Name, payload: CacheEvents[Name]): void {
    for (const { observer, isListening } of this.#watching) {
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

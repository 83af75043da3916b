import { type Channel, channel } from 'node:diagnostics_channel';
import { callListener } from './call-listener.js';

/** Ends a subscription. Disposable, so `using` ends it too. */
export interface Unsubscribe extends Disposable {
  /** Ends the subscription; calling it again does nothing. */
  (): void;
}

type Listener = (payload: never) => void;

/**
 * Emits named events with typed payloads to listeners and to the `node:diagnostics_channel` named `<prefix>:<event>`.
 * Check {@link TypedEmitter.wants} before building a payload: usually there is no listener.
 */
export class TypedEmitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, readonly Listener[]>();
  readonly #channels = new Map<keyof Events, Channel>();
  readonly #onListenerError: (error: unknown, event: string) => void;

  constructor(
    prefix: string,
    names: ReadonlyArray<keyof Events & string>,
    onListenerError: (error: unknown, event: string) => void,
  ) {
    for (const name of names) this.#channels.set(name, channel(`${prefix}:${name}`));
    this.#onListenerError = onListenerError;
  }

  /** Whether the event has a listener or subscriber. */
  wants(name: keyof Events): boolean {
    return this.#listeners.has(name) || this.#channels.get(name)?.hasSubscribers === true;
  }

  /** Whether there is an event of this name. */
  knows(name: string): boolean {
    return this.#channels.has(name as keyof Events);
  }

  /** The names of all events. */
  names(): string[] {
    return [...this.#channels.keys()] as string[];
  }

  /** Emits an event. An error thrown by a listener is reported and affects nothing else. */
  emit<Name extends keyof Events & string>(name: Name, payload: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      callListener(listener as (payload: Events[Name]) => void, payload, (error) => {
        this.#onListenerError(error, name);
      });
    }
    const subscribers = this.#channels.get(name);
    if (subscribers?.hasSubscribers === true) subscribers.publish(payload);
  }

  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): Unsubscribe {
    // Wrapped, so that subscribing the same function twice makes two subscriptions.
    const entry: Listener = (payload) => listener(payload);
    // Lists are replaced, never changed: listeners may be added or removed while an event is being emitted.
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), entry]);
    const unsubscribe = (): void => {
      const rest = (this.#listeners.get(name) ?? []).filter((other) => other !== entry);
      if (rest.length > 0) this.#listeners.set(name, rest);
      else this.#listeners.delete(name);
    };
    return Object.assign(unsubscribe, { [Symbol.dispose]: unsubscribe });
  }
}

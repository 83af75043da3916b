/** Notified when a {@link CancelScope} is cancelled. */
export interface Cancellable {
  /** Called once, synchronously, with the reason. */
  cancel(reason: Error): void;
}

/**
 * A cancellation that costs nothing until its `AbortSignal` is needed: a controller with one listener costs ten times
 * as much as the rest of a call's bookkeeping, and most agents never read the signal. The first reason wins; later ones
 * are ignored.
 */
export class CancelScope implements Cancellable {
  /** Why it was cancelled; `undefined` until then. */
  reason: Error | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  // There is nearly always one listener or none, so a set is created only for the second.
  #listeners: Cancellable | Set<Cancellable> | undefined = undefined;

  /** Created on first access; aborted if the scope is already cancelled. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Aborts the signal first, then notifies the listeners. */
  cancel(reason: Error): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#controller?.abort(reason);
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners instanceof Set) for (const listener of listeners) listener.cancel(reason);
    else listeners?.cancel(reason);
  }

  /** Adds a listener to a later cancellation. */
  add(listener: Cancellable): void {
    if (this.#listeners === undefined) this.#listeners = listener;
    else if (this.#listeners instanceof Set) this.#listeners.add(listener);
    else this.#listeners = new Set([this.#listeners, listener]);
  }

  delete(listener: Cancellable): void {
    if (this.#listeners === listener) this.#listeners = undefined;
    else if (this.#listeners instanceof Set) this.#listeners.delete(listener);
  }
}

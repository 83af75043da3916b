/** What wants to know that a {@link CancelScope} was cancelled. */
export interface Cancellable {
  /** Called once, synchronously, with the reason. */
  cancel(reason: Error): void;
}

/**
 * A cancellation that costs nothing until somebody needs its `AbortSignal`: a controller with one listener
 * costs ten times what the rest of a call's bookkeeping does, and most agents never look at the signal.
 * The first reason wins; later ones are ignored.
 */
export class CancelScope implements Cancellable {
  /** Why it was cancelled; `undefined` as long as it was not. */
  reason: Error | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  // Nearly always one listener or none, so a set is made only for the second.
  #listeners: Cancellable | Set<Cancellable> | undefined = undefined;

  /** The scope as a signal; aborted already if the scope is cancelled. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Cancels the signal first, then everybody who listens. */
  cancel(reason: Error): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#controller?.abort(reason);
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners instanceof Set) for (const listener of listeners) listener.cancel(reason);
    else listeners?.cancel(reason);
  }

  /** Has `listener` told of a later cancellation. */
  add(listener: Cancellable): void {
    if (this.#listeners === undefined) this.#listeners = listener;
    else if (this.#listeners instanceof Set) this.#listeners.add(listener);
    else this.#listeners = new Set([this.#listeners, listener]);
  }

  /** Forgets `listener`. */
  delete(listener: Cancellable): void {
    if (this.#listeners === listener) this.#listeners = undefined;
    else if (this.#listeners instanceof Set) this.#listeners.delete(listener);
  }
}

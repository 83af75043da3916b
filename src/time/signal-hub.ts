/** Notified when a signal is aborted. */
export interface SignalMember {
  /** Called once, synchronously, with the signal's reason. */
  signalAborted(reason: unknown): void;
}

interface Subscription {
  readonly members: Set<SignalMember>;
  readonly listener: () => void;
}

/**
 * Connects many calls to few signals, with one listener per signal. A listener per call would make Node warn of a leak
 * from the eleventh on, and cost more than the rest of the call's bookkeeping. The listener is removed with the last
 * call.
 */
export class SignalHub {
  readonly #subscriptions = new WeakMap<AbortSignal, Subscription>();

  /** Notifies `member` when `signal` aborts; immediately if it already has. */
  link(signal: AbortSignal, member: SignalMember): void {
    if (signal.aborted) {
      member.signalAborted(signal.reason);
      return;
    }
    const subscription = this.#subscriptions.get(signal) ?? this.#subscribe(signal);
    subscription.members.add(member);
  }

  unlink(signal: AbortSignal, member: SignalMember): void {
    const subscription = this.#subscriptions.get(signal);
    if (subscription === undefined) return;
    subscription.members.delete(member);
    if (subscription.members.size === 0) this.#unsubscribe(signal, subscription);
  }

  #subscribe(signal: AbortSignal): Subscription {
    const members = new Set<SignalMember>();
    const subscription = {
      members,
      listener: () => {
        this.#unsubscribe(signal, subscription);
        for (const member of members) member.signalAborted(signal.reason);
      },
    };
    signal.addEventListener('abort', subscription.listener);
    this.#subscriptions.set(signal, subscription);
    return subscription;
  }

  #unsubscribe(signal: AbortSignal, subscription: Subscription): void {
    signal.removeEventListener('abort', subscription.listener);
    this.#subscriptions.delete(signal);
  }
}

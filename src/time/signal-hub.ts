import { messageOf } from '../errors/foreign.js';
import { InvalidArgumentError } from '../errors/input-errors.js';

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

  /**
   * Notifies `member` when `signal` aborts; immediately if it already has. Signals may come from anywhere: one that
   * throws cannot cancel anything, so it counts as aborted.
   */
  link(signal: AbortSignal, member: SignalMember): void {
    let aborted: { reason: unknown } | undefined;
    try {
      if (signal.aborted) aborted = { reason: signal.reason };
      else (this.#subscriptions.get(signal) ?? this.#subscribe(signal)).members.add(member);
    } catch (thrown) {
      aborted = { reason: unusable(thrown) };
    }
    if (aborted !== undefined) member.signalAborted(aborted.reason);
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
        const reason = reasonOf(signal);
        for (const member of members) member.signalAborted(reason);
      },
    };
    signal.addEventListener('abort', subscription.listener);
    this.#subscriptions.set(signal, subscription);
    return subscription;
  }

  #unsubscribe(signal: AbortSignal, subscription: Subscription): void {
    this.#subscriptions.delete(signal);
    try {
      signal.removeEventListener('abort', subscription.listener);
    } catch {
      // It is not listened to any more, whatever it says.
    }
  }
}

function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch (thrown) {
    return unusable(thrown);
  }
}

function unusable(thrown: unknown): InvalidArgumentError {
  return new InvalidArgumentError('signal', `signal: it cannot be used: ${messageOf(thrown)}.`, {
    cause: thrown,
  });
}

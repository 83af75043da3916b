import type { Cancellable } from '../../time/cancel-scope.js';
import type { Clock, TimerHandle } from '../../time/clock.js';
import type { AttemptEnds } from './attempt-ends.js';

/** An attempt in a race. Reports its end to its {@link AttemptEnds}; early if it is cancelled. */
export interface Racer extends Cancellable {
  begin(): void;
}

/**
 * Runs an attempt, and a second one beside it if the first is slow. The first success wins and cancels the other
 * attempt, which still settles its own reservations.
 *
 * Time counts from the moment at which the first attempt is sent: while it waits, a second would only wait behind it.
 * If the first fails before the second has started, that is the result. With both in flight, the failure of one waits
 * for the other; if both fail, the error of the first attempt is the result.
 *
 * The race itself receives the callbacks of the first attempt, so nothing is allocated for a second one until it is
 * needed.
 */
export abstract class HedgeRace<T> implements Cancellable, AttemptEnds<T> {
  readonly #clock: Clock;
  readonly #ends: AttemptEnds<T>;
  #first: Racer | undefined = undefined;
  #second: Racer | undefined = undefined;
  #firstError: Error | undefined = undefined;
  #running = 1;
  #isOver = false;
  #timer: TimerHandle = undefined;

  constructor(clock: Clock, ends: AttemptEnds<T>) {
    this.#clock = clock;
    this.#ends = ends;
  }

  /** Creates an attempt that reports to `ends`; the race begins it. */
  protected abstract makeAttempt(ends: AttemptEnds<T>): Racer;

  /** How long the first attempt may take before a second starts, in milliseconds; `undefined` for no second one. */
  protected abstract slowAfterMs(): number | undefined;

  /** Called when the first attempt is slow: whether limiter, permits, breaker and allowance have room for a second. */
  protected abstract mayHedge(): boolean;

  /** The second attempt was admitted, this long after the first was sent, in milliseconds. */
  protected abstract hedged(delayMs: number): void;

  /** Why the loser is cancelled. */
  protected abstract loserReason(): Error;

  /** The loser was answered as well, so it has to be paid for. */
  protected abstract answeredToo(value: T): void;

  begin(): void {
    this.#first = this.makeAttempt(this);
    this.#first.begin();
  }

  /** Cancels both attempts; each settles its own reservations. */
  cancel(reason: Error): void {
    this.#stopTimer();
    this.#first?.cancel(reason);
    this.#second?.cancel(reason);
  }

  /** The first attempt is being sent. */
  sent(): void {
    const delayMs = this.slowAfterMs();
    if (delayMs === undefined) return;
    this.#timer = this.#clock.setTimeout((afterMs) => this.#slow(afterMs), delayMs, delayMs);
  }

  /** The first attempt has succeeded. */
  succeeded(value: T): void {
    this.#won(value, this.#second);
  }

  /** The first attempt has failed. */
  failed(error: Error): void {
    this.#firstError = error;
    this.#lost(error);
  }

  #slow(delayMs: number): void {
    this.#timer = undefined;
    if (!this.mayHedge()) return;
    this.#running += 1;
    this.#second = this.makeAttempt({
      admitted: () => this.hedged(delayMs),
      succeeded: (value) => this.#won(value, this.#first),
      failed: (error) => this.#lost(error),
    });
    this.#second.begin();
  }

  #won(value: T, other: Racer | undefined): void {
    this.#running -= 1;
    if (this.#isOver) {
      this.answeredToo(value);
      return;
    }
    this.#end();
    if (other === undefined || this.#running === 0) {
      this.#ends.succeeded(value);
      return;
    }
    // Deferred, so that an answer that arrives together with this one is counted instead of dropped, and the cost of
    // the loser is known before the race reports its result.
    queueMicrotask(() => {
      if (this.#running > 0) other.cancel(this.loserReason());
      this.#ends.succeeded(value);
    });
  }

  #lost(error: Error): void {
    this.#running -= 1;
    if (this.#isOver || this.#running > 0) return;
    this.#end();
    this.#ends.failed(this.#firstError ?? error);
  }

  #end(): void {
    this.#isOver = true;
    this.#stopTimer();
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

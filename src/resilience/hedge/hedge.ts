import type { Cancellable } from '../../time/cancel-scope.js';
import type { Clock, TimerHandle } from '../../time/clock.js';
import type { AttemptEnds } from './attempt-ends.js';

/** An attempt of a race: tells how it ends, early when it is cancelled. */
export interface Racer extends Cancellable {
  /** Sets it on its way. */
  begin(): void;
}

/**
 * Runs an attempt, and beside it a second one if it is slow. The first success wins and cancels the other, whose
 * own accounting goes on: each attempt settles what it used wherever it settles anything else.
 *
 * Slow is counted from the moment when the first attempt is sent: while it waits its turn, a second would wait
 * behind it. A failure of the first before the second has started is the answer. With both under way the failure of
 * one waits for the other; when both fail, the first attempt's error is the answer.
 *
 * The race is told by its first attempt itself, and makes nothing for the second before that is needed.
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

  /** Makes an attempt that tells `ends`; it is begun by the race. */
  protected abstract makeAttempt(ends: AttemptEnds<T>): Racer;

  /** How long the first attempt may take before the second starts, in milliseconds; `undefined` for ever. */
  protected abstract slowAfterMs(): number | undefined;

  /** Asked when it is slow: whether limiter, permit, breaker and allowance have room for another. */
  protected abstract mayHedge(): boolean;

  /** The second attempt has passed budgets and limits; it began this long after the first was sent, in milliseconds. */
  protected abstract hedged(delayMs: number): void;

  /** Why the loser is cancelled. */
  protected abstract loserReason(): Error;

  /** A loser was answered all the same: it was paid for too. */
  protected abstract answeredToo(value: T): void;

  /** Begins the first attempt. */
  begin(): void {
    this.#first = this.makeAttempt(this);
    this.#first.begin();
  }

  /** The whole race is cancelled: its attempts are told and settle as they do. */
  cancel(reason: Error): void {
    this.#stopTimer();
    this.#first?.cancel(reason);
    this.#second?.cancel(reason);
  }

  /** Of the first attempt. */
  sent(): void {
    const delayMs = this.slowAfterMs();
    if (delayMs === undefined) return;
    this.#timer = this.#clock.setTimeout((afterMs) => this.#slow(afterMs), delayMs, delayMs);
  }

  /** Of the first attempt. */
  succeeded(value: T): void {
    this.#won(value, this.#second);
  }

  /** Of the first attempt. */
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
    // In a moment: an answer that has come together with this one is counted rather than thrown away. What the loser
    // has cost is known before the race's answer is given.
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

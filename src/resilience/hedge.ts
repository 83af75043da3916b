import { type Cancellable, CancelScope } from '../time/cancel-scope.js';
import type { Clock, TimerHandle } from '../time/clock.js';

/** How two attempts race. */
export interface HedgeRace {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Cancels both attempts. */
  readonly scope: CancelScope;
  /** How long the first attempt may take before the second starts, in milliseconds. */
  readonly delayMs: number;
  /** Asked when the delay is over: whether limiter, permit, breaker, budget and allowance have room for another. */
  mayHedge(): boolean;
  /** Why the loser is cancelled. */
  loserReason(): Error;
}

/** An attempt of a race: 1 is the first, 2 the hedge. It has to end early when its scope is cancelled. */
export type HedgedAttempt<T> = (scope: CancelScope, attempt: 1 | 2) => Promise<T>;

/**
 * Runs an attempt, and beside it a second one if it is slow. The first success wins and cancels the other, whose
 * own accounting goes on: each attempt settles what it used wherever it settles anything else.
 *
 * A failure of the first before the second has started is the answer. With both under way the failure of one waits
 * for the other; when both fail, the first attempt's error is the answer.
 */
export function hedge<T>(run: HedgedAttempt<T>, race: HedgeRace): Promise<T> {
  return new Promise((resolve, reject) => new Race(run, race, resolve, reject).start());
}

class Race<T> implements Cancellable {
  readonly #run: HedgedAttempt<T>;
  readonly #race: HedgeRace;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #scopes = [new CancelScope(), new CancelScope()] as const;
  readonly #errors: unknown[] = [];
  #running = 0;
  #isOver = false;
  #timer: TimerHandle = undefined;

  constructor(
    run: HedgedAttempt<T>,
    race: HedgeRace,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#run = run;
    this.#race = race;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { clock, delayMs, scope } = this.#race;
    if (scope.reason !== undefined) {
      this.#reject(scope.reason);
      return;
    }
    scope.add(this);
    this.#timer = clock.setTimeout(this.#onSlow, delayMs, undefined);
    this.#attempt(1);
  }

  /** The whole race is cancelled: both attempts are told and settle as they do. */
  cancel(reason: Error): void {
    this.#stopTimer();
    for (const scope of this.#scopes) scope.cancel(reason);
  }

  readonly #onSlow = (): void => {
    this.#timer = undefined;
    if (this.#race.mayHedge()) this.#attempt(2);
  };

  #attempt(attempt: 1 | 2): void {
    this.#running += 1;
    const scope = this.#scopes[attempt - 1] as CancelScope;
    let running: Promise<T>;
    try {
      running = this.#run(scope, attempt);
    } catch (thrown) {
      running = Promise.reject(thrown);
    }
    running.then(
      (value) => this.#won(value, attempt),
      (error: unknown) => this.#lost(error, attempt),
    );
  }

  #won(value: T, attempt: 1 | 2): void {
    this.#running -= 1;
    if (this.#isOver) return;
    this.#end();
    this.#resolve(value);
    const other = this.#scopes[attempt === 1 ? 1 : 0];
    if (this.#running > 0) other.cancel(this.#race.loserReason());
  }

  #lost(error: unknown, attempt: 1 | 2): void {
    this.#running -= 1;
    this.#errors[attempt - 1] = error;
    if (this.#isOver || this.#running > 0) return;
    this.#end();
    this.#reject(this.#errors[0]);
  }

  #end(): void {
    this.#isOver = true;
    this.#stopTimer();
    this.#race.scope.delete(this);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#race.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

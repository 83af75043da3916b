// The modules' own functions, which a test runner's fake timers leave alone: this is about the real event loop.
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { captureContext, runIn } from './async-context.js';

/** A turn is over after at most twice this time, in milliseconds: the first one may have begun in the turn before. */
const WINDOW_MS = 1.5;

const nowMs = performance.now.bind(performance);

/**
 * The current turn of the event loop. Work that resolves immediately continues in microtasks, and as long as there are
 * any, no timer fires and no socket is read. So whatever may go on without end asks whether the turn is over, and if
 * it is, continues in the next one.
 *
 * Asking costs as much as reading a clock. An immediate shows when a turn has ended, at most one for each window.
 */
export class LoopTurn {
  #windowEndMs = 0;
  #isScheduled = false;
  #deferred: Array<() => void> = [];
  #taken = 0;

  /** Whether more work should be left to the next turn. */
  get isOver(): boolean {
    const atMs = nowMs();
    if (atMs < this.#windowEndMs) return false;
    if (this.#isScheduled) return true;
    this.#openWindow(atMs);
    this.#schedule();
    return false;
  }

  /** Number of pieces of work left to later turns. */
  get deferred(): number {
    return this.#deferred.length - this.#taken;
  }

  /** Runs the work in the next turn, or in a later one if it is over before. Keeps the order and the caller's context. */
  defer(work: () => void): void {
    const context = captureContext();
    this.#deferred.push(context === undefined ? work : () => runIn(context, work));
    this.#schedule();
  }

  /** Resolves in the next turn, or in a later one. */
  next(): Promise<void> {
    return new Promise((resolve) => this.defer(resolve));
  }

  /** Runs work that comes in steps of a fraction of a millisecond. Returns its result, or a promise if it takes several turns. */
  runSteps<Result>(steps: Iterator<void, Result>): Result | Promise<Result> {
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value;
      if (this.isOver) return this.next().then(() => this.runSteps(steps));
    }
  }

  #openWindow(atMs: number): void {
    this.#windowEndMs = atMs + WINDOW_MS;
  }

  // Keeps the process alive, but only until the loop has turned once.
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#begin);
  }

  readonly #begin = (): void => {
    this.#isScheduled = false;
    if (this.deferred === 0) return;
    this.#openWindow(nowMs());
    try {
      while (this.deferred > 0 && nowMs() < this.#windowEndMs) this.#takeNext()();
    } finally {
      if (this.deferred > 0) this.#schedule();
    }
  };

  #takeNext(): () => void {
    const work = this.#deferred[this.#taken] as () => void;
    this.#taken += 1;
    if (this.#taken === this.#deferred.length) {
      this.#deferred = [];
      this.#taken = 0;
    }
    return work;
  }
}

/** The one that everything in this process asks. */
export const loopTurn = new LoopTurn();

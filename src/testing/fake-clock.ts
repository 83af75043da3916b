import { loopTurn } from '../lifecycle/loop-turn.js';
import type { Clock, TimerHandle } from '../time/clock.js';
import { provideCode } from './provide-code.js';

interface FakeTimer {
  dueMs: number;
  order: number;
  fire: () => void;
}

/** A clock that stands still until it is moved. Pass it as the `clock` option. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #startEpochMs: number;
  readonly #timers = new Set<FakeTimer>();

  /** Starts at `startEpochMs`, by default 2026-01-01T00:00:00Z. */
  constructor(startEpochMs = Date.UTC(2026, 0, 1)) {
    this.#startEpochMs = startEpochMs;
    provideCode();
  }

  now(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#startEpochMs + this.#nowMs;
  }

  setTimeout<T>(callback: (argument: T) => void, delayMs: number, argument: T): TimerHandle {
    const timer = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      fire: () => callback(argument),
    };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as FakeTimer);
  }

  /** How many timers are waiting. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /**
   * Moves time forward by `ms` milliseconds, firing what falls due in order and letting promises run in
   * between, so that a timer set by a fired timer's continuation fires too if it is due.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settlePromises();
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.fire();
      await settlePromises();
    }
    this.#nowMs = endMs;
  }

  #nextDue(endMs: number): FakeTimer | undefined {
    let next: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order)
      ) {
        next = timer;
      }
    }
    return next;
  }
}

/** Every promise that can settle has settled after it, those of work that was left to later turns of the event loop too. */
async function settlePromises(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (loopTurn.deferred > 0);
}

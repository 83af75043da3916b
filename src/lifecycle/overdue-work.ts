import pTimeout from 'p-timeout';
import type { Clock, TimerHandle } from '../time/clock.js';

interface Refable {
  ref?(): unknown;
  unref?(): unknown;
}

/**
 * Work that was cancelled but is still running. It is abandoned after `abandonMs`.
 *
 * Its timers keep the process alive only while a request waits for a permit, which such work may hold: a script whose
 * calls have all been answered exits, even if an agent that ignores its signal is still running.
 */
export class OverdueWork {
  readonly #clock: Clock;
  readonly #abandonMs: number;
  readonly #isAwaited: () => boolean;
  readonly #timers = new Set<TimerHandle>();
  #isClosing = false;

  /** @param isAwaited Returns whether any request waits for a permit. */
  constructor(clock: Clock, abandonMs: number, isAwaited: () => boolean) {
    this.#clock = clock;
    this.#abandonMs = abandonMs;
    this.#isAwaited = isAwaited;
  }

  /** Resolves with `false` when `work` has settled, with `true` when it was abandoned. */
  async outlast(work: Promise<void>): Promise<boolean> {
    if (this.#abandonMs === 0) return true;
    return await pTimeout(
      work.then(() => false),
      {
        milliseconds: this.#abandonMs,
        fallback: () => true,
        customTimers: {
          setTimeout: ((callback: () => void, ms: number) => this.#start(callback, ms)) as typeof setTimeout,
          clearTimeout: (timer: TimerHandle) => this.#stop(timer),
        },
      },
    );
  }

  /** A request has started or stopped waiting for a permit. Costs nothing while no work is overdue. */
  noteWaiting(): void {
    if (this.#timers.size === 0) return;
    const hold = this.#isClosing || this.#isAwaited();
    for (const timer of this.#timers) holdProcess(timer, hold);
  }

  /** From now on overdue work keeps the process alive, because closing waits for it. */
  closing(): void {
    this.#isClosing = true;
    this.noteWaiting();
  }

  #start(callback: () => void, ms: number): TimerHandle {
    const timer = this.#clock.setTimeout(callback, ms, undefined);
    holdProcess(timer, this.#isClosing || this.#isAwaited());
    this.#timers.add(timer);
    return timer;
  }

  #stop(timer: TimerHandle): void {
    this.#timers.delete(timer);
    this.#clock.clearTimeout(timer);
  }
}

function holdProcess(timer: TimerHandle, hold: boolean): void {
  const refable = timer as Refable | undefined;
  if (hold) refable?.ref?.();
  else refable?.unref?.();
}

import pTimeout from 'p-timeout';
import type { Clock, TimerHandle } from '../time/clock.js';

interface Refable {
  ref?(): unknown;
  unref?(): unknown;
}

/**
 * Work that was told to stop and has not yet. Each piece gets `abandonMs`; then it is given up.
 *
 * Its timers keep the process alive only while somebody waits for the permit that such work holds: a script
 * whose calls are all answered ends, whatever an agent that ignores its signal still does.
 */
export class OverdueWork {
  readonly #clock: Clock;
  readonly #abandonMs: number;
  readonly #timers = new Set<TimerHandle>();
  #isAwaited = false;

  constructor(clock: Clock, abandonMs: number) {
    this.#clock = clock;
    this.#abandonMs = abandonMs;
  }

  /** How many pieces are overdue now. */
  get size(): number {
    return this.#timers.size;
  }

  /** Resolves when `work` has settled (`false`) or was given up (`true`). */
  async outlast(work: Promise<void>): Promise<boolean> {
    if (this.#abandonMs === 0) return true;
    return await pTimeout(
      work.then(() => false),
      {
        milliseconds: this.#abandonMs,
        fallback: () => true,
        customTimers: {
          setTimeout: ((callback: () => void, ms: number) => this.#start(callback, ms)) as typeof setTimeout,
          clearTimeout: ((timer: TimerHandle) => this.#stop(timer)) as typeof clearTimeout,
        },
      },
    );
  }

  /** Whether anybody waits for a permit, and so for overdue work to end. */
  set isAwaited(isAwaited: boolean) {
    if (isAwaited === this.#isAwaited) return;
    this.#isAwaited = isAwaited;
    for (const timer of this.#timers) holdProcess(timer, isAwaited);
  }

  #start(callback: () => void, ms: number): TimerHandle {
    const timer = this.#clock.setTimeout(callback, ms, undefined);
    holdProcess(timer, this.#isAwaited);
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

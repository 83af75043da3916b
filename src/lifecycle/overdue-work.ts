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
  readonly #isAwaited: () => boolean;
  readonly #timers = new Set<TimerHandle>();
  #isClosing = false;

  /** @param isAwaited Whether anybody waits for a permit. */
  constructor(clock: Clock, abandonMs: number, isAwaited: () => boolean) {
    this.#clock = clock;
    this.#abandonMs = abandonMs;
    this.#isAwaited = isAwaited;
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
          clearTimeout: (timer: TimerHandle) => this.#stop(timer),
        },
      },
    );
  }

  /** Somebody has begun or ceased to wait for a permit. Costs nothing while no work is overdue. */
  noteWaiting(): void {
    if (this.#timers.size === 0) return;
    const hold = this.#isClosing || this.#isAwaited();
    for (const timer of this.#timers) holdProcess(timer, hold);
  }

  /** From now on closing waits for overdue work. */
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

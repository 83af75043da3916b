import type { Clock, TimerHandle } from '../../time/clock.js';

/** Resolves when the work has settled or the time is over, whichever comes first. Never rejects. */
export function settledWithin(work: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(resolve, timeoutMs, undefined);
    const settled = () => {
      clock.clearTimeout(timer);
      resolve();
    };
    work.then(settled, settled);
  });
}

/** An operation in flight. */
export interface TimedOperation {
  readonly sliceMs: number;
  readonly onTimeout: () => void;
  slicesLeft: number;
  sliceEndsMs: number;
}

/**
 * An operation's time is measured in this many consecutive slices. While other code blocks the event loop for seconds,
 * an answer that has arrived cannot be delivered; that uses up one slice, where a single timer would report the tier
 * as broken.
 */
const TIME_SLICES = 8;

/**
 * Limits the time of operations. All operations in flight share one timer, which is left running when they end:
 * starting and stopping a timer for each read would cost more than the read's own overhead.
 */
export class TimeLimits {
  readonly #clock: Clock;
  readonly #running = new Set<TimedOperation>();
  #timer: { readonly dueMs: number; readonly handle: TimerHandle } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts measuring; `onTimeout` is called unless {@link TimeLimits.end} comes first. */
  start(timeoutMs: number, onTimeout: () => void): TimedOperation {
    const sliceMs = timeoutMs / TIME_SLICES;
    const sliceEndsMs = this.#clock.now() + sliceMs;
    const operation = { sliceMs, onTimeout, slicesLeft: TIME_SLICES, sliceEndsMs };
    this.#running.add(operation);
    this.#wakeAt(sliceEndsMs);
    return operation;
  }

  /** Stops measuring; returns `false` if it had timed out. */
  end(operation: TimedOperation): boolean {
    return this.#running.delete(operation);
  }

  /** Lets every operation in flight time out now, and stops the timer. */
  endAll(): void {
    for (const operation of this.#running) if (this.end(operation)) operation.onTimeout();
    this.#stop();
  }

  #wakeAt(dueMs: number): void {
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#stop();
    const delayMs = Math.max(0, dueMs - this.#clock.now());
    const handle = this.#clock.setTimeout(() => this.#wake(), delayMs, undefined);
    (handle as { unref?: () => void }).unref?.();
    this.#timer = { dueMs, handle };
  }

  #wake(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const operation of this.#running) {
      if (nowMs >= operation.sliceEndsMs) {
        operation.slicesLeft -= 1;
        operation.sliceEndsMs = nowMs + operation.sliceMs;
      }
      if (operation.slicesLeft > 0) this.#wakeAt(operation.sliceEndsMs);
      else if (this.end(operation)) operation.onTimeout();
    }
  }

  #stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }
}

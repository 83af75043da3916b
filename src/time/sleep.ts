import type { Cancellable } from './cancel-scope.js';
import type { Clock } from './clock.js';

/** Something that can be cancelled while it goes through stages: a call, or a cancel scope. */
export interface CancelPoint {
  /** Why it was cancelled; `undefined` until then. */
  readonly reason: Error | undefined;
  /** Adds a stage to be notified of a later cancellation. */
  add(stage: Cancellable): void;
  /** Removes a stage. */
  delete(stage: Cancellable): void;
}

/** Waits `delayMs` milliseconds; rejects with the reason of `point` as soon as that is cancelled. */
export function sleep(delayMs: number, clock: Clock, point: CancelPoint): Promise<void> {
  return new Promise((resolve, reject) => {
    if (point.reason !== undefined) {
      reject(point.reason);
      return;
    }
    const sleeper: Cancellable = {
      cancel: (reason) => {
        clock.clearTimeout(timer);
        point.delete(sleeper);
        reject(reason);
      },
    };
    const wake = (): void => {
      point.delete(sleeper);
      resolve();
    };
    const timer = clock.setTimeout(wake, delayMs, undefined);
    point.add(sleeper);
  });
}

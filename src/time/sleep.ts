import type { Cancellable } from './cancel-scope.js';
import type { Clock } from './clock.js';

/** Something that can be cancelled while it does one thing after the other: a call, or a cancel scope. */
export interface CancelPoint {
  /** Why it was cancelled; `undefined` as long as it was not. */
  readonly reason: Error | undefined;
  /** Has `stage` told of a later cancellation. */
  add(stage: Cancellable): void;
  /** Forgets `stage`. */
  delete(stage: Cancellable): void;
}

/** Waits `delayMs` milliseconds; rejects with the point's reason as soon as it is cancelled. */
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

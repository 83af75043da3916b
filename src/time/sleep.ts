import type { Cancellable } from './cancel-scope.js';
import type { Clock } from './clock.js';

/** Whose wait it is: knows why it was cancelled, if it was, and what to end when it is. */
export interface Sleeper {
  /** Why it was cancelled. */
  readonly reason: Error | undefined;
  /** What to end when it is cancelled. */
  stage: Cancellable | undefined;
}

/** Waits `delayMs` milliseconds; rejects with the sleeper's reason as soon as it is cancelled. */
export function sleep(delayMs: number, clock: Clock, sleeper: Sleeper): Promise<void> {
  return new Promise((resolve, reject) => {
    if (sleeper.reason !== undefined) {
      reject(sleeper.reason);
      return;
    }
    const wake = (): void => {
      sleeper.stage = undefined;
      resolve();
    };
    const timer = clock.setTimeout(wake, delayMs, undefined);
    sleeper.stage = {
      cancel: (reason) => {
        clock.clearTimeout(timer);
        sleeper.stage = undefined;
        reject(reason);
      },
    };
  });
}

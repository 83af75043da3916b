import type { Cancellable, CancelScope } from './cancel-scope.js';
import type { Clock } from './clock.js';

/** Waits `delayMs` milliseconds; rejects with the scope's reason as soon as it is cancelled. */
export function sleep(delayMs: number, clock: Clock, scope: CancelScope): Promise<void> {
  return new Promise((resolve, reject) => {
    if (scope.reason !== undefined) {
      reject(scope.reason);
      return;
    }
    const sleeper: Cancellable = {
      cancel: (reason) => {
        clock.clearTimeout(timer);
        reject(reason);
      },
    };
    const timer = clock.setTimeout(
      () => {
        scope.delete(sleeper);
        resolve();
      },
      delayMs,
      undefined,
    );
    scope.add(sleeper);
  });
}

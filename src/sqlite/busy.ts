import { systemClock } from '../time/clock.js';
import { isBusy } from './sqlite-error.js';

/**
 * How long SQLite itself may wait for another connection's lock, in milliseconds. It waits in a thread of Node's pool,
 * or on the event loop: were that long, the connection that holds the lock could find no thread to go on with.
 */
export const BLOCKING_WAIT_MS = 2;

const FIRST_RETRY_MS = 2;
const LONGEST_RETRY_MS = 60;

/** Retries while SQLite reports busy, until the timeout. Real time, because locks of other processes take real time. */
export async function retryWhileBusy<T>(run: () => T | Promise<T>, timeoutMs: number): Promise<T> {
  const startedMs = systemClock.now();
  for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
    try {
      return await run();
    } catch (error) {
      if (!isBusy(error) || systemClock.now() - startedMs >= timeoutMs) throw error;
    }
    // Spread, so that connections that wait for the same lock do not come back together.
    const waitMs = delayMs * (0.5 + Math.random() / 2);
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, waitMs, undefined));
  }
}

import pTimeout from 'p-timeout';
import type { Clock, TimerHandle } from '../time/clock.js';

/** Whether the work settles within the time; its outcome is not looked at, and a rejection is not unhandled. */
export async function settlesWithin(
  work: Promise<unknown>,
  timeoutMs: number,
  clock: Clock,
): Promise<boolean> {
  const settled = work.then(
    () => true,
    () => true,
  );
  if (timeoutMs === 0) return false;
  return await pTimeout(settled, {
    milliseconds: timeoutMs,
    fallback: () => false,
    customTimers: {
      setTimeout: ((callback: () => void, ms: number) =>
        clock.setTimeout(callback, ms, undefined)) as typeof setTimeout,
      clearTimeout: (timer: TimerHandle) => clock.clearTimeout(timer),
    },
  });
}

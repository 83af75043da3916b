/** A timer that a {@link Clock} started. */
export type TimerHandle = unknown;

/** The source of all times and timers. Tests pass a `FakeClock`; everything else uses the system clock. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. For measuring durations. */
  now(): number;
  /** Milliseconds since the Unix epoch. For dates that are displayed or stored. */
  epochMs(): number;
  /** Calls `callback(argument)` once, after at least `delayMs` milliseconds. */
  setTimeout<T>(callback: (argument: T) => void, delayMs: number, argument: T): TimerHandle;
  /** Stops a timer. Does nothing if it has fired or was stopped. */
  clearTimeout(handle: TimerHandle): void;
}

/** The longest delay that Node's timers accept; a timer with a longer one fires at once. */
export const MAX_TIMER_MS = 2_147_483_647;

// Looks up the globals on each call, so that it uses a test runner's fake timers.
/** The system clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimeout: (callback, delayMs, argument) =>
    setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS), argument),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

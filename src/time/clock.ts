/** A timer that a {@link Clock} started. */
export type TimerHandle = unknown;

/** Where all time comes from. Tests pass a `FakeClock`; everything else uses the system's. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. For measuring lengths. */
  now(): number;
  /** Milliseconds since the Unix epoch. For dates that people read or files keep. */
  epochMs(): number;
  /** Calls `callback(argument)` once, after at least `delayMs` milliseconds. */
  setTimeout<T>(callback: (argument: T) => void, delayMs: number, argument: T): TimerHandle;
  /** Stops a timer; one that has fired or was stopped is left alone. */
  clearTimeout(handle: TimerHandle): void;
}

/** The longest delay Node's timers take; beyond it they fire at once. */
export const MAX_TIMER_MS = 2_147_483_647;

// The globals are looked up at each call, so that fake timers of a test runner are seen.
/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimeout: (callback, delayMs, argument) =>
    setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS), argument),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

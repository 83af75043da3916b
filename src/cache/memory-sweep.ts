import type { Clock, TimerHandle } from '../time/clock.js';

/** How often memory is searched for what has expired, in milliseconds. */
const SWEEP_MS = 60_000;

/** Removes expired entries from memory once a minute while it holds any: an idle cache has no timer. */
export class MemorySweep {
  readonly #clock: Clock;
  readonly #sweep: () => boolean;
  #timer: TimerHandle | undefined;

  /** @param sweep Clears memory; says whether anything is left. */
  constructor(clock: Clock, sweep: () => boolean) {
    this.#clock = clock;
    this.#sweep = sweep;
  }

  /** To be called when memory holds an entry. */
  schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimeout(() => this.#run(), SWEEP_MS, undefined);
    (this.#timer as { unref?(): void }).unref?.();
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
  }

  #run(): void {
    this.#timer = undefined;
    if (this.#sweep()) this.schedule();
  }
}

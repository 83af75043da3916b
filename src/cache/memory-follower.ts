import type { Clock, TimerHandle } from '../time/clock.js';
import type { TierChange } from './tiers/cache-tier.js';

/** For how long memory is served after a check began, in milliseconds. Below the second that is promised. */
const SERVED_MS = 800;
/** When the next check begins while memory is in use, in milliseconds. */
const CHECK_EVERY_MS = 350;

/** Collaborators of a {@link MemoryFollower}. */
export interface MemoryFollowerOptions {
  readonly clock: Clock;
  /** The date that answers are compared with. */
  readonly epochMs: () => number;
  /** What other processes have deleted and replaced; never rejects. `undefined` where no other process can. */
  readonly changes: () => Promise<readonly TierChange[]> | undefined;
  readonly apply: (changes: readonly TierChange[]) => void;
  /** Hits in memory so far: while there are none, nothing is checked. */
  readonly hits: () => number;
}

/**
 * Keeps memory in step with what other processes delete and replace. A hit compares two numbers; a timer keeps the
 * second one ahead while memory is in use. The first hit after a pause waits for a check.
 */
export class MemoryFollower {
  /** Until when memory may be served without a check, milliseconds since the Unix epoch. */
  servedUntilMs: number;
  readonly #options: MemoryFollowerOptions;
  #checking: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #hitsAtCheck = 0;
  #isStopped = false;

  constructor(options: MemoryFollowerOptions) {
    this.#options = options;
    this.servedUntilMs = options.epochMs() + SERVED_MS;
  }

  /** Resolves when memory knows what other processes had changed when this was called. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #check(): Promise<void> {
    const { epochMs, changes, apply, hits } = this.#options;
    const startedMs = epochMs();
    const asked = changes();
    if (asked === undefined) {
      this.servedUntilMs = Number.POSITIVE_INFINITY;
      return;
    }
    const found = await asked;
    if (found.length > 0) apply(found);
    this.#hitsAtCheck = hits();
    this.servedUntilMs = startedMs + SERVED_MS;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimeout(() => this.#due(), CHECK_EVERY_MS, undefined);
    (this.#timer as { unref?(): void }).unref?.();
  }

  #due(): void {
    this.#timer = undefined;
    if (this.#options.hits() > this.#hitsAtCheck) void this.check();
  }
}

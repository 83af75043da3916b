import { type FSWatcher, watch } from 'node:fs';
import { type Clock, systemClock, type TimerHandle } from '../time/clock.js';

/** Editors write a file in several steps; what changes within this time is one change, in milliseconds. */
const DEBOUNCE_MS = 50;

/** How often folders are looked at where the system reports no changes, in milliseconds. */
const POLL_MS = 1_000;

/** How changes are noticed. */
export interface WatchOptions {
  /** Looks every second instead of asking the system, for file systems that report nothing. */
  readonly poll: boolean;
  readonly clock?: Clock | undefined;
}

/**
 * Calls `onChange` after something may have changed in the folders, one call at a time. Whether it really has is
 * for `onChange` to find out. Keeps no script alive.
 */
export class DirectoryWatcher {
  readonly #onChange: () => Promise<void>;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  #polling: boolean;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #isStale = false;
  #isClosed = false;

  constructor(onChange: () => Promise<void>, { poll, clock = systemClock }: WatchOptions) {
    this.#onChange = onChange;
    this.#clock = clock;
    this.#polling = poll;
    if (poll) this.#wake(POLL_MS);
  }

  /** Watches these folders from now on, and no others. */
  follow(folders: readonly string[]): void {
    if (this.#isClosed || this.#polling) return;
    const wanted = new Set(folders);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    const added = folders.filter((folder) => !this.#watchers.has(folder));
    for (const folder of added) this.#watch(folder);
    // What changed in them between the last look and now was reported to nobody.
    if (added.length > 0) this.#wake(DEBOUNCE_MS);
  }

  /** Stops, and waits for an `onChange` that is running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#timer);
    this.#closeWatchers();
    await this.#running;
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#wake(DEBOUNCE_MS));
      watcher.on('error', () => this.#pollInstead());
      this.#watchers.set(folder, watcher);
    } catch {
      this.#pollInstead();
    }
  }

  /** The folder has gone, or the system has no watchers left. */
  #pollInstead(): void {
    if (this.#isClosed || this.#polling) return;
    this.#polling = true;
    this.#closeWatchers();
    this.#wake(DEBOUNCE_MS);
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #wake(delayMs: number): void {
    if (this.#isClosed) return;
    if (this.#running !== undefined) {
      this.#isStale = true;
      return;
    }
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#run(), delayMs, undefined);
    (this.#timer as { unref?(): void }).unref?.();
  }

  #run(): void {
    this.#isStale = false;
    this.#running = this.#onChange().finally(() => {
      this.#running = undefined;
      if (this.#isStale) this.#wake(DEBOUNCE_MS);
      else if (this.#polling) this.#wake(POLL_MS);
    });
  }
}

import { type FSWatcher, watch } from 'node:fs';
import { type Clock, systemClock, type TimerHandle } from '../time/clock.js';

/** Editors write a file in several steps: changes within this time count as one, in milliseconds. */
const DEBOUNCE_MS = 50;

/** Time between two checks of a folder where the system reports no changes, in milliseconds. */
const POLL_MS = 1_000;

/** How changes are detected. */
export interface WatchOptions {
  /** Checks every second, for file systems that do not report changes. */
  readonly poll: boolean;
  readonly clock?: Clock | undefined;
}

/**
 * Calls `onChange` after the folders may have changed, one call at a time. `onChange` has to find out whether they
 * really have. Does not keep the process alive.
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

  /** Watches these folders, and no others, from now on. */
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
    // Changes in them since the last check have not been reported.
    if (added.length > 0) this.#wake(DEBOUNCE_MS);
  }

  /** Stops watching and waits for a running `onChange`. */
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

  /** The folder has been removed, or the system has no watchers left. */
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

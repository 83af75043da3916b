import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { type Clock, systemClock, type TimerHandle } from '../time/clock.js';

/** Editors write a file in several steps: changes within this time count as one, in milliseconds. */
const DEBOUNCE_MS = 50;

/** Changes that never stop are reported this often, in milliseconds. */
const MAX_DEBOUNCE_MS = 250;

/** Time between two checks of a folder where the system reports no changes, in milliseconds. */
const POLL_MS = 1_000;

/** How changes are detected. */
export interface WatchOptions {
  /**
   * `false` relies on the system's reports and polls only where there are none. `true` only polls. `'also'` does both,
   * for file systems that report some changes and not others, and watches again when a removed folder is back.
   */
  readonly poll: boolean | 'also';
  /** Time between two checks, in milliseconds. Every second if it is left out. */
  readonly checkEveryMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Calls `onChange` after the folders may have changed, one call at a time. `onChange` has to find out whether they
 * really have. Does not keep the process alive.
 */
export class DirectoryWatcher {
  readonly #onChange: () => Promise<void>;
  readonly #clock: Clock;
  readonly #poll: boolean | 'also';
  readonly #checkEveryMs: number;
  readonly #watchers = new Map<string, FSWatcher>();
  #polling: boolean;
  #timer: TimerHandle | undefined;
  #firstReportAtMs: number | undefined;
  #running: Promise<void> | undefined;
  #isStale = false;
  #isClosed = false;

  constructor(onChange: () => Promise<void>, { poll, checkEveryMs, clock = systemClock }: WatchOptions) {
    this.#onChange = onChange;
    this.#clock = clock;
    this.#poll = poll;
    this.#checkEveryMs = checkEveryMs ?? POLL_MS;
    this.#polling = poll !== false;
    if (this.#polling) this.#fireIn(this.#checkEveryMs);
  }

  /** Watches these folders, and no others, from now on. */
  follow(folders: readonly string[]): void {
    if (this.#isClosed || (this.#polling && this.#poll !== 'also')) return;
    const wanted = new Set(folders);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    const missing = [...wanted].filter((folder) => !this.#watchers.has(folder));
    for (const folder of missing) this.#watch(folder);
    // Changes in them since the last check have not been reported.
    if (missing.some((folder) => this.#watchers.has(folder))) this.#report();
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
      const watcher = watch(folder, { persistent: false }, (kind, name) => {
        // The folder itself was moved or removed; its watcher reports nothing more.
        if (this.#poll === 'also' && kind === 'rename' && name === basename(folder)) {
          this.#forget(folder, watcher);
        }
        this.#report();
      });
      watcher.on('error', () => this.#forget(folder, watcher));
      this.#watchers.set(folder, watcher);
    } catch {
      this.#forget(folder, undefined);
    }
  }

  /** The folder has been removed, or the system has no watchers left. */
  #forget(folder: string, watcher: FSWatcher | undefined): void {
    if (this.#isClosed) return;
    watcher?.close();
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
    if (this.#polling) return;
    this.#polling = true;
    this.#closeWatchers();
    this.#report();
  }

  #closeWatchers(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Something may have changed: calls `onChange` when no more reports come, or when they do not stop coming. */
  #report(): void {
    if (this.#isClosed) return;
    if (this.#running !== undefined) {
      this.#isStale = true;
      return;
    }
    const nowMs = this.#clock.now();
    this.#firstReportAtMs ??= nowMs;
    this.#fireIn(Math.min(DEBOUNCE_MS, this.#firstReportAtMs + MAX_DEBOUNCE_MS - nowMs));
  }

  #fireIn(delayMs: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#run(), Math.max(0, delayMs), undefined);
    (this.#timer as { unref?(): void }).unref?.();
  }

  #run(): void {
    this.#isStale = false;
    this.#firstReportAtMs = undefined;
    this.#running = this.#onChange().finally(() => {
      this.#running = undefined;
      if (this.#isClosed) return;
      if (this.#isStale) this.#report();
      else if (this.#polling) this.#fireIn(this.#checkEveryMs);
    });
  }
}

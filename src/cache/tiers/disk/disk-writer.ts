import type { StoredEntry } from '../../cache-entry.js';
import type { DiskSession } from './disk-file.js';
import type { DiskParts } from './disk-parts.js';
import { type DiskTable, ROWS_PER_PAGE, type TableState } from './disk-table.js';
import { DrainTimer } from './drain-timer.js';
import type { IndexSync } from './index-sync.js';

/** Collaborators of a {@link DiskWriter}. */
export interface DiskWriterOptions extends DiskParts {
  /** Called once when writing stops working. */
  readonly onFailing: (cause: unknown) => void;
}

/** How often an idle tier looks for expired entries. */
const HOUSEKEEPING_MS = 60_000;
const PURGE_PAUSE_MS = 5_000;
/** How often keys that other processes deleted are looked for. */
const RESCAN_PAUSE_MS = 1_000;
/** What is written at once: others wait for it, and it is lost when the process is killed before its end. */
const WRITES_PER_COMMIT = 1_000;
const BYTES_PER_COMMIT = 2 * 1024 * 1024;
/** For how long deletions are kept for other processes. One that was asleep for longer drops its memory. */
const DELETIONS_KEPT_MS = 3_600_000;

/**
 * Writes pending changes in rounds: deletions, entries, uses; then removes expired entries, picks up what other
 * processes wrote, and holds the limits. One round at a time; a failed round is retried automatically.
 */
export class DiskWriter {
  readonly #options: DiskWriterOptions;
  readonly #timer: DrainTimer;
  #draining: Promise<void> | undefined;
  #purgedMs = Number.NEGATIVE_INFINITY;
  #rescannedMs = Number.NEGATIVE_INFINITY;
  #isClosing = false;
  #evictions = 0;
  #expirations = 0;

  constructor(options: DiskWriterOptions) {
    this.#options = options;
    this.#timer = new DrainTimer(options.clock, () => void this.drain().catch(() => {}));
  }

  /** Entries evicted to hold a limit. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Entries removed because they had expired. */
  get expirations(): number {
    return this.#expirations;
  }

  /** Whether the last round failed. */
  get isFailing(): boolean {
    return this.#timer.isFailing;
  }

  /** Schedules a round within this time. */
  schedule(delayMs: number): void {
    if (this.#isClosing) return;
    const { queue, deletions } = this.#options;
    // A script that ends by itself stays until its answers are written; uses are not worth that.
    this.#timer.within(delayMs, !queue.isEmpty || !deletions.isEmpty);
  }

  /** Writes everything pending; joins a running round. */
  drain(): Promise<void> {
    this.#draining ??= this.#drainOnce().finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  /** Resolves when everything pending at the call is written. */
  async flush(): Promise<void> {
    // What is being written now was taken before this call; only the next round has everything.
    await this.#draining?.catch(() => {});
    await this.drain();
  }

  /** Makes the next round look for expired entries. */
  purgeNext(): void {
    this.#purgedMs = Number.NEGATIVE_INFINITY;
  }

  /** Schedules no further rounds. */
  stopScheduling(): void {
    this.#isClosing = true;
  }

  /** Waits for running rounds, and stops the timer. */
  async finish(): Promise<void> {
    try {
      while (this.#draining !== undefined) await this.#draining;
    } finally {
      this.#timer.stop();
    }
  }

  /** Deletes evicted entries. */
  evict(keys: readonly string[]): void {
    const { queue, uses } = this.#options;
    this.#evictions += keys.length;
    for (const key of keys) {
      uses.forget(key);
      queue.put(key, null);
    }
  }

  /** Deletes an expired entry. */
  expire(key: string): void {
    const { queue, index } = this.#options;
    if (queue.get(key) !== null) this.#expirations++;
    index.remove(key);
    queue.put(key, null);
  }

  /** Rows of these keys were deleted. */
  deleted(keys: readonly string[]): void {
    const { queue, index } = this.#options;
    for (const key of keys) if (queue.get(key) === undefined) index.remove(key);
  }

  async #drainOnce(): Promise<void> {
    const { file, queue } = this.#options;
    this.#timer.stop();
    try {
      const session = await file.openPresent();
      await this.#writeAll(session).catch(async (error: unknown) => {
        if (file.session === session) throw error;
        // The file broke during the round and was abandoned; everything pending goes into a new one.
        await this.#writeAll(await file.openLoaded());
      });
    } catch (error) {
      if (this.#timer.failed()) this.#options.onFailing(error);
      this.schedule(0);
      throw error;
    }
    this.#timer.worked();
    this.schedule(queue.isEmpty ? HOUSEKEEPING_MS : 0);
  }

  async #writeAll(session: DiskSession): Promise<void> {
    const { index, queue, uses, deletions, file } = this.#options;
    const { sync, table } = session;
    this.evict(index.shrink());
    try {
      const state = await this.#writeWaiting(session);
      await this.#purge(table);
      if (queue.isEmpty) await this.#dropDeleted(sync, state);
    } catch (error) {
      queue.putBack();
      uses.putBack();
      deletions.putBack();
      await file.leaveIfBroken(session, error);
      throw error;
    }
  }

  /** Writes as much as waits now: what comes meanwhile is for the next round. */
  async #writeWaiting(session: DiskSession): Promise<TableState> {
    const { index, queue } = this.#options;
    for (let left = queue.length; ; ) {
      const { state, written } = this.#hasWork()
        ? await this.#writeTaken(session)
        : { state: await session.sync.follow(), written: 0 };
      // What other processes wrote may have filled the file.
      const evicted = index.shrink();
      this.evict(evicted);
      left += evicted.length - written;
      if (left <= 0 || !this.#hasWork()) return state;
    }
  }

  #hasWork(): boolean {
    const { queue, uses, deletions } = this.#options;
    return queue.length > 0 || !uses.isEmpty || !deletions.isEmpty;
  }

  /**
   * Writes what waits, in one transaction: what other processes have written up to then is known, so that nothing
   * older is put in the place of a newer answer, or back after it was deleted.
   */
  async #writeTaken({ database, table, sync }: DiskSession): Promise<{ state: TableState; written: number }> {
    const { queue, uses, deletions, nowMs } = this.#options;
    const result = await database.transaction(async (run) => {
      const before = await sync.followIn(run);
      await table.logDeletions(deletions.take(), run);
      const gone: string[] = [];
      const entries: StoredEntry[] = [];
      for (const [key, write] of queue.take(WRITES_PER_COMMIT, BYTES_PER_COMMIT)) {
        if (write === null) gone.push(key);
        else entries.push(write);
      }
      await table.delete(gone, run);
      await table.write(entries, nowMs(), run);
      await table.touch(uses.take(), run);
      return { state: before, written: gone.length + entries.length };
    });
    queue.done();
    uses.done();
    deletions.done(result.state.lastId);
    return result;
  }

  async #purge(table: DiskTable): Promise<void> {
    const { clock, nowMs } = this.#options;
    if (clock.now() - this.#purgedMs < PURGE_PAUSE_MS) return;
    this.#purgedMs = clock.now();
    await table.forgetDeletions(nowMs() - DELETIONS_KEPT_MS);
    for (let isLast = false; !isLast; ) {
      const keys = await table.deleteExpired(nowMs());
      this.deleted(keys);
      this.#expirations += keys.length;
      isLast = keys.length < ROWS_PER_PAGE;
    }
  }

  async #dropDeleted(sync: IndexSync, state: TableState): Promise<void> {
    const { clock } = this.#options;
    if (clock.now() - this.#rescannedMs < RESCAN_PAUSE_MS) return;
    this.#rescannedMs = clock.now();
    await sync.dropDeleted(state);
  }
}

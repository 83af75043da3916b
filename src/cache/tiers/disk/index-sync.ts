import type { Database, RunStatement } from '../../../sqlite/open-database.js';
import type { TierChange, TierSize } from '../cache-tier.js';
import type { TierIndex } from '../tier-index.js';
import type { DiskTable, IndexRow, TableState } from './disk-table.js';

/** Keys handled between two turns of the event loop. */
const KEYS_PER_TURN = 2_000;
/** Deletions that are read when the file is opened: they may still be running. */
const RECENT_DELETIONS = 250;

/** Collaborators of an {@link IndexSync}. */
export interface IndexSyncOptions {
  readonly database: Database;
  readonly table: DiskTable;
  readonly index: TierIndex;
  /** Marks rows of this process. */
  readonly writer: number;
  /** Whether the index knows better about a key than the file. */
  readonly isPending: (key: string) => boolean;
  /** Another process has deleted entries. */
  readonly onDeleted: (change: TierChange) => void;
  /** Another process has written an entry. */
  readonly onWritten: (key: string, createdAt: number) => void;
  /** Other processes have deleted entries, and which ones is not known any more. */
  readonly onUnknownChanges: () => void;
}

/**
 * Keeps the index in memory in step with the table: reads it in pages once, then follows what other processes write
 * and delete. Keys with a pending write are left alone, as the index knows better about them.
 */
export class IndexSync {
  readonly #options: IndexSyncOptions;
  #lastId = 0;
  #lastDeletionId = 0;
  /** What other processes had written when the index was last brought up to date. */
  #followedVersion = Number.NaN;
  /** What other processes had written when the index was last known to hold no key too many. */
  #comparedVersion = Number.NaN;
  #isLoaded = false;
  #following: Promise<TableState> | undefined;

  constructor(options: IndexSyncOptions) {
    this.#options = options;
  }

  /** Whether the index knows all keys of the table, so that a key it does not know is not there. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Reads the whole index, least recently used first. */
  async load(): Promise<void> {
    const { table, index } = this.#options;
    const before = await this.#start();
    const usedMeanwhile = [...index.keys()];
    for (let page = await table.pageByUse(undefined); page.length > 0; ) {
      for (const row of page) this.#take(row);
      await nextTurn();
      page = await table.pageByUse(page.at(-1));
    }
    for (const key of usedMeanwhile) index.touch(key);
    await this.follow();
    this.#comparedVersion = before.foreignVersion;
    this.#isLoaded = true;
  }

  /** Picks up what other processes have written and deleted since. */
  follow(): Promise<TableState> {
    this.#following ??= this.#options.database
      .exclusively((run) => this.followIn(run))
      .finally(() => {
        this.#following = undefined;
      });
    return this.#following;
  }

  /** As `follow`, in a transaction or where nothing else is written. */
  async followIn(run: RunStatement): Promise<TableState> {
    const state = await this.#options.table.state(run);
    // What only this process wrote is not read back.
    if (state.foreignVersion !== this.#followedVersion) {
      await this.#followDeletions(state, run);
      await this.#followWrites(state, run);
    }
    this.#lastId = state.lastId;
    this.#lastDeletionId = state.lastDeletionId;
    this.#followedVersion = state.foreignVersion;
    return state;
  }

  /** How much the table holds. To be called when nothing waits to be written. */
  async size(): Promise<TierSize> {
    const { foreignVersion } = await this.follow();
    // Adding up a large table takes milliseconds; what only this process wrote is known.
    return foreignVersion === this.#comparedVersion ? this.#options.index.size : this.#options.table.size();
  }

  /** Forgets keys that other processes deleted, if there may be any. To be called while this process writes nothing. */
  async dropDeleted({ foreignVersion }: TableState): Promise<void> {
    if (foreignVersion === this.#comparedVersion) return;
    const { entries } = await this.#options.table.size();
    if (entries !== this.#options.index.size.entries) await this.#dropMissing();
    this.#comparedVersion = foreignVersion;
  }

  #start(): Promise<TableState> {
    const { database, table, onDeleted } = this.#options;
    return database.exclusively(async (run) => {
      const state = await table.state(run);
      this.#lastId = state.lastId;
      this.#lastDeletionId = state.lastDeletionId;
      this.#followedVersion = state.foreignVersion;
      const recent = await table.deletionsAfter(state.lastDeletionId - RECENT_DELETIONS, run);
      for (const { change } of recent) onDeleted(change);
      return state;
    });
  }

  async #dropMissing(): Promise<void> {
    const { table, index, isPending } = this.#options;
    const seen = new Set<string>();
    for (let page = await table.pageById(0); page.length > 0; ) {
      for (const row of page) seen.add(row.key);
      await nextTurn();
      page = await table.pageById(page.at(-1)?.id as number);
    }
    let count = 0;
    for (const key of index.keys()) {
      if (!seen.has(key) && !isPending(key)) index.remove(key);
      if (++count % KEYS_PER_TURN === 0) await nextTurn();
    }
  }

  async #followDeletions(state: TableState, run: RunStatement): Promise<void> {
    const { table, index, writer, isPending, onDeleted, onUnknownChanges } = this.#options;
    while (this.#lastDeletionId < state.lastDeletionId) {
      const page = await table.deletionsAfter(this.#lastDeletionId, run);
      // Old ones are removed from the log, and this process may have been asleep for longer.
      if (page[0]?.id !== this.#lastDeletionId + 1) onUnknownChanges();
      for (const { writer: by, change } of page) {
        if (by === writer) continue;
        onDeleted(change);
        const { selector } = change;
        if (selector !== 'all' && 'key' in selector && !isPending(selector.key)) index.remove(selector.key);
      }
      this.#lastDeletionId = page.at(-1)?.id ?? state.lastDeletionId;
    }
  }

  async #followWrites(state: TableState, run: RunStatement): Promise<void> {
    const { table, writer, onWritten } = this.#options;
    while (this.#lastId < state.lastId) {
      const page = await table.pageById(this.#lastId, run);
      for (const row of page) {
        if (row.writer === writer) continue;
        onWritten(row.key, row.createdAt);
        this.#take(row);
      }
      this.#lastId = Math.max(page.at(-1)?.id ?? state.lastId, this.#lastId);
    }
  }

  /** Another program may have written anything into the columns; an invalid size counts as 0. */
  #take(row: IndexRow): void {
    const { key, sizeBytes } = row;
    if (key === '' || this.#options.isPending(key)) return;
    const isSize = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
    this.#options.index.put(key, isSize ? row : { ...row, sizeBytes: 0 });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

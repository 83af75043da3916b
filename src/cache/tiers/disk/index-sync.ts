import type { TierSize } from '../cache-tier.js';
import type { TierIndex } from '../tier-index.js';
import type { DiskTable, IndexRow, TableState } from './disk-table.js';

/** Keys handled between two turns of the event loop. */
const KEYS_PER_TURN = 2_000;

/**
 * Keeps the index in memory in step with the table: reads it in pages once, then follows what this process and
 * others write. Keys with a pending write are left alone, as the index knows better about them.
 */
export class IndexSync {
  readonly #table: DiskTable;
  readonly #index: TierIndex;
  readonly #isPending: (key: string) => boolean;
  #lastId = 0;
  /** What other processes had written when the index last took in everything up to that id. */
  #followedVersion = Number.NaN;
  /** What other processes had written when the index was last known to hold no key too many. */
  #comparedVersion = Number.NaN;
  #isLoaded = false;
  #following: Promise<TableState> | undefined;

  constructor(table: DiskTable, index: TierIndex, isPending: (key: string) => boolean) {
    this.#table = table;
    this.#index = index;
    this.#isPending = isPending;
  }

  /** Whether the index knows all keys of the table, so that a key it does not know is not there. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Reads the whole index, least recently used first. */
  async load(): Promise<void> {
    const before = await this.#table.state();
    this.#lastId = before.lastId;
    this.#followedVersion = before.foreignVersion;
    const usedMeanwhile = [...this.#index.keys()];
    for (let page = await this.#table.pageByUse(undefined); page.length > 0; ) {
      for (const row of page) this.#take(row);
      await nextTurn();
      page = await this.#table.pageByUse(page.at(-1));
    }
    for (const key of usedMeanwhile) this.#index.touch(key);
    await this.follow();
    this.#comparedVersion = before.foreignVersion;
    this.#isLoaded = true;
  }

  /** Picks up what any process has written since. */
  follow(): Promise<TableState> {
    this.#following ??= this.#follow().finally(() => {
      this.#following = undefined;
    });
    return this.#following;
  }

  /** How much the table holds. To be called when nothing waits to be written. */
  async size(): Promise<TierSize> {
    const { foreignVersion } = await this.follow();
    // Adding up a large table takes milliseconds; what only this process wrote is known.
    return foreignVersion === this.#comparedVersion ? this.#index.size : this.#table.size();
  }

  /** Forgets keys that other processes deleted, if there may be any. To be called while this process writes nothing. */
  async dropDeleted({ foreignVersion }: TableState): Promise<void> {
    if (foreignVersion === this.#comparedVersion) return;
    const { entries } = await this.#table.size();
    if (entries !== this.#index.size.entries) await this.#dropMissing();
    this.#comparedVersion = foreignVersion;
  }

  async #dropMissing(): Promise<void> {
    const seen = new Set<string>();
    for (let page = await this.#table.pageById(0); page.length > 0; ) {
      for (const row of page) seen.add(row.key);
      await nextTurn();
      page = await this.#table.pageById(page.at(-1)?.id as number);
    }
    let count = 0;
    for (const key of this.#index.keys()) {
      if (!seen.has(key) && !this.#isPending(key)) this.#index.remove(key);
      if (++count % KEYS_PER_TURN === 0) await nextTurn();
    }
  }

  async #follow(): Promise<TableState> {
    const state = await this.#table.state();
    // What only this process wrote is not read back.
    if (state.foreignVersion === this.#followedVersion) this.#lastId = state.lastId;
    while (this.#lastId < state.lastId) {
      const page = await this.#table.pageById(this.#lastId);
      for (const row of page) this.#take(row);
      this.#lastId = Math.max(page.at(-1)?.id ?? state.lastId, this.#lastId);
    }
    this.#followedVersion = state.foreignVersion;
    return state;
  }

  /** Another program may have written anything into the columns; an invalid size counts as 0. */
  #take(row: IndexRow): void {
    const { key, sizeBytes } = row;
    if (typeof key !== 'string' || this.#isPending(key)) return;
    const isSize = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
    this.#index.put(key, isSize ? row : { ...row, sizeBytes: 0 });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

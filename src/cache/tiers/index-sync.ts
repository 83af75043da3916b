import type { DiskIndex } from './disk-index.js';
import type { DiskTable, IndexRow, TableState } from './disk-table.js';

/** Keys handled between two turns of the event loop. */
const KEYS_PER_TURN = 2_000;

/**
 * Keeps the index in memory in step with the table: reads it in pages once, then follows what this process and
 * others write. Keys with a pending write are left alone, as the index knows better about them.
 */
export class IndexSync {
  readonly #table: DiskTable;
  readonly #index: DiskIndex;
  readonly #isPending: (key: string) => boolean;
  #lastId = 0;
  #isLoaded = false;
  #following: Promise<TableState> | undefined;

  constructor(table: DiskTable, index: DiskIndex, isPending: (key: string) => boolean) {
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
    const usedMeanwhile = [...this.#index.keys()];
    let entries = 0;
    let sizeBytes = 0;
    for (let page = await this.#table.pageByUse(undefined); page.length > 0; ) {
      for (const row of page) sizeBytes += this.#take(row);
      entries += page.length;
      await nextTurn();
      page = await this.#table.pageByUse(page.at(-1));
    }
    for (const key of usedMeanwhile) this.#index.touch(key);
    const after = await this.follow();
    const unchanged = after.lastId === before.lastId && after.entries === before.entries;
    if (unchanged && (entries !== after.entries || sizeBytes !== after.sizeBytes))
      await this.#table.recount();
    this.#isLoaded = true;
  }

  /** Takes in what was written since, by whatever process. */
  follow(): Promise<TableState> {
    this.#following ??= this.#follow().finally(() => {
      this.#following = undefined;
    });
    return this.#following;
  }

  /** Notes ids that this process was given, the last one of so many, so that its own rows are not read back. */
  wrote(lastId: number, count: number): void {
    // A gap means that somebody else wrote in between; the next look takes in both.
    if (lastId === this.#lastId + count) this.#lastId = lastId;
  }

  /** Forgets keys that other processes deleted. To be called while this process writes nothing. */
  async dropMissing(): Promise<void> {
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
    while (this.#lastId < state.lastId) {
      const page = await this.#table.pageById(this.#lastId);
      for (const row of page) this.#take(row);
      this.#lastId = Math.max(page.at(-1)?.id ?? state.lastId, this.#lastId);
    }
    return state;
  }

  /** Somebody else may have written anything into the columns; a size that is none counts as nothing. */
  #take(row: IndexRow): number {
    const { key, sizeBytes } = row;
    const isSize = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
    const facts = isSize ? row : { ...row, sizeBytes: 0 };
    if (typeof key === 'string' && !this.#isPending(key)) this.#index.put(key, facts);
    return facts.sizeBytes;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import type { Database } from '../../../sqlite/open-database.js';
import type { StoredEntry } from '../../cache-entry.js';
import type { TierSelector, TierSize } from '../cache-tier.js';
import { addRow, type EntryRow, HEAD, toEntry, WRITE_COLUMNS } from './disk-row.js';
import { ENTRIES, SCHEMA } from './disk-schema.js';

/** What the index in memory keeps of a row: everything but the value. */
export interface IndexRow {
  readonly id: number;
  readonly key: string;
  readonly usedAt: number;
  readonly sizeBytes: number;
  readonly costUsd: number;
  readonly hits: number;
}

/** A use that is not written yet. */
export interface PendingTouch {
  readonly key: string;
  readonly usedAt: number;
  readonly hits: number;
}

/** Shows whether something was written. */
export interface TableState {
  /** The highest id ever given: grows with every entry that any process writes. */
  readonly lastId: number;
  /** Changes with everything that another connection writes, deletions too. */
  readonly foreignVersion: number;
}

/**
 * Rows of one statement that writes entries. The more, the seldomer a page that many rows touch is written; but making
 * a statement ready is a pause of the event loop, of about 2 ms with this many.
 */
export const ROWS_PER_WRITE = 400;
/** Rows of one statement that reads the index or deletes. */
export const ROWS_PER_PAGE = 250;

/** Of a longer payload the common statement reads nothing; it is looked for again, with the limit that is set. */
const COMMON_PAYLOAD_BYTES = 1_048_576;

const INDEX_COLUMNS = 'id, key, used_at AS usedAt, size_bytes AS sizeBytes, cost_usd AS costUsd, hits';
// What is longer than any entry of ours may be is not even read into memory.
const ENTRY_COLUMNS = `id, key, ${HEAD}, cost_usd, iif(octet_length(payload)<=?,payload,NULL) AS payload`;
const READ_ONE = `SELECT ${HEAD},cost_usd,iif(octet_length(payload)<=${COMMON_PAYLOAD_BYTES},payload,NULL) AS payload FROM ${ENTRIES} WHERE key=?`;
const WRITE = `INSERT OR REPLACE INTO ${ENTRIES} (${WRITE_COLUMNS}) VALUES`;

/** The statements of the disk tier, over its own tables and no others. */
export class DiskTable {
  readonly #database: Database;
  readonly #maxPayloadBytes: number;

  private constructor(database: Database, maxPayloadBytes: number) {
    this.#database = database;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Makes what is missing of the tables. */
  static async over(database: Database, maxPayloadBytes: number): Promise<DiskTable> {
    for (const statement of SCHEMA) await database.query(statement);
    return new DiskTable(database, maxPayloadBytes);
  }

  /** The rows of the keys that are there, in no order. */
  async read(keys: readonly string[]): Promise<StoredEntry[]> {
    const rows = await this.#database.read<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM ${ENTRIES} WHERE key IN (SELECT value FROM json_each(?))`,
      [this.#maxPayloadBytes, JSON.stringify(keys)],
    );
    return rows.map((row) => toEntry(row, row.key));
  }

  /** The row of the key, in fewer steps. */
  readOne(key: string): Promise<StoredEntry | undefined> {
    return this.#database.read<Omit<EntryRow, 'key'>>(READ_ONE, [key]).then(([row]) => {
      if (row === undefined) return undefined;
      const isRead = row.payload !== null || this.#maxPayloadBytes <= COMMON_PAYLOAD_BYTES;
      return isRead ? toEntry(row, key) : this.read([key]).then(([entry]) => entry);
    });
  }

  /** Whole rows in the order they were written, some at a time. */
  async *all(): AsyncGenerator<StoredEntry> {
    const select = `SELECT ${ENTRY_COLUMNS} FROM ${ENTRIES} WHERE id > ? ORDER BY id LIMIT 100`;
    for (let lastId = 0; ; ) {
      const rows = await this.#database.query<EntryRow & { id: number }>(select, [
        this.#maxPayloadBytes,
        lastId,
      ]);
      if (rows.length === 0) return;
      lastId = rows.at(-1)?.id as number;
      for (const row of rows) yield toEntry(row, row.key);
    }
  }

  /** Writes entries, {@link ROWS_PER_WRITE} with each statement. */
  async write(entries: readonly StoredEntry[], usedAt: number): Promise<void> {
    let writing: Promise<unknown> | undefined;
    for (let start = 0; start < entries.length; start += ROWS_PER_WRITE) {
      // Made ready while the statement before it runs.
      const params: Array<string | number> = [];
      const rows = entries.slice(start, start + ROWS_PER_WRITE).map((entry) => addRow(entry, usedAt, params));
      await writing;
      writing = this.#database.query(`${WRITE} ${rows.join()}`, params);
    }
    await writing;
  }

  /** Deletes rows by key; returns the keys of those that existed. */
  async delete(keys: readonly string[]): Promise<string[]> {
    const gone: string[] = [];
    for (let start = 0; start < keys.length; start += ROWS_PER_PAGE) {
      const rows = await this.#database.query<{ key: string }>(
        `DELETE FROM ${ENTRIES} WHERE key IN (SELECT value FROM json_each(?)) RETURNING key`,
        [JSON.stringify(keys.slice(start, start + ROWS_PER_PAGE))],
      );
      for (const { key } of rows) gone.push(key);
    }
    return gone;
  }

  /** Notes uses: times and counts only ever grow. */
  async touch(touches: readonly PendingTouch[]): Promise<void> {
    for (let start = 0; start < touches.length; start += ROWS_PER_PAGE) {
      const page = touches.slice(start, start + ROWS_PER_PAGE);
      await this.#database.query(
        `UPDATE ${ENTRIES} SET used_at = max(used_at, touched.at), hits = max(hits, touched.times)
          FROM (SELECT json_extract(value, '$[0]') AS name, json_extract(value, '$[1]') AS at,
            json_extract(value, '$[2]') AS times FROM json_each(?)) AS touched
          WHERE key = touched.name`,
        [JSON.stringify(page.map(({ key, usedAt, hits }) => [key, usedAt, hits]))],
      );
    }
  }

  /** Where writing has come to. */
  async state(): Promise<TableState> {
    const [row] = await this.#database.query<TableState & Record<string, never>>(
      `SELECT data_version AS foreignVersion,
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${ENTRIES}'), 0) AS lastId FROM pragma_data_version`,
    );
    return row as TableState;
  }

  /** How much there is, added up. */
  async size(): Promise<TierSize> {
    const [row] = await this.#database.query<TierSize & Record<string, never>>(
      `SELECT count(*) AS entries, coalesce(sum(size_bytes), 0) AS sizeBytes FROM ${ENTRIES}`,
    );
    return row as TierSize;
  }

  /** The index, least recently used first, without the values: the page after the row. */
  pageByUse(after: Pick<IndexRow, 'usedAt' | 'id'> | undefined): Promise<IndexRow[]> {
    return this.#database.query<IndexRow & Record<string, never>>(
      `SELECT ${INDEX_COLUMNS} FROM ${ENTRIES} WHERE (used_at, id) > (?, ?) ORDER BY used_at, id LIMIT ${ROWS_PER_PAGE}`,
      [after?.usedAt ?? Number.MIN_SAFE_INTEGER, after?.id ?? 0],
    );
  }

  /** What was written after the id, by any process, in that order. */
  pageById(afterId: number): Promise<IndexRow[]> {
    return this.#database.query<IndexRow & Record<string, never>>(
      `SELECT ${INDEX_COLUMNS} FROM ${ENTRIES} WHERE id > ? ORDER BY id LIMIT ${ROWS_PER_PAGE}`,
      [afterId],
    );
  }

  /** Deletes one page of expired entries and returns their keys. Fewer than {@link ROWS_PER_PAGE} means it was the last page. */
  deleteExpired(nowMs: number): Promise<string[]> {
    return this.#deletePage('stale_until <= ?', [nowMs]);
  }

  /** Deletes one page of matching entries and returns their keys. Fewer than {@link ROWS_PER_PAGE} means it was the last page. */
  deleteMatching(selector: TierSelector): Promise<string[]> {
    if (selector === 'all') return this.#deletePage('id > ?', [0]);
    if ('agent' in selector) return this.#deletePage('agent = ?', [selector.agent]);
    return this.#deleteTag(selector.tag);
  }

  #deleteTag(tag: string): Promise<string[]> {
    // Only the index of tagged entries is searched, and first by plain text, which is cheap; what that finds too much
    // the exact search leaves out.
    return this.#deletePage(
      `tags <> '[]' AND instr(tags, ?) > 0 AND json_valid(tags)
        AND EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.value = ?)`,
      [JSON.stringify(tag), tag],
    );
  }

  async #deletePage(where: string, params: Array<string | number>): Promise<string[]> {
    const rows = await this.#database.query<{ key: string }>(
      `DELETE FROM ${ENTRIES} WHERE id IN (SELECT id FROM ${ENTRIES} WHERE ${where} LIMIT ${ROWS_PER_PAGE}) RETURNING key`,
      params,
    );
    return rows.map(({ key }) => key);
  }
}

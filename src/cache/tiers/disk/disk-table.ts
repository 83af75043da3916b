import type { Database, RunStatement } from '../../../sqlite/open-database.js';
import type { StoredEntry } from '../../cache-entry.js';
import { compileGlob } from '../../glob.js';
import type { TierChange, TierSelector, TierSize } from '../cache-tier.js';
import {
  addRow,
  CREATED_AT,
  type EntryRow,
  HEAD,
  IS_READABLE,
  isReadable,
  readableHead,
  toEntry,
  WRITE_COLUMNS,
} from './disk-row.js';
import {
  AGENT,
  COST_USD,
  DELETIONS,
  ENTRIES,
  HITS,
  IS_TAGGED,
  KEY,
  SCHEMA,
  SIZE_BYTES,
  STALE_UNTIL,
  USED_AT,
  WRITER,
} from './disk-schema.js';

/** What the index in memory keeps of a row: everything but the value. */
export interface IndexRow {
  readonly id: number;
  readonly key: string;
  /** Empty unless there are namespaces. */
  readonly agent: string;
  readonly usedAt: number;
  readonly sizeBytes: number;
  readonly costUsd: number;
  readonly hits: number;
}

/** A row that was written since: as for the index, with who wrote it and when it was computed. */
export interface WrittenRow extends IndexRow {
  readonly writer: number;
  readonly createdAt: number;
}

/** A deletion that was logged since. */
export interface LoggedDeletion {
  readonly id: number;
  readonly writer: number;
  readonly change: TierChange;
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
  /** The highest id ever given to a deletion. */
  readonly lastDeletionId: number;
  /** Changes with everything that another connection writes. */
  readonly foreignVersion: number;
}

/**
 * Rows of one statement that writes entries. The more, the less often a page that many rows touch is written; but
 * preparing a statement blocks the event loop, for about 2 ms with this many.
 */
export const ROWS_PER_WRITE = 400;
/** Rows of one statement that reads the index or deletes. */
export const ROWS_PER_PAGE = 250;

/** A longer payload the common statement does not find; it is looked for again, with the limit that is set. */
const COMMON_PAYLOAD_BYTES = 1_048_576;

/** All of them are in the recency index; the agent is not, so it is read only if it is needed. */
const INDEX_COLUMNS = `id, ${KEY} AS key, ${USED_AT} AS usedAt, ${SIZE_BYTES} AS sizeBytes, ${COST_USD} AS costUsd, ${HITS} AS hits`;
const READ_ONE = `SELECT ${HEAD} AS head, cost_usd AS costUsd, payload FROM ${ENTRIES}
  WHERE ${KEY}=? AND ${isReadable(COMMON_PAYLOAD_BYTES)}`;
const WRITE = `INSERT OR REPLACE INTO ${ENTRIES} (${WRITE_COLUMNS}) VALUES`;

/** How a {@link DiskTable} is set up. */
export interface DiskTableOptions {
  /** A longer payload is not read. */
  readonly maxPayloadBytes: number;
  /** Marks what is written through this table, to tell it from what others write. */
  readonly writer: number;
  /** Whether the index needs to know the agent of each entry. */
  readonly hasNamespaces: boolean;
}

/** The statements of the disk tier, over its own tables and no others. */
export class DiskTable {
  readonly #database: Database;
  readonly #writer: number;
  readonly #entryColumns: string;
  readonly #indexColumns: string;

  private constructor(database: Database, { maxPayloadBytes, writer, hasNamespaces }: DiskTableOptions) {
    this.#database = database;
    this.#writer = writer;
    this.#indexColumns = `${INDEX_COLUMNS}, ${hasNamespaces ? AGENT : "''"} AS agent`;
    this.#entryColumns = `id, ${KEY} AS key, ${readableHead(maxPayloadBytes)}`;
  }

  /** Creates what is missing of the tables. */
  static async over(database: Database, options: DiskTableOptions): Promise<DiskTable> {
    for (const statement of SCHEMA) await database.query(statement);
    return new DiskTable(database, options);
  }

  /** The rows of the keys that are there, in no order. */
  async read(keys: readonly string[]): Promise<StoredEntry[]> {
    const rows = await this.#database.read<EntryRow>(
      `SELECT ${this.#entryColumns} FROM ${ENTRIES} WHERE ${KEY} IN (SELECT value FROM json_each(?))`,
      [JSON.stringify(keys)],
    );
    return rows.map((row) => toEntry(row, row.key));
  }

  /** The row of the key, in fewer steps. */
  readOne(key: string): Promise<StoredEntry | undefined> {
    return this.#database.read<Omit<EntryRow, 'key'>>(READ_ONE, [key]).then(([row]) => {
      if (row !== undefined) return toEntry(row, key);
      // It is not there, longer than most, or not to be read.
      return this.read([key]).then(([entry]) => entry);
    });
  }

  /** Whole rows in the order they were written, some at a time. */
  async *all(): AsyncGenerator<StoredEntry> {
    const select = `SELECT ${this.#entryColumns} FROM ${ENTRIES} WHERE id > ? ORDER BY id LIMIT 100`;
    for (let lastId = 0; ; ) {
      const rows = await this.#database.query<EntryRow & { id: number }>(select, [lastId]);
      if (rows.length === 0) return;
      lastId = rows.at(-1)?.id as number;
      for (const row of rows) yield toEntry(row, row.key);
    }
  }

  /** Writes entries, {@link ROWS_PER_WRITE} with each statement. */
  async write(entries: readonly StoredEntry[], usedAt: number, run: RunStatement): Promise<void> {
    let writing: Promise<unknown> | undefined;
    for (let start = 0; start < entries.length; start += ROWS_PER_WRITE) {
      // Prepared while the statement before it runs.
      const params: Array<string | number> = [];
      const page = entries.slice(start, start + ROWS_PER_WRITE);
      const rows = page.map((entry) => addRow(entry, { usedAt, writer: this.#writer }, params));
      await writing;
      writing = run(`${WRITE} ${rows.join()}`, params);
      writing.catch(() => {});
    }
    await writing;
  }

  /** Deletes rows by key. */
  async delete(keys: readonly string[], run: RunStatement): Promise<void> {
    for (let start = 0; start < keys.length; start += ROWS_PER_PAGE) {
      await run(`DELETE FROM ${ENTRIES} WHERE ${KEY} IN (SELECT value FROM json_each(?))`, [
        JSON.stringify(keys.slice(start, start + ROWS_PER_PAGE)),
      ]);
    }
  }

  /** Records uses: times and counts only ever grow. */
  async touch(touches: readonly PendingTouch[], run: RunStatement): Promise<void> {
    for (let start = 0; start < touches.length; start += ROWS_PER_PAGE) {
      const page = touches.slice(start, start + ROWS_PER_PAGE);
      await run(
        `UPDATE ${ENTRIES} SET used_at = max(${USED_AT}, touched.at), hits = max(${HITS}, touched.times)
          FROM (SELECT json_extract(value, '$[0]') AS name, json_extract(value, '$[1]') AS at,
            json_extract(value, '$[2]') AS times FROM json_each(?)) AS touched
          WHERE ${KEY} = touched.name`,
        [JSON.stringify(page.map(({ key, usedAt, hits }) => [key, usedAt, hits]))],
      );
    }
  }

  /** Logs deletions for other processes. */
  async logDeletions(changes: readonly TierChange[], run: RunStatement): Promise<void> {
    for (let start = 0; start < changes.length; start += ROWS_PER_PAGE) {
      const page = changes.slice(start, start + ROWS_PER_PAGE);
      await run(
        `INSERT INTO ${DELETIONS} (deleted_at, writer, selector)
          SELECT json_extract(value, '$[0]'), ?, json_extract(value, '$[1]') FROM json_each(?)`,
        [
          this.#writer,
          JSON.stringify(page.map((change) => [change.createdUpTo, JSON.stringify(change.selector)])),
        ],
      );
    }
  }

  /** How far writing has come. */
  async state(run: RunStatement): Promise<TableState> {
    const [row] = await run<TableState>(
      `SELECT data_version AS foreignVersion,
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${ENTRIES}'), 0) AS lastId,
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${DELETIONS}'), 0) AS lastDeletionId
        FROM pragma_data_version`,
    );
    return row as TableState;
  }

  /** How much there is, added up. */
  async size(run: RunStatement = this.#run): Promise<TierSize> {
    const [row] = await run<TierSize>(
      `SELECT count(*) AS entries, coalesce(sum(${SIZE_BYTES}), 0) AS sizeBytes FROM ${ENTRIES}`,
    );
    return row as TierSize;
  }

  /** The index, least recently used first, without the values: the page after the row. */
  pageByUse(after: Pick<IndexRow, 'usedAt' | 'id'> | undefined): Promise<IndexRow[]> {
    // Not as `(a, b) > (?, ?)`, for which SQLite does not use an index on an expression.
    const where = after === undefined ? '' : `WHERE ${USED_AT} >= ? AND (${USED_AT} > ? OR id > ?)`;
    return this.#database.query<IndexRow>(
      `SELECT ${this.#indexColumns} FROM ${ENTRIES} ${where} ORDER BY ${USED_AT}, id LIMIT ${ROWS_PER_PAGE}`,
      after === undefined ? [] : [after.usedAt, after.usedAt, after.id],
    );
  }

  /** What any process has written after the id, in that order. */
  pageById(afterId: number, run: RunStatement = this.#run): Promise<WrittenRow[]> {
    return run<WrittenRow>(
      `SELECT ${this.#indexColumns}, ${WRITER} AS writer, ${CREATED_AT} AS createdAt
        FROM ${ENTRIES} WHERE id > ? AND ${IS_READABLE} ORDER BY id LIMIT ${ROWS_PER_PAGE}`,
      [afterId],
    );
  }

  /** What any process has deleted after the id, in that order. */
  async deletionsAfter(afterId: number, run: RunStatement): Promise<LoggedDeletion[]> {
    const rows = await run<{ id: number; writer: number; deletedAt: number; selector: string }>(
      `SELECT id, ${WRITER} AS writer, iif(typeof(deleted_at)='integer',deleted_at,0) AS deletedAt,
        iif(octet_length(selector)<=${MAX_SELECTOR_BYTES},selector,'') AS selector
        FROM ${DELETIONS} WHERE id > ? ORDER BY id LIMIT ${ROWS_PER_PAGE}`,
      [afterId],
    );
    return rows.map(({ id, writer, deletedAt, selector }) => ({
      id,
      writer,
      change: { selector: parseSelector(selector), createdUpTo: deletedAt },
    }));
  }

  /** Removes old deletions from the log. */
  async forgetDeletions(beforeMs: number): Promise<void> {
    await this.#database.query(`DELETE FROM ${DELETIONS} WHERE deleted_at < ?`, [beforeMs]);
  }

  /** Deletes one page of expired entries and returns their keys. Fewer than {@link ROWS_PER_PAGE} means it was the last page. */
  async deleteExpired(nowMs: number): Promise<string[]> {
    const page = await this.#deletePage(
      { where: `${STALE_UNTIL} <= ?`, params: [nowMs], index: 'tutti_cache_expiry' },
      0,
      Number.MAX_SAFE_INTEGER,
    );
    return page.map(({ key }) => key);
  }

  /**
   * Deletes matching entries page by page, and yields the keys of each page.
   *
   * @param upToId What was written later stays.
   */
  async *deleteMatching(selector: TierSelector, upToId: number): AsyncGenerator<string[]> {
    for (const condition of await this.#conditionsOf(selector)) {
      for (let [afterId, isLast] = [0, false]; !isLast; ) {
        const page = await this.#deletePage(condition, afterId, upToId);
        isLast = page.length < ROWS_PER_PAGE;
        for (const { id } of page) afterId = Math.max(afterId, id);
        yield page.map(({ key }) => key);
      }
    }
  }

  readonly #run: RunStatement = (sql, params) => this.#database.query(sql, params);

  async #conditionsOf(selector: TierSelector): Promise<Condition[]> {
    if (selector === 'all') return [{ where: 'id > 0', params: [] }];
    const { alsoTag } = selector;
    const also =
      alsoTag === undefined
        ? { where: '', params: [] }
        : { where: ` AND ${HAS_TAG}`, params: tagged(alsoTag) };
    if ('tag' in selector) {
      const params = [...tagged(selector.tag), ...also.params];
      return [{ where: HAS_TAG + also.where, params, index: 'tutti_cache_tagged' }];
    }
    const agents = 'agent' in selector ? [selector.agent] : await this.#agentsLike(selector.agentPattern);
    const where = `${AGENT} = ?${also.where}`;
    return agents.map((agent) => ({ where, params: [agent, ...also.params], index: 'tutti_cache_agent' }));
  }

  async #agentsLike(pattern: string): Promise<string[]> {
    const rows = await this.#database.query<{ agent: string }>(
      `SELECT DISTINCT ${AGENT} AS agent FROM ${ENTRIES}`,
    );
    const matches = compileGlob(pattern);
    return rows.map(({ agent }) => agent).filter(matches);
  }

  #deletePage(
    { where, params, index }: Condition,
    afterId: number,
    upToId: number,
  ): Promise<Array<{ id: number; key: string }>> {
    const from = index === undefined ? ENTRIES : `${ENTRIES} INDEXED BY ${index}`;
    return this.#database.query<{ id: number; key: string }>(
      `DELETE FROM ${ENTRIES} WHERE id IN (
        SELECT id FROM ${from} WHERE ${where} AND id > ? AND id <= ? ORDER BY id LIMIT ${ROWS_PER_PAGE})
        RETURNING id, ${KEY} AS key`,
      [...params, afterId, upToId],
    );
  }
}

/** Which rows to delete, and the index to find them with. */
interface Condition {
  readonly where: string;
  readonly params: ReadonlyArray<string | number>;
  readonly index?: string;
}

const MAX_SELECTOR_BYTES = 16_384;
/** No list of tags that we write is longer, in bytes. */
const MAX_TAGS_BYTES = 131_072;

/*
 * Only rows with tags are searched, and first by plain text, which is cheap; what that finds too much the exact search
 * leaves out. `CASE` has its conditions looked at in order, so that no long text is read.
 */
const HAS_TAG = `${IS_TAGGED} AND CASE WHEN octet_length(tags) > ${MAX_TAGS_BYTES} THEN 0
  WHEN instr(tags, ?) = 0 OR NOT json_valid(tags) THEN 0
  ELSE EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.value = ?) END`;

function tagged(tag: string): [string, string] {
  return [JSON.stringify(tag), tag];
}

/** What another program wrote in its place is taken for a deletion of everything: the safe reading. */
function parseSelector(text: string): TierChange['selector'] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && isSelector(parsed)) return parsed;
  } catch {
    // Falls through.
  }
  return 'all';
}

function isSelector(value: object): value is Exclude<TierChange['selector'], 'all'> {
  const { alsoTag } = value as { alsoTag?: unknown };
  const isNamed = ['key', 'agent', 'agentPattern', 'tag'].some(
    (name) => typeof (value as Record<string, unknown>)[name] === 'string',
  );
  return isNamed && (alsoTag === undefined || typeof alsoTag === 'string');
}

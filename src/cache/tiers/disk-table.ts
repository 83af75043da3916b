import type { Database } from '../../sqlite/open-database.js';
import type { StoredEntry } from '../cache-entry.js';
import type { TierSelector, TierSize } from './cache-tier.js';

/** What the index in memory keeps of a row: everything but the value. */
export interface IndexRow {
  readonly id: number;
  readonly key: string;
  readonly usedAt: number;
  readonly sizeBytes: number;
  readonly staleUntil: number;
  readonly costUsd: number;
  readonly hits: number;
}

/** A use that is not written yet. */
export interface PendingTouch {
  readonly key: string;
  readonly usedAt: number;
  readonly hits: number;
}

/** What the table says about itself. */
export interface TableState extends TierSize {
  /** The highest id ever given: grows with every write of any process. */
  readonly lastId: number;
}

/** Rows of one statement that writes entries. SQLite would take 2,000; more rows only make longer pauses. */
export const ROWS_PER_WRITE = 200;
/** Rows of one statement that reads the index or deletes. */
const ROWS_PER_PAGE = 250;
const COLUMNS = 12;

const TABLE = 'tutti_cache_entries';
const TOTALS = 'tutti_cache_totals';

/*
 * Every write gives its row a new id, so that what other processes wrote is found with `id > ?`.
 * The totals are kept by triggers, in the same transaction as the rows they count: they are true at every instant
 * and for every process. The recency index holds all that the index in memory needs, so that reading it never
 * touches the values.
 */
const SCHEMA = [
  'PRAGMA recursive_triggers=ON', // without it, replacing a row does not count as deleting it
  `CREATE TABLE IF NOT EXISTS ${TOTALS} (
    id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, size_bytes INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS ${TABLE} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, used_at INTEGER NOT NULL, hits INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, stale_until INTEGER NOT NULL, expires_at INTEGER NOT NULL, cost_usd REAL NOT NULL,
    agent TEXT NOT NULL, tags TEXT NOT NULL, origin TEXT NOT NULL, signature TEXT NOT NULL, payload TEXT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_recency
    ON ${TABLE} (used_at, id, key, size_bytes, stale_until, cost_usd, hits)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_expiry ON ${TABLE} (stale_until)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_agent ON ${TABLE} (agent)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_tagged ON ${TABLE} (tags) WHERE tags <> '[]'`,
  `INSERT OR IGNORE INTO ${TOTALS} SELECT 1, count(*), coalesce(sum(size_bytes), 0) FROM ${TABLE}
    WHERE NOT EXISTS (SELECT 1 FROM ${TOTALS})`,
  trigger('added', 'INSERT', 'entries = entries + 1, size_bytes = size_bytes + NEW.size_bytes'),
  trigger('removed', 'DELETE', 'entries = entries - 1, size_bytes = size_bytes - OLD.size_bytes'),
  trigger('resized', 'UPDATE OF size_bytes', 'size_bytes = size_bytes - OLD.size_bytes + NEW.size_bytes'),
];

function trigger(name: string, event: string, change: string): string {
  return `CREATE TRIGGER IF NOT EXISTS tutti_cache_${name} AFTER ${event} ON ${TABLE}
    BEGIN UPDATE ${TOTALS} SET ${change}; END`;
}

const INDEX_COLUMNS =
  'id, key, used_at AS usedAt, size_bytes AS sizeBytes, stale_until AS staleUntil, cost_usd AS costUsd, hits';
// What is longer than any entry of ours may be is not even read into memory.
const ENTRY_COLUMNS = `id, key, agent, tags, expires_at, stale_until, cost_usd, size_bytes, hits, origin, signature,
  CASE WHEN octet_length(payload) <= ? THEN payload END AS payload`;
const WRITE_COLUMNS =
  'key, used_at, hits, size_bytes, stale_until, expires_at, cost_usd, agent, tags, origin, signature, payload';

/** A row as it is stored. Somebody else may have written anything into it. */
interface EntryRow {
  readonly id: number;
  readonly key: string;
  readonly agent: string;
  readonly tags: unknown;
  readonly expires_at: number;
  readonly stale_until: number;
  readonly cost_usd: number;
  readonly size_bytes: number;
  readonly hits: number;
  /** Format version, creation and key id: see {@link originOf}. */
  readonly origin: unknown;
  readonly signature: string;
  readonly payload: string;
}

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
    if (keys.length === 1) return await this.#readOne(keys[0] as string);
    const rows = await this.#database.query<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM ${TABLE} WHERE key IN (SELECT value FROM json_each(?))`,
      [this.#maxPayloadBytes, JSON.stringify(keys)],
    );
    return rows.map(toEntry);
  }

  // Statements are parsed anew each time, which costs as much as running them: the common one is short, and the
  // row that it leaves out, being too long, is looked for again.
  async #readOne(key: string): Promise<StoredEntry[]> {
    const params = [key, this.#maxPayloadBytes];
    const short = `SELECT * FROM ${TABLE} WHERE key=? AND octet_length(payload)<=?`;
    const [row] = await this.#database.query<EntryRow>(short, params);
    if (row !== undefined) return [toEntry(row)];
    const whole = `SELECT ${ENTRY_COLUMNS} FROM ${TABLE} WHERE key = ?`;
    return (await this.#database.query<EntryRow>(whole, params.reverse())).map(toEntry);
  }

  /** Whole rows in the order they were written, some at a time. */
  async *all(): AsyncGenerator<StoredEntry> {
    const select = `SELECT ${ENTRY_COLUMNS} FROM ${TABLE} WHERE id > ? ORDER BY id LIMIT 100`;
    for (let lastId = 0; ; ) {
      const rows = await this.#database.query<EntryRow>(select, [this.#maxPayloadBytes, lastId]);
      if (rows.length === 0) return;
      lastId = rows.at(-1)?.id as number;
      for (const row of rows) yield toEntry(row);
    }
  }

  /** Writes up to {@link ROWS_PER_WRITE} entries in one statement; gives their ids. */
  async write(entries: readonly StoredEntry[], usedAt: number): Promise<number[]> {
    const values = Array<string>(entries.length)
      .fill(`(${Array<string>(COLUMNS).fill('?').join()})`)
      .join();
    const rows = await this.#database.query<{ id: number }>(
      `INSERT OR REPLACE INTO ${TABLE} (${WRITE_COLUMNS}) VALUES ${values} RETURNING id`,
      entries.flatMap((entry) => toParams(entry, usedAt)),
    );
    return rows.map(({ id }) => id);
  }

  /** Deletes rows by their keys; gives the keys of those that were there. */
  async delete(keys: readonly string[]): Promise<string[]> {
    const gone: string[] = [];
    for (let start = 0; start < keys.length; start += ROWS_PER_PAGE) {
      const rows = await this.#database.query<{ key: string }>(
        `DELETE FROM ${TABLE} WHERE key IN (SELECT value FROM json_each(?)) RETURNING key`,
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
        `UPDATE ${TABLE} SET used_at = max(used_at, touched.at), hits = max(hits, touched.times)
          FROM (SELECT json_extract(value, '$[0]') AS name, json_extract(value, '$[1]') AS at,
            json_extract(value, '$[2]') AS times FROM json_each(?)) AS touched
          WHERE key = touched.name`,
        [JSON.stringify(page.map(({ key, usedAt, hits }) => [key, usedAt, hits]))],
      );
    }
  }

  /** How much there is, and the last id. */
  async state(): Promise<TableState> {
    const [row] = await this.#database.query<TableState & Record<string, never>>(
      `SELECT entries, size_bytes AS sizeBytes,
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${TABLE}'), 0) AS lastId FROM ${TOTALS}`,
    );
    return row ?? { entries: 0, sizeBytes: 0, lastId: 0 };
  }

  /** Counts anew. For totals that somebody else's statement has put out of step. */
  async recount(): Promise<void> {
    await this.#database.query(
      `UPDATE ${TOTALS} SET (entries, size_bytes) = (SELECT count(*), coalesce(sum(size_bytes), 0) FROM ${TABLE})`,
    );
  }

  /** The index, least recently used first, without the values: the page after the row. */
  pageByUse(after: Pick<IndexRow, 'usedAt' | 'id'> | undefined): Promise<IndexRow[]> {
    return this.#database.query<IndexRow & Record<string, never>>(
      `SELECT ${INDEX_COLUMNS} FROM ${TABLE} WHERE (used_at, id) > (?, ?) ORDER BY used_at, id LIMIT ${ROWS_PER_PAGE}`,
      [after?.usedAt ?? Number.MIN_SAFE_INTEGER, after?.id ?? 0],
    );
  }

  /** What was written after the id, by any process, in that order. */
  pageById(afterId: number): Promise<IndexRow[]> {
    return this.#database.query<IndexRow & Record<string, never>>(
      `SELECT ${INDEX_COLUMNS} FROM ${TABLE} WHERE id > ? ORDER BY id LIMIT ${ROWS_PER_PAGE}`,
      [afterId],
    );
  }

  /** Deletes some entries that are past their time; gives their keys. Fewer than {@link ROWS_PER_WRITE}: there are no more. */
  deleteExpired(nowMs: number): Promise<string[]> {
    return this.#deletePage('stale_until <= ?', [nowMs]);
  }

  /** Deletes some of the entries that match; gives their keys. Fewer than {@link ROWS_PER_WRITE}: there are no more. */
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
      `DELETE FROM ${TABLE} WHERE id IN (SELECT id FROM ${TABLE} WHERE ${where} LIMIT ${ROWS_PER_WRITE}) RETURNING key`,
      params,
    );
    return rows.map(({ key }) => key);
  }
}

function toParams(entry: StoredEntry, usedAt: number): Array<string | number> {
  return [
    entry.key,
    usedAt,
    entry.hits,
    entry.sizeBytes,
    entry.staleUntil,
    entry.expiresAt,
    entry.costUsd,
    entry.agent,
    entry.tags.length === 0 ? '[]' : JSON.stringify(entry.tags),
    originOf(entry),
    entry.signature,
    entry.payload,
  ];
}

/** A row as an entry. What somebody else wrote into it is left as it is: the seal judges it. */
function toEntry(row: EntryRow): StoredEntry {
  const { formatVersion, createdAt, keyId } = parseOrigin(row.origin);
  return {
    key: row.key,
    agent: row.agent,
    tags: parseTags(row.tags),
    createdAt,
    expiresAt: row.expires_at,
    staleUntil: row.stale_until,
    payload: row.payload,
    costUsd: row.cost_usd,
    sizeBytes: row.size_bytes,
    hits: row.hits,
    formatVersion,
    keyId,
    signature: row.signature,
  };
}

type Origin = Pick<StoredEntry, 'formatVersion' | 'createdAt' | 'keyId'>;

/** What nobody searches for shares a column: each column of a row costs a read as much as a short text does. */
function originOf({ formatVersion, createdAt, keyId }: Origin): string {
  return `${formatVersion} ${createdAt} ${keyId}`;
}

/** Text that is not exactly what we write becomes a version that never was. */
function parseOrigin(text: unknown): Origin {
  const [version, created, keyId = ''] = String(text).split(' ', 3);
  const origin = { formatVersion: Number(version), createdAt: Number(created), keyId };
  return originOf(origin) === text ? origin : { formatVersion: Number.NaN, createdAt: 0, keyId };
}

/** Text that is not exactly what we write becomes one tag that nobody signed, so that the seal notices. */
function parseTags(text: unknown): readonly string[] {
  if (text === '[]') return [];
  try {
    const parsed: unknown = JSON.parse(String(text));
    if (Array.isArray(parsed) && JSON.stringify(parsed) === text) return parsed as string[];
  } catch {
    // Falls through to what is not JSON.
  }
  return [String(text)];
}

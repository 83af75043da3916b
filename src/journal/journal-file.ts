import { fieldOf } from '../errors/foreign.js';
import { RunBusyError, RunJournalError } from '../errors/run-errors.js';
import { DatabaseError } from '../errors/storage-errors.js';
import type { SqlValue } from '../sqlite/driver.js';
import { type Database, openDatabase } from '../sqlite/open-database.js';
import { journalPath, type RunLocation } from './run-location.js';

/** What a row of a journal is about. */
export type RowKind = 'run' | 'account' | 'page' | 'outcome';

/** One thing that a journal knows. */
export interface JournalRow {
  readonly kind: RowKind;
  /** Of an outcome: the task's place; of a page: its number; else 0. */
  readonly position: number;
  /** JSON as text, anything else as bytes. */
  readonly value: SqlValue;
  /** Of an outcome: whether the task succeeded. */
  readonly success: boolean | undefined;
}

/** A position and what is known of it. */
export interface FoundRow {
  readonly position: number;
  readonly value: SqlValue;
}

/** How many outcomes of each kind there are. */
export interface OutcomeCounts {
  readonly succeeded: number;
  readonly failed: number;
}

/** Long enough for another process that only looks at the journal; a run holds it for as long as it lasts. */
const BUSY_TIMEOUT_MS = 1_000;
const MAX_ROWS_PER_STATEMENT = 500;
const FORMAT = 1;

// One table for everything, so that what happened together is one statement: all of it is on disk, or nothing.
const CREATE =
  'CREATE TABLE IF NOT EXISTS journal ' +
  '(kind TEXT NOT NULL, position INTEGER NOT NULL, success INTEGER, value, PRIMARY KEY (kind, position))';

/**
 * The SQLite file of one run, held by one owner: SQLite's own lock on the file is kept until it is closed. The system
 * drops it with the process, however that ends, so nothing has to be waited for or cleaned up after a crash.
 */
export class JournalFile {
  readonly runId: string;
  readonly path: string;
  readonly #database: Database;

  private constructor(runId: string, database: Database) {
    this.runId = runId;
    this.path = database.path;
    this.#database = database;
  }

  /**
   * Opens the journal of a run, or makes it.
   *
   * @throws {@link RunBusyError} while another one holds it, {@link RunJournalError} when it cannot be used.
   */
  static async open(location: RunLocation): Promise<JournalFile> {
    const { runId } = location;
    const path = journalPath(location);
    let database: Database | undefined;
    try {
      // Answers are paid for: they have to survive a power cut too, and the waiting is done beside the run.
      database = await openDatabase(path, { synchronous: 'full', busyTimeoutMs: BUSY_TIMEOUT_MS });
      await database.query('PRAGMA locking_mode=EXCLUSIVE');
      // The lock is taken with the first write and kept from then on; this one changes nothing where there is a table.
      await database.query(CREATE);
      await database.query(`PRAGMA user_version=${await readFormat(database, path, runId)}`);
    } catch (error) {
      await database?.close().catch(() => {});
      throw toRunError(error, { runId, path });
    }
    return new JournalFile(runId, database);
  }

  /** The rows at these places, in their order. */
  rowsAt(kind: RowKind, positions: readonly number[]): Promise<FoundRow[]> {
    return this.#query(
      'SELECT position, value FROM journal WHERE kind = ? AND position IN (SELECT value FROM json_each(?)) ORDER BY position',
      [kind, JSON.stringify(positions)],
    );
  }

  /** Up to `count` rows from a place on, in their order. */
  rowsFrom(kind: RowKind, position: number, count: number): Promise<FoundRow[]> {
    return this.#query(
      'SELECT position, value FROM journal WHERE kind = ? AND position >= ? ORDER BY position LIMIT ?',
      [kind, position, count],
    );
  }

  /** The text at place 0. */
  async textOf(kind: RowKind): Promise<string | undefined> {
    const [row] = await this.rowsFrom(kind, 0, 1);
    return row === undefined ? undefined : String(row.value);
  }

  /** The last place that has a row; -1 where there is none. */
  async lastPosition(kind: RowKind): Promise<number> {
    const rows = await this.#query<{ last: number | null }>(
      'SELECT max(position) AS last FROM journal WHERE kind = ?',
      [kind],
    );
    return rows[0]?.last ?? -1;
  }

  async countOutcomes(): Promise<OutcomeCounts> {
    const rows = await this.#query<{ total: number; succeeded: number | null }>(
      "SELECT count(*) AS total, sum(success) AS succeeded FROM journal WHERE kind = 'outcome'",
      [],
    );
    const { total = 0, succeeded } = rows[0] ?? {};
    return { succeeded: succeeded ?? 0, failed: total - (succeeded ?? 0) };
  }

  /** Writes the rows over what stands in their places; when it resolves they are on disk. */
  async write(rows: readonly JournalRow[]): Promise<void> {
    for (let from = 0; from < rows.length; from += MAX_ROWS_PER_STATEMENT) {
      const some = rows.slice(from, from + MAX_ROWS_PER_STATEMENT);
      const places = some.map(() => '(?,?,?,?)').join(',');
      await this.#query(
        `INSERT OR REPLACE INTO journal (kind, position, success, value) VALUES ${places}`,
        some.flatMap(({ kind, position, success, value }) => [
          kind,
          position,
          success === undefined ? null : Number(success),
          value,
        ]),
      );
    }
  }

  /** Lets go of the file. */
  close(): Promise<void> {
    return this.#database.close();
  }

  async #query<Row = FoundRow>(sql: string, params: readonly SqlValue[]): Promise<Row[]> {
    try {
      return await this.#database.query<Row>(sql, params);
    } catch (error) {
      throw toRunError(error, this);
    }
  }
}

/** The format the file is written in; a new file has none yet. */
async function readFormat(database: Database, path: string, runId: string): Promise<number> {
  const [row] = await database.query<{ user_version: number }>('PRAGMA user_version');
  const format = row?.user_version ?? 0;
  if (format === 0 || format === FORMAT) return FORMAT;
  throw new RunJournalError(
    { runId, path },
    'format',
    `has format ${format}; this version of tutti reads format ${FORMAT}. Use the version that wrote it, or another runId.`,
  );
}

function toRunError(error: unknown, journal: { runId: string; path: string }): unknown {
  if (!DatabaseError.isInstance(error) || fieldOf(error, 'code') !== 'TUTTI_DATABASE') return error;
  const { problem, message } = error as DatabaseError;
  if (problem === 'busy') return new RunBusyError(journal.runId, journal.path, { cause: error });
  const what =
    problem === 'corrupt'
      ? `is damaged; it was left as it is. Restore it from a copy, or move it away (with its -wal file) to begin the run anew. (${message})`
      : `cannot be used. ${message}`;
  return new RunJournalError(journal, problem, what, { cause: error });
}

import { rm } from 'node:fs/promises';
import { fieldOf } from '../errors/foreign.js';
import { RunBusyError, RunJournalError } from '../errors/run-errors.js';
import { DatabaseError } from '../errors/storage-errors.js';
import { identify } from '../sqlite/database-file.js';
import type { SqlValue } from '../sqlite/driver.js';
import type { DatabaseOwner } from '../sqlite/inspection.js';
import { moveAside } from '../sqlite/move-aside.js';
import { type Database, openDatabase } from '../sqlite/open-database.js';
import {
  type FoundRow,
  HEAD_ID,
  MAX_COLUMN_BYTES,
  MAX_TASK_ENTRIES,
  MAX_VALUE_BYTES,
  type SignedRow,
} from './journal-rows.js';
import { journalPath, type RunLocation } from './run-location.js';

/** Long enough for another process that only looks at the journal; a run holds it for as long as it lasts. */
const BUSY_TIMEOUT_MS = 1_000;
const MAX_ROWS_PER_STATEMENT = 500;
/** Longer values are read one at a time, so that a batch of rows never needs much memory before it is verified. */
const MAX_BATCHED_VALUE_BYTES = 64 * 1024;
/** What is in the header of a journal's file; any other database is left alone. Version 1 was not signed. */
const OWNER: DatabaseOwner = { applicationId: 0x74_75_6a_6c, version: 2, tablePrefix: 'journal' };

// `kind` and `position` are worked out from the id, for people who look into the file; they take no room in it.
const TABLE = `journal (
  id INTEGER PRIMARY KEY,
  kind TEXT AS (CASE WHEN id > 0 THEN 'outcome' WHEN id = 0 THEN 'run' ELSE 'page' END),
  position INTEGER AS (CASE WHEN id > 0 THEN id - 1 WHEN id = 0 THEN 0 ELSE -1 - id END),
  key_id TEXT NOT NULL, task TEXT NOT NULL, value TEXT NOT NULL, signature TEXT NOT NULL)`;
const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE}`;
/** As SQLite keeps it. A table with anything else in it, a view in its place or a trigger was not made here. */
const CREATED = `CREATE TABLE ${TABLE}`;

// What tasks that are not finished have done. A table of its own: outcomes and progress are numbered independently.
const PROGRESS_TABLE = `journal_progress (
  id INTEGER PRIMARY KEY,
  position INTEGER AS (id / ${MAX_TASK_ENTRIES}),
  key_id TEXT NOT NULL, task TEXT NOT NULL, value TEXT NOT NULL, signature TEXT NOT NULL)`;
const CREATE_PROGRESS = `CREATE TABLE IF NOT EXISTS ${PROGRESS_TABLE}`;
const CREATED_PROGRESS = `CREATE TABLE ${PROGRESS_TABLE}`;

// Sizes are measured before anything is read: a row that does not hold what is written here costs no memory.
const upTo = (column: string, name: string, maxBytes: number): string =>
  `iif(octet_length(${column}) <= ${maxBytes}, ${column}, NULL) AS ${name}`;
const columns = (maxValueBytes: number): string =>
  [
    'SELECT id, octet_length(value) AS valueBytes',
    upTo('task', 'task', MAX_COLUMN_BYTES.task),
    upTo('key_id', 'keyId', MAX_COLUMN_BYTES.keyId),
    upTo('signature', 'signature', MAX_COLUMN_BYTES.signature),
    upTo('value', 'value', maxValueBytes),
  ].join(', ');
const SELECT = `${columns(MAX_BATCHED_VALUE_BYTES)} FROM journal`;
const SELECT_PROGRESS = `${columns(MAX_VALUE_BYTES)} FROM journal_progress`;

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
   * Opens the journal of a run, or creates it.
   *
   * @throws {@link RunBusyError} while another owner holds it, {@link RunJournalError} when it cannot be used.
   */
  static async open(location: RunLocation): Promise<JournalFile> {
    const { runId } = location;
    const path = journalPath(location);
    let database: Database | undefined;
    try {
      // Answers are paid for: they have to survive a power cut too, and the waiting is done beside the run.
      database = await openDatabase(path, {
        owner: OWNER,
        synchronous: 'full',
        busyTimeoutMs: BUSY_TIMEOUT_MS,
      });
      await database.query('PRAGMA locking_mode=EXCLUSIVE');
      // The lock is taken with the first write and kept from then on; this one changes nothing where there is a table.
      await database.query(CREATE);
      await database.query(CREATE_PROGRESS);
      await checkTables(database, path, runId);
    } catch (error) {
      await database?.close().catch(() => {});
      throw toRunError(error, { runId, path });
    }
    return new JournalFile(runId, database);
  }

  /** The rows of these ids, in order of their ids. Long values are left out: see {@link JournalFile.withValue}. */
  rowsOf(ids: readonly number[]): Promise<FoundRow[]> {
    const where = 'WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id';
    return this.#query(`${SELECT} ${where}`, [JSON.stringify(ids)]);
  }

  /** Up to `count` rows whose ids are larger, in order of their ids, without long values. */
  rowsAfter(id: number, count: number): Promise<FoundRow[]> {
    return this.#query(`${SELECT} WHERE id > ? ORDER BY id LIMIT ?`, [id, count]);
  }

  /** The row of this id, with its value. */
  async rowOf(id: number): Promise<FoundRow | undefined> {
    const [row] = await this.rowsOf([id]);
    return row !== undefined && lacksValue(row) ? this.withValue(row) : row;
  }

  /** Reads the value of a row that {@link lacksValue}. */
  async withValue(row: FoundRow): Promise<FoundRow> {
    const [found] = await this.#query<{ value: SqlValue }>('SELECT value FROM journal WHERE id = ?', [
      row.id,
    ]);
    return { ...row, value: found?.value };
  }

  /** The smallest and the largest id; both that of the head in a journal without rows. */
  async idRange(): Promise<{ readonly first: number; readonly last: number }> {
    // Rows may have been added by others, and numbers beyond these are not exact.
    const [row] = await this.#query<{ first: number | null; last: number | null }>(
      `SELECT min(id) AS first, max(id) AS last FROM journal WHERE id BETWEEN ? AND ?`,
      [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    );
    return { first: row?.first ?? HEAD_ID, last: row?.last ?? HEAD_ID };
  }

  /** Whether any row names one of these keys. */
  async hasRowOf(keyIds: readonly string[]): Promise<boolean> {
    const sql =
      'SELECT 1 FROM journal WHERE octet_length(key_id) = ? AND key_id IN (SELECT value FROM json_each(?)) LIMIT 1';
    return (await this.#query(sql, [MAX_COLUMN_BYTES.keyId, JSON.stringify(keyIds)])).length > 0;
  }

  /** Writes the rows over those with the same ids; when it resolves they are on disk. */
  write(rows: readonly SignedRow[]): Promise<void> {
    return this.#writeInto('journal', rows);
  }

  /** Does the same as {@link JournalFile.write} for rows of progress. */
  writeProgress(rows: readonly SignedRow[]): Promise<void> {
    return this.#writeInto('journal_progress', rows);
  }

  /** The positions of tasks with progress. */
  async progressPositions(): Promise<number[]> {
    const rows = await this.#query<{ position: number }>(
      'SELECT DISTINCT position FROM journal_progress WHERE id BETWEEN 0 AND ?',
      [Number.MAX_SAFE_INTEGER],
    );
    return rows.map(({ position }) => position);
  }

  /** The ids of the rows of progress from the first id to before the last one, in order. */
  async progressIds(first: number, end: number): Promise<number[]> {
    const sql = 'SELECT id FROM journal_progress WHERE id >= ? AND id < ? ORDER BY id';
    return (await this.#query<{ id: number }>(sql, [first, end])).map(({ id }) => id);
  }

  /** A row of progress, with its value unless that is too long to be one of ours. */
  async progressRow(id: number): Promise<FoundRow | undefined> {
    return (await this.#query<FoundRow>(`${SELECT_PROGRESS} WHERE id = ?`, [id]))[0];
  }

  /** Removes the progress of tasks. */
  async removeProgress(positions: readonly number[]): Promise<void> {
    await this.#query('DELETE FROM journal_progress WHERE position IN (SELECT value FROM json_each(?))', [
      JSON.stringify(positions),
    ]);
  }

  async #writeInto(table: 'journal' | 'journal_progress', rows: readonly SignedRow[]): Promise<void> {
    for (let from = 0; from < rows.length; from += MAX_ROWS_PER_STATEMENT) {
      const some = rows.slice(from, from + MAX_ROWS_PER_STATEMENT);
      const places = some.map(() => '(?,?,?,?,?)').join(',');
      await this.#query(
        `INSERT OR REPLACE INTO ${table} (id, key_id, task, value, signature) VALUES ${places}`,
        some.flatMap(({ id, keyId, task, value, signature }) => [id, keyId, task, value, signature]),
      );
    }
  }

  /** Removes up to 500 of the rows outside of these ids; returns the ids of those it removed. */
  async removeOutside(first: number, last: number): Promise<number[]> {
    // As floating-point numbers: an id that was not written here may be larger than any exact number.
    const removed = await this.#query<{ id: number }>(
      `DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id < ? OR id > ? LIMIT ${MAX_ROWS_PER_STATEMENT}) ` +
        'RETURNING id * 1.0 AS id',
      [first, last],
    );
    return removed.map(({ id }) => id);
  }

  /** Closes the file, which drops its lock. */
  close(): Promise<void> {
    return this.#database.close();
  }

  /** Closes the file and gives it another name; returns that name. */
  async moveAside(epochMs: number): Promise<string | undefined> {
    await this.close();
    const found = await identify(this.path);
    return found === undefined ? undefined : moveAside(this.path, found, epochMs);
  }

  async #query<Row>(sql: string, params: readonly SqlValue[]): Promise<Row[]> {
    try {
      return await this.#database.query<Row>(sql, params);
    } catch (error) {
      throw toRunError(error, this);
    }
  }
}

/** Whether a row was read without its value because that is long; one that is too long is never read. */
export function lacksValue({ valueBytes }: FoundRow): boolean {
  return valueBytes > MAX_BATCHED_VALUE_BYTES && valueBytes <= MAX_VALUE_BYTES;
}

/** Deletes the file of a journal and what SQLite keeps beside it. */
export async function deleteJournal(path: string): Promise<void> {
  for (const companion of ['-wal', '-shm', '']) await rm(path + companion, { force: true });
}

/** @throws {@link RunJournalError} when a table is not the one created here, or something is added to it. */
async function checkTables(database: Database, path: string, runId: string): Promise<void> {
  const [schema] = await database.query<{ objects: number; created: number }>(
    "SELECT count(*) AS objects, sum(sql IN (?, ?)) AS created FROM sqlite_master WHERE tbl_name IN ('journal', 'journal_progress') OR type IN ('trigger', 'view')",
    [CREATED, CREATED_PROGRESS],
  );
  if (schema?.objects !== 2 || schema.created !== 2) {
    const what = 'has tables that tutti did not create; the file was left as it is.';
    throw new RunJournalError({ runId, path }, 'format', what);
  }
}

function toRunError(error: unknown, journal: { runId: string; path: string }): unknown {
  if (!DatabaseError.isInstance(error) || fieldOf(error, 'code') !== 'TUTTI_DATABASE') return error;
  const { problem, message } = error as DatabaseError;
  if (problem === 'busy') return new RunBusyError(journal.runId, journal.path, { cause: error });
  if (problem === 'version') return new RunJournalError(journal, 'format', OTHER_VERSION, { cause: error });
  if (problem === 'foreign') return new RunJournalError(journal, 'format', NOT_OURS, { cause: error });
  const what =
    problem === 'corrupt'
      ? `is damaged; it was left as it is. Restore it from a copy, or move it away (with its -wal file) to begin the run again. (${message})`
      : `cannot be used. ${message}`;
  return new RunJournalError(journal, problem, what, { cause: error });
}

const OTHER_VERSION =
  'was written by another version of tutti; the file was left as it is. Use the version that wrote it, or another runId.';
const NOT_OURS =
  'is of another application, or was written by a version of tutti that did not sign journals, so what is in it cannot ' +
  'be verified; the file was left as it is. Let the version that wrote it finish the run, or begin it again: with ' +
  'deleteRun() from tutti/runs, or under another runId.';

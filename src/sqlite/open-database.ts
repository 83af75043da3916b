import { resolve } from 'node:path';
import { DatabaseError } from '../errors/storage-errors.js';
import { type Clock, systemClock } from '../time/clock.js';
import type { SqliteDriver, SqliteDriverName, SqlRow, SqlValue } from './driver.js';
import { type FileState, type HeldFile, holdFile, identify, stateOf } from './held-file.js';
import { moveAside } from './move-aside.js';
import { retryWhileBusy } from './node-driver.js';
import { type DriverLoader, loadDriver, openDriver } from './open-driver.js';
import { toDatabaseError } from './sqlite-error.js';

/** How a SQLite file is opened. */
export interface OpenDatabaseOptions {
  /** Which library to use; `auto` takes @keyv/sqlite, else node:sqlite. @default 'auto' */
  driver?: 'auto' | SqliteDriverName | undefined;
  /**
   * When a write counts as done: `normal` may lose the last moments when the machine (not the process) goes down,
   * `full` does not. @default 'normal'
   */
  synchronous?: 'normal' | 'full' | undefined;
  /** How long to wait for another process's lock, in milliseconds. @default 5_000 */
  busyTimeoutMs?: number | undefined;
  /**
   * How thoroughly the file is looked at first: `header` reads 16 bytes, `quick` has SQLite walk through the whole
   * file. @default 'quick'
   */
  check?: 'header' | 'quick' | undefined;
  /**
   * How large the pages of a new file are, in bytes: a power of 2 from 512 to 65_536. A file that is there keeps its own.
   * @default SQLite's, 4_096
   */
  pageSizeBytes?: number | undefined;
  /**
   * How long the write-ahead log grows, in bytes, before it is written into the file. Writing it back waits for the
   * disk twice, however long it is. @default 16 MiB
   */
  logSizeBytes?: number | undefined;
  /** What to do with a file that is no database or a broken one. @default 'throw' */
  ifCorrupt?: 'throw' | 'move-aside' | undefined;
  /** Where the date in the name of a file moved aside comes from. Waiting for locks takes real time. @default systemClock */
  clock?: Clock | undefined;
  /** Loads the drivers' libraries; for tests. @default the installed ones */
  load?: DriverLoader | undefined;
}

/** One open SQLite file. */
export interface Database {
  /** The file, or `:memory:`. */
  readonly path: string;
  /** Which library it goes through. */
  readonly driver: SqliteDriverName;
  /** SQLite's own version, for instance `3.44.2`. */
  readonly sqliteVersion: string;
  /** What a corrupt file in its place was renamed to, when it was opened with `ifCorrupt: 'move-aside'`. */
  readonly movedAside: string | undefined;
  /**
   * Runs one statement and returns its rows. Statements that write run one after the other, in the order they were
   * given; a statement that starts with SELECT may overtake them.
   *
   * @throws {@link DatabaseError}
   */
  query<Row = SqlRow>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
  /**
   * As `query`, for a SELECT that comes again and again with other values, of which there are few: it is parsed once.
   * It sees what was written before it was asked for, and does not wait for writes that run.
   *
   * @throws {@link DatabaseError}
   */
  read<Row = SqlRow>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
  /** Whether the file is still the one that was opened. */
  fileState(): Promise<FileState>;
  /** Waits for running statements and closes. Twice is once. */
  close(): Promise<void>;
}

/**
 * Opens a SQLite file: its folder is made (0700), the file is for its owner alone (0600), and it uses a write-ahead
 * log. `:memory:` is a database without a file.
 *
 * @throws {@link DatabaseError} with a `problem`: `driver-missing`, `cannot-open`, `corrupt`, `read-only` and so on.
 */
export async function openDatabase(path: string, options: OpenDatabaseOptions = {}): Promise<Database> {
  if (path === ':memory:') return connect(path, options, undefined, undefined);
  const file = resolve(path);
  try {
    return await openFile(file, options, undefined);
  } catch (error) {
    const isCorrupt = DatabaseError.isInstance(error) && (error as DatabaseError).problem === 'corrupt';
    if (!isCorrupt || options.ifCorrupt !== 'move-aside') throw error;
  }
  const { clock = systemClock } = options;
  const found = await identify(file);
  const aside = found === undefined ? undefined : await moveAside(file, found, clock.epochMs());
  return openFile(file, options, aside);
}

async function openFile(
  path: string,
  options: OpenDatabaseOptions,
  movedAside: string | undefined,
): Promise<Database> {
  const file = await holdFile(path).catch((cause: unknown) => {
    throw new DatabaseError('cannot-open', path, `SQLite file ${path} cannot be made or opened: ${cause}.`, {
      cause,
    });
  });
  try {
    if (await file.isDatabase()) return await connect(path, options, file, movedAside);
    throw new DatabaseError('corrupt', path, `${path} is not a SQLite file.`);
  } catch (error) {
    await file.release();
    throw DatabaseError.isInstance(error) ? error : toDatabaseError(error, path);
  }
}

async function connect(
  path: string,
  options: OpenDatabaseOptions,
  file: HeldFile | undefined,
  movedAside: string | undefined,
): Promise<Database> {
  const { driver = 'auto', busyTimeoutMs = 5_000, load = loadDriver } = options;
  let connection: SqliteDriver | undefined;
  try {
    connection = await openDriver({ path, driver, busyTimeoutMs, load });
    const sqliteVersion = await prepareConnection(connection, options, busyTimeoutMs);
    return new OpenDatabase(connection, { path, sqliteVersion, file, movedAside });
  } catch (error) {
    await connection?.close().catch(() => {});
    throw DatabaseError.isInstance(error) ? error : toDatabaseError(error, path);
  }
}

const DEFAULT_LOG_BYTES = 16 * 1024 * 1024;
/** A file of so many pages holds nothing but what the driver itself made. */
const MAX_NEW_PAGES = 4;

/** The page size is fixed once the file has content, so an almost empty file is rewritten. */
async function setPageSize(connection: SqliteDriver, sizeBytes: number): Promise<void> {
  const [row] = await connection.query(
    'SELECT page_size, page_count, journal_mode FROM pragma_page_size, pragma_page_count, pragma_journal_mode',
    [],
  );
  if (row === undefined || row.page_size === sizeBytes || Number(row.page_count) > MAX_NEW_PAGES) return;
  // Once it has a write-ahead log the size is fixed: another process was quicker.
  if (row.journal_mode === 'wal') return;
  await connection.query(`PRAGMA page_size=${sizeBytes}`, []);
  await connection.query('VACUUM', []);
}

async function prepareConnection(
  connection: SqliteDriver,
  options: OpenDatabaseOptions,
  busyTimeoutMs: number,
): Promise<string> {
  // Changing the journal does not wait for locks by itself, so processes that start together would fail at once.
  const run = (sql: string) => retryWhileBusy(() => connection.query(sql, []), busyTimeoutMs);
  if (options.pageSizeBytes !== undefined)
    await setPageSize(connection, options.pageSizeBytes).catch(() => {});
  await run('PRAGMA journal_mode=WAL');
  await run(`PRAGMA synchronous=${options.synchronous === 'full' ? 'FULL' : 'NORMAL'}`);
  const { logSizeBytes = DEFAULT_LOG_BYTES } = options;
  await run(`PRAGMA journal_size_limit=${logSizeBytes}`);
  const [page] = await run('PRAGMA page_size');
  await run(`PRAGMA wal_autocheckpoint=${Math.ceil(logSizeBytes / Number(page?.page_size ?? 4_096))}`);
  await run('PRAGMA cache_size=-8000');
  if ((options.check ?? 'quick') === 'quick') {
    const [row] = await run('PRAGMA quick_check(1)');
    const verdict = Object.values(row ?? {})[0];
    if (verdict !== 'ok') throw Object.assign(new Error(String(verdict)), { errno: 11 });
  }
  const [row] = await run('SELECT sqlite_version() AS version');
  return String(row?.version);
}

interface OpenDatabaseFacts {
  readonly path: string;
  readonly sqliteVersion: string;
  readonly file: HeldFile | undefined;
  readonly movedAside: string | undefined;
}

const READS = /^\s*select\b/i;

class OpenDatabase implements Database {
  readonly path: string;
  readonly driver: SqliteDriverName;
  readonly sqliteVersion: string;
  readonly movedAside: string | undefined;
  readonly #file: HeldFile | undefined;
  readonly #connection: SqliteDriver;
  readonly #succeeded: (rows: SqlRow[]) => SqlRow[];
  readonly #failed: (cause: unknown) => never;
  #statements = 0;
  #whenIdle: (() => void) | undefined;
  #lastWrite: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(connection: SqliteDriver, facts: OpenDatabaseFacts) {
    this.#connection = connection;
    this.driver = connection.name;
    this.path = facts.path;
    this.sqliteVersion = facts.sqliteVersion;
    this.movedAside = facts.movedAside;
    this.#file = facts.file;
    // Made once, as every read needs both.
    this.#succeeded = (rows) => {
      this.#ended();
      return rows;
    };
    this.#failed = (cause) => {
      this.#ended();
      throw toDatabaseError(cause, this.path);
    };
  }

  query<Row = SqlRow>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    if (this.#closing !== undefined) return Promise.reject(this.#closedError());
    return this.#running(READS.test(sql) ? this.#connection.query(sql, params) : this.#write(sql, params));
  }

  read<Row = SqlRow>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    if (this.#closing !== undefined) return Promise.reject(this.#closedError());
    return this.#running(this.#connection.read(sql, params));
  }

  /** Counts the statement as one that closing waits for. */
  #running<Row>(rows: Promise<SqlRow[]>): Promise<Row[]> {
    this.#statements++;
    return rows.then(this.#succeeded, this.#failed) as Promise<Row[]>;
  }

  #write(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]> {
    const result = this.#lastWrite.then(() => this.#connection.query(sql, params));
    this.#lastWrite = result.catch(() => {});
    return result;
  }

  #ended(): void {
    if (--this.#statements === 0) this.#whenIdle?.();
  }

  #closedError(): DatabaseError {
    return new DatabaseError('closed', this.path, `SQLite file ${this.path} was closed.`);
  }

  async fileState(): Promise<FileState> {
    return this.#file === undefined || this.#closing !== undefined ? 'ok' : stateOf(this.path, this.#file);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#statements > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    try {
      await this.#connection.close();
    } catch (cause) {
      throw toDatabaseError(cause, this.path);
    } finally {
      await this.#file?.release();
    }
  }
}

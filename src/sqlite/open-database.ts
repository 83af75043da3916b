import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DatabaseError } from '../errors/storage-errors.js';
import { type Clock, systemClock } from '../time/clock.js';
import { retryWhileBusy } from './busy.js';
import { createFile, DatabaseFile, type FileState, findFile, identify, narrowMode } from './database-file.js';
import type { SqliteDriver, SqliteDriverName, SqlRow, SqlValue } from './driver.js';
import { type DatabaseOwner, type Inspection, type Ownership, ownershipOf } from './inspection.js';
import { type AsideReason, moveAside } from './move-aside.js';
import { type DriverLoader, type LoadedDriver, loadDriver, loadLibrary } from './open-driver.js';
import { claimFile } from './process-claims.js';
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
  /** What to do with a file that is corrupt, no database at all, or of another version. @default 'throw' */
  ifUnusable?: 'throw' | 'move-aside' | undefined;
  /**
   * Whose files may be opened. New files are marked as this owner's; a file of another application is refused
   * before anything of it is changed. @default every file may be opened
   */
  owner?: DatabaseOwner | undefined;
  /** Where the date in the name of a file moved aside comes from. Waiting for locks takes real time. @default systemClock */
  clock?: Clock | undefined;
  /** Loads the drivers' libraries; for tests. @default the installed ones */
  load?: DriverLoader | undefined;
}

/** A file that was moved aside. */
export interface MovedFile {
  /** Its new path. */
  readonly path: string;
  /** Why it was moved. */
  readonly reason: AsideReason;
}

/** Runs one statement and returns its rows. */
export type RunStatement = <Row = SqlRow>(sql: string, params?: readonly SqlValue[]) => Promise<Row[]>;

/** One open SQLite file. */
export interface Database {
  /** The file, or `:memory:`. */
  readonly path: string;
  /** Which library it goes through. */
  readonly driver: SqliteDriverName;
  /** SQLite's own version, for instance `3.44.2`. */
  readonly sqliteVersion: string;
  /** What an unusable file in its place was renamed to, with `ifUnusable: 'move-aside'`. */
  readonly movedAside: MovedFile | undefined;
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
  /**
   * Runs work while no statement that writes is running on this connection, through `query`, `exclusively` or
   * `transaction`. The work must use `run`: `query` would wait for it.
   *
   * @throws what the work throws; {@link DatabaseError}
   */
  exclusively<T>(work: (run: RunStatement) => Promise<T>): Promise<T>;
  /**
   * As `exclusively`, in one transaction that no other connection can write beside; undone when the work throws.
   *
   * @throws what the work throws; {@link DatabaseError}
   */
  transaction<T>(work: (run: RunStatement) => Promise<T>): Promise<T>;
  /** Whether the file is still the one that was opened. */
  fileState(): Promise<FileState>;
  /** Waits for running statements and closes. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a SQLite file: its folder is created (0700), the file is for its owner alone (0600), and it uses a write-ahead
 * log. `:memory:` is a database without a file.
 *
 * @throws {@link DatabaseError} with a `problem`: `driver-missing`, `cannot-open`, `corrupt`, `foreign`, `read-only`
 * and so on.
 */
export async function openDatabase(path: string, options: OpenDatabaseOptions = {}): Promise<Database> {
  const { driver: name = 'auto', load = loadLibrary, clock = systemClock } = options;
  const driver = await loadDriver({ path, driver: name, load });
  if (path === ':memory:') return connect(path, options, driver, {});
  const file = resolve(path);
  try {
    return await openFile(file, options, driver, undefined);
  } catch (error) {
    const reason = asideReason(error);
    if (reason === undefined || options.ifUnusable !== 'move-aside') throw error;
    const found = await identify(file);
    const aside = found === undefined ? undefined : await moveAside(file, found, clock.epochMs(), reason);
    return openFile(file, options, driver, aside === undefined ? undefined : { path: aside, reason });
  }
}

function asideReason(error: unknown): AsideReason | undefined {
  if (!DatabaseError.isInstance(error)) return undefined;
  const { problem, details } = error as DatabaseError;
  if (problem === 'version') return `version-${Number(details.version)}`;
  return problem === 'corrupt' ? 'corrupt' : undefined;
}

async function openFile(
  path: string,
  options: OpenDatabaseOptions,
  driver: LoadedDriver,
  movedAside: MovedFile | undefined,
): Promise<Database> {
  const found = await findFile(path).catch((cause: unknown) => {
    throw cannotOpen(path, cause);
  });
  if (found !== undefined && !found.isEmpty && options.owner !== undefined) {
    checkOwnership(path, options.owner, await ownershipAt(path, options.owner, driver));
  }
  const id = await prepareFile(path).catch((cause: unknown) => {
    throw cannotOpen(path, cause);
  });
  const release = claimFile(id, driver.library);
  if (release === undefined) {
    throw new DatabaseError(
      'cannot-open',
      path,
      `SQLite file ${path} is open in this process through another copy of SQLite, which would lose its locks. ` +
        'Use the same driver and one installation of it for all connections.',
    );
  }
  try {
    return await connect(path, options, driver, { file: new DatabaseFile(path, id), release, movedAside });
  } catch (error) {
    release();
    throw error;
  }
}

function cannotOpen(path: string, cause: unknown): DatabaseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DatabaseError('cannot-open', path, `SQLite file ${path} cannot be created or opened: ${why}.`, {
    cause,
  });
}

async function prepareFile(path: string): Promise<string> {
  if ((await findFile(path)) === undefined) await createFile(path);
  // SQLite would only say that it cannot open the file.
  await access(path, constants.R_OK | constants.W_OK);
  await narrowMode(path);
  return (await identify(path)) ?? '';
}

/** Whose the file is, found without changing it. */
async function ownershipAt(path: string, owner: DatabaseOwner, driver: LoadedDriver): Promise<Ownership> {
  let found: Inspection;
  try {
    found = await driver.inspect(path, true);
    const ownership = ownershipOf(found, owner);
    // Tables that another application has just created may still be in its log.
    if (ownership !== 'new' || (await identify(`${path}-wal`)) === undefined) return ownership;
    return ownershipOf(await driver.inspect(path, false), owner);
  } catch {
    // Read without locks, it may have been in the middle of a change.
    return driver.inspect(path, false).then(
      (again) => ownershipOf(again, owner),
      (error: unknown) => {
        const failure = toDatabaseError(error, path);
        if (failure.problem === 'corrupt') throw failure;
        return 'own';
      },
    );
  }
}

function checkOwnership(path: string, owner: DatabaseOwner, ownership: Ownership): void {
  if (ownership === 'foreign') {
    const message = `${path} is a database of another application; it is left as it is. Choose another folder.`;
    throw new DatabaseError('foreign', path, message);
  }
  if (typeof ownership === 'string') return;
  const { version } = ownership;
  throw new DatabaseError(
    'version',
    path,
    `${path} has version ${version} of the tables; this version of the library uses ${owner.version}.`,
    { details: { version } },
  );
}

/** What belongs to a connection to a file. */
interface FileFacts {
  readonly file?: DatabaseFile | undefined;
  readonly release?: (() => void) | undefined;
  readonly movedAside?: MovedFile | undefined;
}

async function connect(
  path: string,
  options: OpenDatabaseOptions,
  driver: LoadedDriver,
  facts: FileFacts,
): Promise<Database> {
  const { busyTimeoutMs = 5_000 } = options;
  let connection: SqliteDriver | undefined;
  try {
    connection = await driver.open(path, busyTimeoutMs);
    const sqliteVersion = await prepareConnection(connection, options, busyTimeoutMs);
    return new OpenDatabase(connection, { path, sqliteVersion, ...facts });
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

/** Marks a new file. Before it has a log, so that the file itself says whose it is. */
async function markOwner(
  connection: SqliteDriver,
  owner: DatabaseOwner,
  busyTimeoutMs: number,
): Promise<void> {
  const [row] = await connection.query('PRAGMA application_id', []);
  if (row?.application_id === owner.applicationId) return;
  await retryWhileBusy(() => connection.query('BEGIN IMMEDIATE', []), busyTimeoutMs);
  try {
    await connection.query(`PRAGMA application_id=${owner.applicationId}`, []);
    await connection.query(`PRAGMA user_version=${owner.version}`, []);
    await connection.query('COMMIT', []);
  } catch (error) {
    await connection.query('ROLLBACK', []).catch(() => {});
    throw error;
  }
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
  if (options.owner !== undefined) await markOwner(connection, options.owner, busyTimeoutMs);
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

interface OpenDatabaseFacts extends FileFacts {
  readonly path: string;
  readonly sqliteVersion: string;
}

const READS = /^\s*select\b/i;

class OpenDatabase implements Database {
  readonly path: string;
  readonly driver: SqliteDriverName;
  readonly sqliteVersion: string;
  readonly movedAside: MovedFile | undefined;
  readonly #facts: FileFacts;
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
    this.#facts = facts;
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
    return this.#running(READS.test(sql) ? this.#connection.query(sql, params) : this.#inTurn(sql, params));
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

  exclusively<T>(work: (run: RunStatement) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(this.#closedError());
    this.#statements++;
    const run: RunStatement = async <Row>(sql: string, params: readonly SqlValue[] = []) => {
      try {
        return (await this.#connection.query(sql, params)) as Row[];
      } catch (cause) {
        throw toDatabaseError(cause, this.path);
      }
    };
    return this.#chained(() => work(run)).finally(() => this.#ended());
  }

  transaction<T>(work: (run: RunStatement) => Promise<T>): Promise<T> {
    return this.exclusively(async (run) => {
      await run('BEGIN IMMEDIATE');
      try {
        const result = await work(run);
        await run('COMMIT');
        return result;
      } catch (error) {
        // SQLite may have undone it already, for instance on a full disk.
        await run('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  #inTurn(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#chained(() => this.#connection.query(sql, params));
  }

  /** Runs work after everything that was given before. */
  #chained<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastWrite.then(work);
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
    const { file } = this.#facts;
    return file === undefined || this.#closing !== undefined ? 'ok' : file.state();
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
      this.#facts.release?.();
    }
  }
}

import { createRequire } from 'node:module';
import type { SqlRow, SqlValue } from './driver.js';

type Done<T = unknown> = (error: Error | null, result: T) => void;

interface Statement {
  all(params: readonly SqlValue[], done: Done<SqlRow[]>): unknown;
  finalize(done: Done): unknown;
}

interface Connection {
  configure(option: 'busyTimeout', ms: number): void;
  prepare(sql: string, done: Done): Statement;
  close(done: Done): void;
}

/** What is used of sqlite3, the library below @keyv/sqlite. */
export interface Sqlite3Module {
  readonly OPEN_READONLY: number;
  readonly Database: new (path: string, mode: number, done: Done) => Connection;
}

/** How {@link PreparedReads} are set up. */
export interface PreparedReadsOptions {
  readonly path: string;
  readonly busyTimeoutMs: number;
  /** Loads sqlite3; for tests. @default the one that @keyv/sqlite uses */
  readonly load?: (() => Sqlite3Module) | undefined;
}

/**
 * Read-only statements, parsed once, on a read-only connection of their own: the store behind @keyv/sqlite parses each
 * statement every time, which takes another turn of the thread pool, and makes reads wait behind writes.
 *
 * Opened on first use. If that fails, callers use the store's own connection.
 */
export class PreparedReads {
  readonly #options: PreparedReadsOptions;
  readonly #statements = new Map<string, Statement>();
  readonly #preparing = new Map<string, Promise<void>>();
  #opening: Promise<Connection> | undefined;
  #isClosed = false;

  constructor(options: PreparedReadsOptions) {
    this.#options = options;
  }

  /** The rows; `undefined` while the statement is not prepared, which the first asking begins. */
  read(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]> | undefined {
    const statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (!this.#preparing.has(sql)) this.#preparing.set(sql, this.#prepare(sql));
      return undefined;
    }
    return new Promise((resolve, reject) => {
      // All rows, even of one: a statement that is left before its end would keep the log from being written back.
      statement.all(params, (error, rows) => (error === null ? resolve(rows) : reject(error)));
    });
  }

  /** To be called when nothing is being read any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#preparing.values());
    for (const statement of this.#statements.values()) await settled((done) => statement.finalize(done));
    this.#statements.clear();
    const connection = await this.#opening?.catch(() => undefined);
    if (connection !== undefined) await settled((done) => connection.close(done));
  }

  /** Never rejects: without it a read is slower, and that is all. */
  async #prepare(sql: string): Promise<void> {
    try {
      this.#opening ??= openReading(this.#options);
      const connection = await this.#opening;
      if (this.#isClosed) return;
      const statement = await new Promise<Statement>((resolve, reject) => {
        const made = connection.prepare(sql, (error) => (error === null ? resolve(made) : reject(error)));
      });
      this.#statements.set(sql, statement);
    } catch {
      // It stays among those being prepared, so that it is not tried again with each read.
    }
  }
}

async function openReading({
  path,
  busyTimeoutMs,
  load = loadSqlite3,
}: PreparedReadsOptions): Promise<Connection> {
  const { Database, OPEN_READONLY } = load();
  const connection = await new Promise<Connection>((resolve, reject) => {
    const made = new Database(path, OPEN_READONLY, (error) =>
      error === null ? resolve(made) : reject(error),
    );
  });
  connection.configure('busyTimeout', busyTimeoutMs);
  return connection;
}

/** The very library that the store uses: a second copy of SQLite in one process would drop the locks of the first. */
function loadSqlite3(): Sqlite3Module {
  const store = createRequire(import.meta.url).resolve('@keyv/sqlite');
  return createRequire(store)('sqlite3') as Sqlite3Module;
}

/** Waits for the end, good or bad: there is nothing left to do about it. */
function settled(run: (done: Done) => unknown): Promise<void> {
  return new Promise((resolve) => {
    run(() => resolve());
  });
}

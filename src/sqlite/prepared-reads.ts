import type { SqlRow, SqlValue } from './driver.js';
import {
  type Connection,
  loadSqlite3,
  openReadOnly,
  type Sqlite3Module,
  type Statement,
  settled,
} from './sqlite3.js';

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
  const connection = await openReadOnly(load(), path);
  connection.configure('busyTimeout', busyTimeoutMs);
  return connection;
}

/** What can be bound to a statement. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** One row: column names and values. */
export type SqlRow = Record<string, SqlValue>;

/** Which library talks to SQLite. */
export type SqliteDriverName = 'keyv-sqlite' | 'node-sqlite';

/** One open connection, as thin as the libraries below allow. Errors are theirs, unwrapped. */
export interface SqliteDriver {
  /** Which library it is. */
  readonly name: SqliteDriverName;
  /** Runs one statement and returns its rows. */
  query(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]>;
  /** The same for a SELECT that comes again and again: it is parsed once, where the library can. */
  read(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]>;
  /** Closes the connection. */
  close(): Promise<void>;
}

import type { SqlRow, SqlValue } from './driver.js';
import { INSPECT, type Inspection, immutableUri, toInspection } from './inspection.js';

/** Node's callback, as sqlite3 uses it. */
export type Done<T = unknown> = (error: Error | null, result: T) => void;

/** A prepared statement of sqlite3. */
export interface Statement {
  all(params: readonly SqlValue[], done: Done<SqlRow[]>): unknown;
  finalize(done: Done): unknown;
}

/** A connection of sqlite3. */
export interface Connection {
  configure(option: 'busyTimeout', ms: number): void;
  all(sql: string, params: readonly SqlValue[], done: Done<SqlRow[]>): unknown;
  prepare(sql: string, done: Done): Statement;
  close(done: Done): void;
}

/** What is used of sqlite3, the library below @keyv/sqlite. */
export interface Sqlite3Module {
  readonly OPEN_READONLY: number;
  readonly OPEN_URI?: number;
  readonly Database: new (path: string, mode: number, done: Done) => Connection;
}

/**
 * The very library that @keyv/sqlite uses: a second copy of SQLite in one process would drop the locks of the first.
 *
 * @throws when it is not installed, or its native part is missing.
 */
export function loadSqlite3(): Sqlite3Module {
  return requireFrom(sqlite3Path())(sqlite3Path()) as Sqlite3Module;
}

/** Where sqlite3 lies: which copy of SQLite it is. */
export function sqlite3Path(): string {
  return requireFrom(requireFrom(ownPath()).resolve('@keyv/sqlite')).resolve('sqlite3');
}

/**
 * Of this file, or of the bundle that it became part of: in a CommonJS one `import.meta` is empty. Not the other way
 * round: code that a worker thread is given as text has a `__filename` of its own, which leads nowhere.
 */
function ownPath(): string {
  const url: string | undefined = import.meta.url;
  return url ?? __filename;
}

/** Not an imported `createRequire`, which bundlers follow, and fail where the package is not installed. */
function requireFrom(path: string): NodeJS.Require {
  return process.getBuiltinModule('node:module').createRequire(path);
}

/** A connection that cannot write. */
export function openReadOnly(
  { Database, OPEN_READONLY }: Sqlite3Module,
  path: string,
  flags = 0,
): Promise<Connection> {
  return new Promise<Connection>((resolve, reject) => {
    const made = new Database(path, OPEN_READONLY | flags, (error) =>
      error === null ? resolve(made) : reject(error),
    );
  });
}

/** Looks at a file; `isImmutable` without its log, and without creating or locking anything. */
export async function inspectWithSqlite3(path: string, isImmutable: boolean): Promise<Inspection> {
  const library = loadSqlite3();
  const connection = isImmutable
    ? await openReadOnly(library, immutableUri(path), library.OPEN_URI ?? 0x40)
    : await openReadOnly(library, path);
  try {
    return await new Promise<Inspection>((resolve, reject) => {
      connection.all(INSPECT, [], (error, rows) =>
        error === null ? resolve(toInspection(rows[0])) : reject(error),
      );
    });
  } finally {
    await settled((done) => connection.close(done));
  }
}

/** Waits for the end, good or bad: there is nothing left to do about it. */
export function settled(run: (done: Done) => unknown): Promise<void> {
  return new Promise((resolve) => {
    run(() => resolve());
  });
}

import { DatabaseError } from '../errors/storage-errors.js';
import type { SqliteDriver, SqliteDriverName } from './driver.js';
import type { Inspection } from './inspection.js';
import { type KeyvSqliteModule, openKeyvDriver } from './keyv-driver.js';
import { inspectWithNode, type NodeSqliteModule, openNodeDriver } from './node-driver.js';
import { inspectWithSqlite3, loadSqlite3, sqlite3Path } from './sqlite3.js';

/** Loads the library behind a driver; throws or returns `undefined` where it is missing. */
export type DriverLoader = (name: SqliteDriverName) => Promise<unknown>;

/** Which driver to load, and for what file. */
export interface LoadDriverOptions {
  readonly path: string;
  readonly driver: 'auto' | SqliteDriverName;
  readonly load: DriverLoader;
}

/** A driver whose library is loaded. */
export interface LoadedDriver {
  /** Which copy of SQLite it is: two in one process drop each other's locks. */
  readonly library: string;
  /** Opens a connection. */
  readonly open: (path: string, busyTimeoutMs: number) => Promise<SqliteDriver>;
  /** Looks at a file; `isImmutable` without its log, and without creating or locking anything. */
  readonly inspect: (path: string, isImmutable: boolean) => Promise<Inspection>;
}

const NAMES: readonly SqliteDriverName[] = ['keyv-sqlite', 'node-sqlite'];

/**
 * The first driver that can be loaded. One that loads but cannot open the file is not followed by the next one: then
 * the file is the problem.
 *
 * @throws {@link DatabaseError} (`driver-missing`) that says what to install.
 */
export async function loadDriver(options: LoadDriverOptions): Promise<LoadedDriver> {
  const causes: unknown[] = [];
  for (const name of options.driver === 'auto' ? NAMES : [options.driver]) {
    const library = await options.load(name).catch((cause: unknown) => {
      causes.push(cause);
    });
    if (library !== undefined) return name === 'keyv-sqlite' ? keyvDriver(library) : nodeDriver(library);
  }
  throw missingDriver(options, causes[0]);
}

function keyvDriver(library: unknown): LoadedDriver {
  return {
    library: sqlite3Path(),
    open: (path, busyTimeoutMs) => openKeyvDriver(library as KeyvSqliteModule, path, busyTimeoutMs),
    inspect: inspectWithSqlite3,
  };
}

function nodeDriver(library: unknown): LoadedDriver {
  return {
    library: 'node:sqlite',
    open: (path, busyTimeoutMs) => openNodeDriver(library as NodeSqliteModule, path, busyTimeoutMs),
    inspect: async (path, isImmutable) => inspectWithNode(library as NodeSqliteModule, path, isImmutable),
  };
}

/** Loaded on use: the native part of the one may be missing, and older Nodes do not have the other. */
export const loadLibrary: DriverLoader = async (name) => {
  if (name === 'keyv-sqlite') {
    // Before the import, because a failing one leaves a second rejection on Node 20 that cannot be caught.
    loadSqlite3();
    // In a `try`, so that bundlers leave it out where it is not installed.
    try {
      return await import('@keyv/sqlite');
    } catch (cause) {
      throw new Error('@keyv/sqlite cannot be loaded', { cause });
    }
  }
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => unknown };
  return getBuiltinModule?.('node:sqlite');
};

function missingDriver({ driver, path }: LoadDriverOptions, cause: unknown): DatabaseError {
  const keyv =
    '@keyv/sqlite: npm install @keyv/sqlite; where install scripts are blocked, then ' +
    '"npm install-scripts approve sqlite3 && npm rebuild sqlite3" (pnpm: "pnpm approve-builds")';
  const node = 'node:sqlite, which comes with Node 22.13 and newer';
  const cure =
    driver === 'auto' ? `Either ${keyv}; or ${node}.` : `It needs ${driver === 'node-sqlite' ? node : keyv}.`;
  const message = `No SQLite driver can be loaded for ${path} (driver: "${driver}", Node ${process.version}). ${cure}`;
  return new DatabaseError('driver-missing', path, message, { cause });
}

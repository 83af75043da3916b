import { DatabaseError } from '../errors/storage-errors.js';
import type { SqliteDriver, SqliteDriverName } from './driver.js';
import { type KeyvSqliteModule, openKeyvDriver } from './keyv-driver.js';
import { type NodeSqliteModule, openNodeDriver } from './node-driver.js';

/** Loads the library behind a driver; throws or gives `undefined` where it is missing. */
export type DriverLoader = (name: SqliteDriverName) => Promise<unknown>;

/** Where and how to open. */
export interface OpenDriverOptions {
  readonly path: string;
  readonly driver: 'auto' | SqliteDriverName;
  readonly busyTimeoutMs: number;
  readonly load: DriverLoader;
}

const NAMES: readonly SqliteDriverName[] = ['keyv-sqlite', 'node-sqlite'];

/**
 * Opens a connection with the first driver that can be loaded. A driver that loads but cannot open the file is not
 * followed by the next one: the file is the trouble then.
 *
 * @throws {@link DatabaseError} (`driver-missing`) that names the cure; errors of the driver as they come.
 */
export async function openDriver(options: OpenDriverOptions): Promise<SqliteDriver> {
  const causes: unknown[] = [];
  for (const name of options.driver === 'auto' ? NAMES : [options.driver]) {
    const library = await options.load(name).catch((cause: unknown) => {
      causes.push(cause);
    });
    if (library === undefined) continue;
    const { path, busyTimeoutMs } = options;
    return name === 'keyv-sqlite'
      ? openKeyvDriver(library as KeyvSqliteModule, path, busyTimeoutMs)
      : openNodeDriver(library as NodeSqliteModule, path, busyTimeoutMs);
  }
  throw missingDriver(options, causes[0]);
}

/** Loaded on use: the native part of the one may be missing, and older Nodes do not have the other. */
export const loadDriver: DriverLoader = async (name) => {
  if (name === 'keyv-sqlite') return import('@keyv/sqlite');
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => unknown };
  return getBuiltinModule?.('node:sqlite');
};

function missingDriver({ driver, path }: OpenDriverOptions, cause: unknown): DatabaseError {
  const keyv =
    '@keyv/sqlite: npm install @keyv/sqlite; where install scripts are blocked, then ' +
    '"npm install-scripts approve sqlite3 && npm rebuild sqlite3" (pnpm: "pnpm approve-builds")';
  const node = 'node:sqlite, which comes with Node 22.13 and newer';
  const cure =
    driver === 'auto' ? `Either ${keyv}; or ${node}.` : `It needs ${driver === 'node-sqlite' ? node : keyv}.`;
  const message = `No SQLite driver can be loaded for ${path} (driver: "${driver}", Node ${process.version}). ${cure}`;
  return new DatabaseError('driver-missing', path, message, { cause });
}

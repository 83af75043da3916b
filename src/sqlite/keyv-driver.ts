import { BLOCKING_WAIT_MS, retryWhileBusy } from './busy.js';
import type { SqliteDriver, SqlRow, SqlValue } from './driver.js';
import { DRIVER_TABLE } from './inspection.js';
import { PreparedReads } from './prepared-reads.js';

/** The parts of @keyv/sqlite's store that are used. Its own get, set and iterator are not: they are slow. */
interface KeyvSqliteStore {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  query(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]>;
  close(): Promise<void>;
}

/** What `import('@keyv/sqlite')` gives, as far as it is used. */
export interface KeyvSqliteModule {
  readonly KeyvSqlite: new (options: { uri: string; table: string; busyTimeout: number }) => KeyvSqliteStore;
}

/**
 * Opens a file through @keyv/sqlite. The store insists on a table of its own; it gets an empty one with our name in
 * front, so that it cannot meet a table of the user's.
 */
export async function openKeyvDriver(
  library: KeyvSqliteModule,
  path: string,
  busyTimeoutMs: number,
): Promise<SqliteDriver> {
  const store = await retryWhileBusy(() => openStore(library, path), busyTimeoutMs);
  const query = (sql: string, params: readonly SqlValue[]) =>
    retryWhileBusy(() => store.query(sql, params), busyTimeoutMs);
  const reads = path === ':memory:' ? undefined : new PreparedReads({ path, busyTimeoutMs });
  return {
    name: 'keyv-sqlite',
    query,
    read: (sql, params) => reads?.read(sql, params) ?? query(sql, params),
    close: async () => {
      await reads?.close();
      await store.close();
    },
  };
}

async function openStore(library: KeyvSqliteModule, path: string): Promise<KeyvSqliteStore> {
  const store = new library.KeyvSqlite({
    uri: `sqlite://${path}`,
    table: DRIVER_TABLE,
    busyTimeout: BLOCKING_WAIT_MS,
  });
  // Its failures arrive twice, as an event and as a rejection; the event alone would end the process.
  store.on('error', () => {});
  // Queried at once, in the same turn: a failed open without a handler is an unhandled rejection.
  await store.query('SELECT 1', []);
  return store;
}

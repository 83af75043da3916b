import { systemClock } from '../time/clock.js';
import { BLOCKING_WAIT_MS, retryWhileBusy } from './busy.js';
import type { SqliteDriver, SqlRow, SqlValue } from './driver.js';
import { INSPECT, type Inspection, immutableUri, toInspection } from './inspection.js';

interface Statement {
  all(...params: SqlValue[]): SqlRow[];
}

interface DatabaseSync {
  prepare(sql: string): Statement;
  exec(sql: string): void;
  close(): void;
}

/** What `node:sqlite` gives, as far as it is used: the types of the oldest supported Node do not know it. */
export interface NodeSqliteModule {
  readonly DatabaseSync: new (path: string, options?: { readOnly: boolean }) => DatabaseSync;
}

/** After a statement that took longer than this, in milliseconds, the event loop gets a turn. */
const LONG_STATEMENT_MS = 0.5;
const MAX_KEPT_STATEMENTS = 64;
/** Longer ones have their values in their text, and do not come again. */
const MAX_KEPT_LENGTH = 4_096;

/**
 * Opens a file through node:sqlite. It is synchronous, so waiting for another process's lock happens outside of it:
 * a short try, a pause on the event loop, another try.
 */
export async function openNodeDriver(
  library: NodeSqliteModule,
  path: string,
  busyTimeoutMs: number,
): Promise<SqliteDriver> {
  const database = new library.DatabaseSync(path);
  const statements = new Map<string, Statement>();
  const query = async (sql: string, params: readonly SqlValue[]) => {
    const startedMs = systemClock.now();
    const rows = await retryWhileBusy(
      () => statementFor(database, statements, sql).all(...params),
      busyTimeoutMs,
    );
    // A run of long statements would otherwise block the event loop: this driver never yields by itself.
    if (systemClock.now() - startedMs > LONG_STATEMENT_MS)
      await new Promise((resolve) => setImmediate(resolve));
    return rows;
  };
  try {
    database.exec(`PRAGMA busy_timeout=${BLOCKING_WAIT_MS}`);
    await query('SELECT 1 FROM sqlite_master', []);
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    name: 'node-sqlite',
    query,
    // Every statement is kept prepared.
    read: query,
    close: async () => {
      statements.clear();
      database.close();
    },
  };
}

/** Looks at a file; `isImmutable` without its log, and without creating or locking anything. */
export function inspectWithNode(library: NodeSqliteModule, path: string, isImmutable: boolean): Inspection {
  const database = new library.DatabaseSync(isImmutable ? immutableUri(path) : path, { readOnly: true });
  try {
    return toInspection(database.prepare(INSPECT).all()[0]);
  } finally {
    database.close();
  }
}

/** Preparing costs more than running; the oldest statement goes when there are many different ones. */
function statementFor(database: DatabaseSync, statements: Map<string, Statement>, sql: string): Statement {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const made = database.prepare(sql);
  if (sql.length > MAX_KEPT_LENGTH) return made;
  for (const oldest of statements.keys()) {
    if (statements.size < MAX_KEPT_STATEMENTS) break;
    statements.delete(oldest);
  }
  statements.set(sql, made);
  return made;
}

import type { SqlRow } from './driver.js';

/** What a database file says of itself, read without changing or locking it. */
export interface Inspection {
  /** What its application put into its header; 0 where it put nothing. */
  readonly applicationId: number;
  /** Its application's version of the tables; 0 where there is none. */
  readonly userVersion: number;
  /** The tables in it, except those of SQLite and of the driver. */
  readonly tables: readonly string[];
}

/** Whose files may be opened: see `OpenDatabaseOptions.owner`. */
export interface DatabaseOwner {
  /** Put into the header of new files (`PRAGMA application_id`). */
  readonly applicationId: number;
  /** Version of the tables, at least 1 (`PRAGMA user_version`). */
  readonly version: number;
  /** How the names of all tables of this owner begin, including those of files from before there was a version. */
  readonly tablePrefix: string;
}

/** What a file is to an owner: new, its own, its own in another version, or another application's. */
export type Ownership = 'new' | 'own' | 'foreign' | { readonly version: number };

/** The table that @keyv/sqlite creates when it opens a file: no sign of an owner. */
export const DRIVER_TABLE = 'tutti_keyv';

/** One row with everything an {@link Inspection} needs. */
export const INSPECT = `SELECT application_id AS applicationId, user_version AS userVersion,
  (SELECT group_concat(substr(name, 1, 256), char(10)) FROM (SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 100)) AS tables
  FROM pragma_application_id, pragma_user_version`;

/**
 * The name of a database for opening it without locks: SQLite reads the file alone then, not its log, and creates
 * nothing beside it.
 */
export function immutableUri(path: string): string {
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  return `file:${escaped}?immutable=1`;
}

/** The row of {@link INSPECT} as an inspection. */
export function toInspection(row: SqlRow | undefined): Inspection {
  const names = typeof row?.tables === 'string' ? row.tables.split('\n') : [];
  return {
    applicationId: Number(row?.applicationId ?? 0),
    userVersion: Number(row?.userVersion ?? 0),
    tables: names.filter((name) => name !== DRIVER_TABLE),
  };
}

/** Whose the file is. A file with an application id of its own, or with any table that is not ours, is another's. */
export function ownershipOf(
  { applicationId, userVersion, tables }: Inspection,
  owner: DatabaseOwner,
): Ownership {
  if (applicationId === owner.applicationId) {
    return userVersion === owner.version ? 'own' : { version: userVersion };
  }
  if (applicationId !== 0 || userVersion !== 0) return 'foreign';
  if (tables.length === 0) return 'new';
  return tables.every((name) => name.startsWith(owner.tablePrefix)) ? { version: 0 } : 'foreign';
}

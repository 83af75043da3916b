import type { DatabaseOwner } from '../../../sqlite/inspection.js';

/** The table of entries. */
export const ENTRIES = 'tutti_cache_entries';
/** The table of deletions. */
export const DELETIONS = 'tutti_cache_deletions';
/** Six or seven entries of 2 KB share a page of this size, where pages of SQLite's usual 4 KB would hold one each. */
export const PAGE_SIZE_BYTES = 16384;

/** Marks the file as a cache of this version of the tables; "tutt" as a number. Version 0 is from before the mark. */
export const OWNER: DatabaseOwner = { applicationId: 0x74757474, version: 2, tablePrefix: 'tutti_' };

/** No agent with a longer name is kept on disk, in bytes. */
export const MAX_AGENT_BYTES = 1_024;

/*
 * Another program may write anything into any column, also hundreds of megabytes. So no column is read, and none is
 * put into an index, before its type or length is known: `typeof` and `octet_length` look at the head of a row only. (Of a
 * column of type REAL they would read the value, so there is none.)
 */
export const KEY = "iif(octet_length(key)<=64,key,'')";
export const USED_AT = wholeNumber('used_at', 0);
export const SIZE_BYTES = wholeNumber('size_bytes', 0);
export const HITS = wholeNumber('hits', 0);
export const WRITER = wholeNumber('writer', 0);
/** What is no time never ends here: it is found and refused when it is read. */
export const STALE_UNTIL = wholeNumber('stale_until', Number.MAX_SAFE_INTEGER);
export const COST_USD = "iif(typeof(cost_usd) IN ('real','integer'),cost_usd,0)";
export const AGENT = `iif(octet_length(agent)<=${MAX_AGENT_BYTES},agent,'')`;
export const IS_TAGGED = 'octet_length(tags)<>2';

function wholeNumber(column: string, otherwise: number): string {
  return `iif(typeof(${column})='integer',${column},${otherwise})`;
}

/*
 * Every write gives its row a new id, so that what other processes wrote is found with `id > ?`; what they deleted is
 * found in the same way in a table of its own. The recency index holds all that the index in memory needs, so that
 * reading it, or adding up the sizes, never touches the values. There are no triggers: with one, SQLite copies all rows
 * of a statement before it inserts the first.
 */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${ENTRIES} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, used_at INTEGER NOT NULL, hits INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, stale_until INTEGER NOT NULL, expires_at INTEGER NOT NULL, cost_usd NUMERIC NOT NULL,
    agent TEXT NOT NULL, tags TEXT NOT NULL, writer INTEGER NOT NULL, origin TEXT NOT NULL, signature TEXT NOT NULL,
    payload TEXT NOT NULL)`,
  `CREATE UNIQUE INDEX IF NOT EXISTS tutti_cache_key ON ${ENTRIES} (${KEY})`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_recency
    ON ${ENTRIES} (${USED_AT}, id, ${KEY}, ${SIZE_BYTES}, ${COST_USD}, ${HITS})`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_expiry ON ${ENTRIES} (${STALE_UNTIL})`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_agent ON ${ENTRIES} (${AGENT})`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_tagged ON ${ENTRIES} (id) WHERE ${IS_TAGGED}`,
  `CREATE TABLE IF NOT EXISTS ${DELETIONS} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, deleted_at INTEGER NOT NULL, writer INTEGER NOT NULL, selector TEXT NOT NULL)`,
];

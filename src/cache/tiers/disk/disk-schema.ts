/** The table of entries. */
export const ENTRIES = 'tutti_cache_entries';
/** Six or seven entries of 2 KB share a page of this size, where pages of SQLite's usual 4 KB would hold one each. */
export const PAGE_SIZE_BYTES = 16384;

/*
 * Every write gives its row a new id, so that what other processes wrote is found with `id > ?`. The recency index
 * holds all that the index in memory needs, so that reading it, or adding up the sizes, never touches the values.
 * There are no triggers: with one, SQLite copies all rows of a statement before it inserts the first.
 */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${ENTRIES} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, used_at INTEGER NOT NULL, hits INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, stale_until INTEGER NOT NULL, expires_at INTEGER NOT NULL, cost_usd REAL NOT NULL,
    agent TEXT NOT NULL, tags TEXT NOT NULL, origin TEXT NOT NULL, signature TEXT NOT NULL, payload TEXT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_recency
    ON ${ENTRIES} (used_at, id, key, size_bytes, stale_until, cost_usd, hits)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_expiry ON ${ENTRIES} (stale_until)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_agent ON ${ENTRIES} (agent)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_tagged ON ${ENTRIES} (tags) WHERE tags <> '[]'`,
];

/** The table of entries. */
export const ENTRIES = 'tutti_cache_entries';
/** The table of one row that says how much there is. */
export const TOTALS = 'tutti_cache_totals';

/** Three entries of a few kilobytes share a page of this size, where pages of SQLite's usual 4 KB would hold one each. */
export const PAGE_SIZE_BYTES = 8192;

/*
 * Every write gives its row a new id, so that what other processes wrote is found with `id > ?`.
 * The totals are kept by triggers, in the same transaction as the rows they count: they are true at every instant
 * and for every process. The recency index holds all that the index in memory needs, so that reading it never
 * touches the values.
 */
export const SCHEMA: readonly string[] = [
  'PRAGMA recursive_triggers=ON', // without it, replacing a row does not count as deleting it
  `CREATE TABLE IF NOT EXISTS ${TOTALS} (
    id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, size_bytes INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS ${ENTRIES} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, used_at INTEGER NOT NULL, hits INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, stale_until INTEGER NOT NULL, expires_at INTEGER NOT NULL, cost_usd REAL NOT NULL,
    agent TEXT NOT NULL, tags TEXT NOT NULL, origin TEXT NOT NULL, signature TEXT NOT NULL, payload TEXT NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_recency
    ON ${ENTRIES} (used_at, id, key, size_bytes, stale_until, cost_usd, hits)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_expiry ON ${ENTRIES} (stale_until)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_agent ON ${ENTRIES} (agent)`,
  `CREATE INDEX IF NOT EXISTS tutti_cache_tagged ON ${ENTRIES} (tags) WHERE tags <> '[]'`,
  `INSERT OR IGNORE INTO ${TOTALS} SELECT 1, count(*), coalesce(sum(size_bytes), 0) FROM ${ENTRIES}
    WHERE NOT EXISTS (SELECT 1 FROM ${TOTALS})`,
  trigger('added', 'INSERT', 'entries = entries + 1, size_bytes = size_bytes + NEW.size_bytes'),
  trigger('removed', 'DELETE', 'entries = entries - 1, size_bytes = size_bytes - OLD.size_bytes'),
  trigger('resized', 'UPDATE OF size_bytes', 'size_bytes = size_bytes - OLD.size_bytes + NEW.size_bytes'),
];

function trigger(name: string, event: string, change: string): string {
  return `CREATE TRIGGER IF NOT EXISTS tutti_cache_${name} AFTER ${event} ON ${ENTRIES}
    BEGIN UPDATE ${TOTALS} SET ${change}; END`;
}

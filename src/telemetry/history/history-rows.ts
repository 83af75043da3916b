import type { SqlValue } from '../../sqlite/driver.js';
import type { CallFigures } from '../call-figures.js';
import { Histogram, type StoredHistogram } from '../histogram.js';
import type { GroupKind } from '../metrics-recorder.js';

/** What rows are about: all calls, or those of one agent, model or tenant. */
export type HistoryKind = 'all' | GroupKind;

/** How fine rows are: one for each sample, minute or hour. */
export const LEVEL_MS = [0, 60_000, 3_600_000] as const;
/** The position of a length in {@link LEVEL_MS}. */
export type Level = 0 | 1 | 2;

/** What is added up in each row. */
export const FIGURES = [
  'calls',
  'succeeded',
  'failed',
  'cancelled',
  'timed_out',
  'cached',
  'attempts',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'cost_usd',
  'saved_usd',
  'queued_ms',
  'run_ms',
] as const;

/** A row as it is stored. */
export type StoredRow = Record<(typeof FIGURES)[number], number> & {
  level: number;
  at: number;
  source: string;
  kind: HistoryKind;
  label: string;
  /** The latencies, as JSON of a {@link StoredHistogram}. */
  latency: string;
};

const KEY = ['level', 'at', 'kind', 'label', 'source'] as const;
const COLUMNS = [...KEY, ...FIGURES, 'latency'] as const;

/** Creates the table. What is read in order, and removed from the old end, is in that order in the file. */
export const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS history_steps (
  level INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL, source TEXT NOT NULL,
  ${FIGURES.map((figure) => `${figure} REAL NOT NULL`).join(', ')}, latency TEXT NOT NULL,
  PRIMARY KEY (${KEY.join(', ')})) WITHOUT ROWID`;

/** Rows in one statement: 21 values each, of 32,766 that SQLite takes. */
export const ROWS_PER_STATEMENT = 500;

const REPLACED = [...FIGURES, 'latency'].map((column) => `${column} = excluded.${column}`).join(', ');

/** The statement that stores so many rows. A row that is there already is replaced by one that knows as much or more. */
export function insertStatement(rows: number): string {
  const places = `(${COLUMNS.map(() => '?').join(',')})`;
  return `INSERT INTO history_steps (${COLUMNS.join(',')}) VALUES ${Array.from({ length: rows }, () => places).join(',')}
    ON CONFLICT (${KEY.join(',')}) DO UPDATE SET ${REPLACED}
    WHERE excluded.calls + excluded.attempts >= history_steps.calls + history_steps.attempts`;
}

export function valuesOf(row: StoredRow): SqlValue[] {
  return COLUMNS.map((column) => row[column]);
}

/** The row of what some calls did in one step. */
export function rowOf(
  at: number,
  source: string,
  { kind, label, figures }: { kind: HistoryKind; label: string; figures: CallFigures },
): StoredRow {
  const { settled, succeeded, failed, cancelled, timedOut, cached, attempts } = figures;
  const { spending, savedUsd, queuedMs, runMs, latencyMs } = figures;
  return {
    level: 0,
    at,
    source,
    kind,
    label,
    calls: settled,
    succeeded,
    failed,
    cancelled,
    timed_out: timedOut,
    cached,
    attempts,
    input_tokens: spending.input,
    output_tokens: spending.output,
    cache_read_tokens: spending.cacheRead,
    cache_write_tokens: spending.cacheWrite,
    cost_usd: spending.costUsd,
    saved_usd: savedUsd,
    queued_ms: queuedMs,
    run_ms: runMs,
    latency: JSON.stringify(latencyMs),
  };
}

/** Adds up rows that belong together, as `groupOf` says; a row of each group, with the fields that `groupOf` gives. */
export function addUp(
  rows: Iterable<StoredRow>,
  groupOf: (row: StoredRow) => Pick<StoredRow, 'level' | 'at' | 'source' | 'kind' | 'label'>,
): StoredRow[] {
  const groups = new Map<string, { row: StoredRow; latencyMs: Histogram }>();
  for (const row of rows) {
    const identity = groupOf(row);
    const key = JSON.stringify([identity.level, identity.at, identity.source, identity.kind, identity.label]);
    let group = groups.get(key);
    if (group === undefined) {
      const zeros = Object.fromEntries(FIGURES.map((figure) => [figure, 0]));
      group = { row: { ...row, ...zeros, ...identity }, latencyMs: new Histogram() };
      groups.set(key, group);
    }
    for (const figure of FIGURES) group.row[figure] += row[figure];
    group.latencyMs.merge(latenciesOf(row));
  }
  return [...groups.values()].map(({ row, latencyMs }) => ({ ...row, latency: JSON.stringify(latencyMs) }));
}

/** The latencies of a row; none where what is stored is no histogram, which a foreign hand may have changed. */
export function latenciesOf({ latency }: Pick<StoredRow, 'latency'>): Histogram {
  try {
    return Histogram.from(JSON.parse(latency) as StoredHistogram);
  } catch {
    return new Histogram();
  }
}

import type { GroupSnapshot } from '../snapshot.js';
import type { History } from './history.js';
import { addUp, type HistoryKind, LEVEL_MS, type Level, latenciesOf } from './history-rows.js';

/** Which part of a history, and how finely. */
export interface HistoryQuery {
  /** Whether the points are those of all calls or of each agent, model or tenant. @default 'all' */
  by?: HistoryKind | undefined;
  /** Of one agent, model or tenant alone. @default all of them */
  label?: string | undefined;
  /** The first instant, milliseconds since the Unix epoch. @default a day ago */
  from?: number | undefined;
  /** The end, milliseconds since the Unix epoch, itself not included. @default now */
  to?: number | undefined;
  /** How long each step is, in milliseconds. Older parts are kept by minutes and hours alone. @default 60_000 */
  stepMs?: number | undefined;
}

/** {@link HistoryQuery} with the defaults filled in. */
export interface ResolvedHistoryQuery {
  readonly by: HistoryKind;
  readonly label?: string | undefined;
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}

/** What some calls did in one step of a history. */
export interface HistoryPoint extends Omit<GroupSnapshot, 'settled' | 'queuedMs' | 'runMs'> {
  /** When the step begins, milliseconds since the Unix epoch. */
  at: number;
  /** The agent, model or tenant; empty for all calls. */
  label: string;
  /** Calls that have settled. */
  calls: number;
}

/** The points of a part of a history, oldest first. */
export async function historyPoints(
  history: History,
  { by, label, from, to, stepMs }: ResolvedHistoryQuery,
): Promise<HistoryPoint[]> {
  const rows = await history.read(by, levelOf(stepMs), from, to);
  const wanted = label === undefined ? rows : rows.filter((row) => row.label === label);
  const steps = addUp(wanted, (row) => ({
    level: 0,
    at: Math.floor(row.at / stepMs) * stepMs,
    source: '',
    kind: row.kind,
    label: row.label,
  }));
  return steps.map((row) => ({
    at: row.at,
    label: row.label,
    calls: row.calls,
    succeeded: row.succeeded,
    failed: row.failed,
    cancelled: row.cancelled,
    timedOut: row.timed_out,
    cached: row.cached,
    attempts: row.attempts,
    tokens: {
      input: row.input_tokens,
      output: row.output_tokens,
      cacheRead: row.cache_read_tokens,
      cacheWrite: row.cache_write_tokens,
    },
    costUsd: row.cost_usd,
    savedUsd: row.saved_usd,
    latencyMs: latenciesOf(row).distribution(),
  }));
}

/** The coarsest level whose steps fit into steps of this length. */
function levelOf(stepMs: number): Level {
  if (stepMs % LEVEL_MS[2] === 0) return 2;
  return stepMs % LEVEL_MS[1] === 0 ? 1 : 0;
}

import type { History } from './history/history.js';
import type { StoredRow } from './history/history-rows.js';
import { addUp } from './history/history-rows.js';
import type { GroupKind } from './metrics-recorder.js';
import type { GroupSnapshot } from './snapshot.js';

const DAY_MS = 86_400_000;

/** What a cost report covers. */
export interface CostReportOptions {
  /** What costs are added up by. @default 'agent' */
  by?: GroupKind | undefined;
  /** The first instant, milliseconds since the Unix epoch. @default 30 days ago */
  from?: number | undefined;
  /** The end, milliseconds since the Unix epoch, itself not included. @default now */
  to?: number | undefined;
}

/** What one agent, model or tenant has cost on one day. */
export interface CostReportRow {
  /** The agent, model or tenant. */
  label: string;
  /** The day in UTC, for instance `2026-11-28`; `undefined` without a history: since telemetry listens. */
  day: string | undefined;
  /** Calls that have settled. */
  calls: number;
  /** Of those: calls answered from the cache. */
  cached: number;
  /** Input tokens used. */
  inputTokens: number;
  /** Output tokens used. */
  outputTokens: number;
  /** US dollars spent, as far as costs were reported. */
  costUsd: number;
  /** US dollars that answers from the cache would have cost, as far as it is known. */
  savedUsd: number;
}

/** The rows of a history, a day and label each. */
export async function reportOfHistory(
  history: History,
  by: GroupKind,
  from: number,
  to: number,
): Promise<CostReportRow[]> {
  // Hours lie within days.
  const rows = await history.read(by, 2, from, to);
  const days = addUp(rows, ({ at, kind, label }) => ({
    level: 2,
    at: Math.floor(at / DAY_MS) * DAY_MS,
    source: '',
    kind,
    label,
  }));
  return days.map(toReportRow).sort(inOrder);
}

/** What there is without a history: everything since telemetry listens. */
export function reportOfGroups(groups: Readonly<Record<string, GroupSnapshot>>): CostReportRow[] {
  const rows = Object.entries(groups).map(([label, { settled, cached, tokens, costUsd, savedUsd }]) => ({
    label,
    day: undefined,
    calls: settled,
    cached,
    inputTokens: tokens.input,
    outputTokens: tokens.output,
    costUsd,
    savedUsd,
  }));
  return rows.sort(inOrder);
}

function toReportRow(row: StoredRow): CostReportRow {
  return {
    label: row.label,
    day: new Date(row.at).toISOString().slice(0, 10),
    calls: row.calls,
    cached: row.cached,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costUsd: row.cost_usd,
    savedUsd: row.saved_usd,
  };
}

/** The latest day first, on it what cost most first. */
function inOrder(a: CostReportRow, b: CostReportRow): number {
  if (a.day !== b.day) return (a.day ?? '') < (b.day ?? '') ? 1 : -1;
  return b.costUsd - a.costUsd || b.calls - a.calls || (a.label < b.label ? -1 : 1);
}

import type { Histogram } from './histogram.js';
import type {
  BudgetSnapshot,
  Distribution,
  GroupSnapshot,
  TelemetrySnapshot,
  TokenCounts,
} from './snapshot.js';

/** What metrics are read from. */
export interface MetricReading {
  readonly snapshot: TelemetrySnapshot;
  /** What the distributions of the snapshot were made from. */
  readonly histograms: Readonly<Record<'latencyMs' | 'queuedMs' | 'firstTokenMs', Histogram>>;
}

/** The labels of a value and the value. */
export type MetricSample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface MetricFacts {
  /** Its name for Prometheus, with its unit. */
  readonly name: string;
  /** What it is, in one sentence. */
  readonly help: string;
  /** The names of its labels. */
  readonly labels: readonly string[];
}

/** A number for each combination of labels. */
export interface NumberMetric extends MetricFacts {
  readonly kind: 'counter' | 'gauge';
  read(snapshot: TelemetrySnapshot): MetricSample[];
}

/** The whole distribution of a length of time. */
export interface HistogramMetric extends MetricFacts {
  readonly kind: 'histogram';
  read(reading: MetricReading): Histogram;
}

/** Percentiles of a length of time for each combination of labels. */
export interface SummaryMetric extends MetricFacts {
  readonly kind: 'summary';
  read(snapshot: TelemetrySnapshot): Array<readonly [labels: Record<string, string>, lengths: Distribution]>;
}

/** A metric: what it is called, what it means, and how it is read. */
export type Metric = NumberMetric | HistogramMetric | SummaryMetric;

type Read<Value> = (snapshot: TelemetrySnapshot) => Value;

/** A metric without labels. */
function single(kind: NumberMetric['kind'], name: string, help: string, read: Read<number>): NumberMetric {
  return { kind, name, help, labels: [], read: (snapshot) => [[{}, read(snapshot)]] };
}

/** A metric with one label; parts without a value are left out. */
function labelled(
  kind: NumberMetric['kind'],
  name: string,
  label: string,
  help: string,
  read: Read<Readonly<Record<string, number | undefined>>>,
): NumberMetric {
  const samples = (snapshot: TelemetrySnapshot): MetricSample[] =>
    Object.entries(read(snapshot)).flatMap(([value, number]) =>
      number === undefined ? [] : [[{ [label]: value }, number] as const],
    );
  return { kind, name, help, labels: [label], read: samples };
}

const counter = single.bind(undefined, 'counter');
const gauge = single.bind(undefined, 'gauge');

function mapValues<From, To>(
  from: Readonly<Record<string, From>>,
  to: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, to(value)]));
}

const byType = ({ input, output, cacheRead, cacheWrite }: TokenCounts): Record<string, number> => ({
  input,
  output,
  cache_read: cacheRead,
  cache_write: cacheWrite,
});

const outcomes = ({
  succeeded,
  failed,
  cancelled,
}: Omit<GroupSnapshot, 'tokens'>): Record<string, number> => ({
  succeeded,
  failed,
  cancelled,
});

/** The metrics of each agent, model or tenant. */
function groupMetrics(
  label: 'agent' | 'model' | 'tenant',
  groups: Read<Record<string, GroupSnapshot>>,
): Metric[] {
  const name = `tutti_${label}`;
  const of =
    (read: (group: GroupSnapshot) => number): Read<Record<string, number>> =>
    (snapshot) =>
      mapValues(groups(snapshot), read);
  const split =
    (part: string, read: (group: GroupSnapshot) => Record<string, number>): Read<MetricSample[]> =>
    (snapshot) =>
      Object.entries(groups(snapshot)).flatMap(([value, group]) =>
        Object.entries(read(group)).map(
          ([kind, number]) => [{ [label]: value, [part]: kind }, number] as const,
        ),
      );
  return [
    {
      kind: 'counter',
      name: `${name}_calls_total`,
      help: `Calls that have settled, by ${label} and outcome.`,
      labels: [label, 'outcome'],
      read: split('outcome', outcomes),
    },
    labelled(
      'counter',
      `${name}_calls_cached_total`,
      label,
      `Calls answered from the cache, by ${label}.`,
      of(({ cached }) => cached),
    ),
    labelled(
      'counter',
      `${name}_attempts_total`,
      label,
      `Attempts started, by ${label}.`,
      of(({ attempts }) => attempts),
    ),
    {
      kind: 'counter',
      name: `${name}_tokens_total`,
      help: `Tokens used, by ${label} and type.`,
      labels: [label, 'type'],
      read: split('type', ({ tokens }) => byType(tokens)),
    },
    labelled(
      'counter',
      `${name}_cost_usd_total`,
      label,
      `US dollars spent, by ${label}.`,
      of(({ costUsd }) => costUsd),
    ),
    labelled(
      'counter',
      `${name}_saved_usd_total`,
      label,
      `US dollars that answers from the cache would have cost, by ${label}.`,
      of(({ savedUsd }) => savedUsd),
    ),
    {
      kind: 'summary',
      name: `${name}_call_duration_seconds`,
      help: `Time from submission to settlement, by ${label}.`,
      labels: [label],
      read: (snapshot) =>
        Object.entries(groups(snapshot)).map(([value, { latencyMs }]) => [{ [label]: value }, latencyMs]),
    },
  ];
}

/** A metric of each budget. */
function budgetMetric(
  name: string,
  help: string,
  read: (budget: BudgetSnapshot) => number | undefined,
): NumberMetric {
  const samples = ({ budgets }: TelemetrySnapshot): MetricSample[] =>
    Object.values(budgets).flatMap((budget) => {
      const value = read(budget);
      return value === undefined ? [] : [[{ scope: budget.scope, owner: budget.owner }, value] as const];
    });
  return { kind: 'gauge', name, help, labels: ['scope', 'owner'], read: samples };
}

const CALLS: Metric[] = [
  gauge('tutti_uptime_seconds', 'Time since the orchestrator was made.', ({ uptimeMs }) => uptimeMs / 1_000),
  counter('tutti_calls_submitted_total', 'Calls accepted.', ({ calls }) => calls.submitted),
  labelled(
    'counter',
    'tutti_calls_total',
    'outcome',
    'Calls that have settled, by outcome.',
    ({ calls }) => ({
      succeeded: calls.succeeded,
      failed: calls.failed,
      cancelled: calls.cancelled,
    }),
  ),
  counter(
    'tutti_calls_timed_out_total',
    'Failed calls whose last error was a timeout.',
    ({ calls }) => calls.timedOut,
  ),
  counter(
    'tutti_calls_cached_total',
    'Calls answered from the cache, or by an identical call at the same time.',
    ({ calls }) => calls.cached,
  ),
  gauge('tutti_calls_in_flight', 'Calls accepted and not settled yet.', ({ calls }) => calls.inFlight),
  gauge('tutti_calls_queued', 'Calls that wait for their lane or for a permit.', ({ calls }) => calls.queued),
  labelled(
    'counter',
    'tutti_errors_total',
    'code',
    'Failed calls by the code of their error.',
    ({ errors }) => errors,
  ),
  counter('tutti_attempts_total', 'Attempts started.', ({ attempts }) => attempts),
  counter('tutti_retries_total', "Attempts after a call's first one.", ({ retries }) => retries),
  counter(
    'tutti_fallbacks_total',
    'Times another agent was asked in place of one that failed.',
    ({ fallbacks }) => fallbacks,
  ),
  counter('tutti_hedges_total', 'Second attempts beside slow ones.', ({ hedges }) => hedges),
  counter(
    'tutti_attempts_abandoned_total',
    'Attempts that ignored their aborted signal.',
    ({ abandoned }) => abandoned,
  ),
  labelled('counter', 'tutti_tokens_total', 'type', 'Tokens used, by type.', ({ tokens }) => byType(tokens)),
  counter('tutti_cost_usd_total', 'US dollars spent.', ({ costUsd }) => costUsd),
  counter(
    'tutti_saved_usd_total',
    'US dollars that answers from the cache would have cost.',
    ({ savedUsd }) => savedUsd,
  ),
  {
    kind: 'histogram',
    name: 'tutti_call_duration_seconds',
    help: 'Time from submission to settlement.',
    labels: [],
    read: ({ histograms }) => histograms.latencyMs,
  },
  {
    kind: 'histogram',
    name: 'tutti_call_queued_seconds',
    help: 'Time that calls waited for lanes and permits.',
    labels: [],
    read: ({ histograms }) => histograms.queuedMs,
  },
  {
    kind: 'histogram',
    name: 'tutti_call_first_token_seconds',
    help: 'Time from the start of the last attempt to the first event of its stream.',
    labels: [],
    read: ({ histograms }) => histograms.firstTokenMs,
  },
];

const TOOLS: Metric[] = [
  {
    kind: 'counter',
    name: 'tutti_tool_calls_total',
    help: 'Calls of tools, by tool and outcome.',
    labels: ['tool', 'outcome'],
    read: ({ tools }) =>
      Object.entries(tools).flatMap(([tool, { calls, failed }]) => [
        [{ tool, outcome: 'succeeded' }, calls - failed] as const,
        [{ tool, outcome: 'failed' }, failed] as const,
      ]),
  },
  {
    kind: 'summary',
    name: 'tutti_tool_duration_seconds',
    help: 'How long calls of tools took.',
    labels: ['tool'],
    read: ({ tools }) => Object.entries(tools).map(([tool, { durationMs }]) => [{ tool }, durationMs]),
  },
];

const LANES: Metric[] = [
  labelled(
    'counter',
    'tutti_waits_total',
    'reason',
    'How often calls began to wait for a lane or a budget, by what for.',
    ({ waits }) => waits,
  ),
  labelled('gauge', 'tutti_lane_in_flight', 'lane', 'Requests in flight.', ({ lanes }) =>
    mapValues(lanes, ({ inFlight }) => inFlight),
  ),
  labelled('gauge', 'tutti_lane_waiting', 'lane', 'Requests that wait for their lane.', ({ lanes }) =>
    mapValues(lanes, ({ waiting }) => waiting),
  ),
  labelled(
    'gauge',
    'tutti_lane_paused_seconds',
    'lane',
    'How much longer the provider demands to wait.',
    ({ lanes }) => mapValues(lanes, ({ pausedForMs }) => pausedForMs / 1_000),
  ),
  labelled('counter', 'tutti_lane_pauses_total', 'lane', 'How often the lane was stopped.', ({ lanes }) =>
    mapValues(lanes, ({ pauses }) => pauses),
  ),
  ...(['limit', 'used', 'others'] as const).map(
    (part): NumberMetric => ({
      kind: 'gauge',
      name: part === 'limit' ? 'tutti_lane_limit' : `tutti_lane_limit_${part}`,
      help: {
        limit: 'What the lane may use of a quantity in a window.',
        used: 'What this process has used or reserved of it.',
        others: 'What other clients have used of it, according to the provider.',
      }[part],
      labels: ['lane', 'quantity'],
      read: ({ lanes }) =>
        Object.entries(lanes).flatMap(([lane, { limits }]) =>
          Object.entries(limits).map(([quantity, limit]) => [{ lane, quantity }, limit[part]] as const),
        ),
    }),
  ),
  {
    kind: 'gauge',
    name: 'tutti_breaker_state',
    help: "1 for the state that the lane's breaker is in, 0 for the others.",
    labels: ['lane', 'state'],
    read: ({ breakers }) =>
      Object.entries(breakers).flatMap(([lane, breaker]) =>
        ['closed', 'open', 'half-open'].map(
          (state) => [{ lane, state }, breaker.state === state ? 1 : 0] as const,
        ),
      ),
  },
  labelled(
    'counter',
    'tutti_breaker_opened_total',
    'lane',
    "How often the lane's breaker has opened.",
    ({ breakers }) => mapValues(breakers, ({ opened }) => opened),
  ),
];

const BUDGETS: Metric[] = [
  budgetMetric('tutti_budget_limit_usd', "The budget's limit in US dollars.", ({ limitUsd }) => limitUsd),
  budgetMetric('tutti_budget_spent_usd', 'US dollars spent of the budget.', ({ spentUsd }) => spentUsd),
  budgetMetric(
    'tutti_budget_reserved_usd',
    'US dollars of the budget reserved for calls in flight.',
    ({ reservedUsd }) => reservedUsd,
  ),
  budgetMetric(
    'tutti_budget_limit_tokens',
    "The budget's limit in tokens.",
    ({ limitTokens }) => limitTokens,
  ),
  budgetMetric('tutti_budget_spent_tokens', 'Tokens spent of the budget.', ({ spentTokens }) => spentTokens),
];

type CacheFigure =
  | 'misses'
  | 'sets'
  | 'evictions'
  | 'expirations'
  | 'deletions'
  | 'integrityFailures'
  | 'storeErrors'
  | 'sharedFlights'
  | 'savedTokens'
  | 'entries'
  | 'memoryEntries'
  | 'sizeBytes'
  | 'memoryBytes'
  | 'maxSizeBytes';

const cacheMetric = (
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  figure: CacheFigure,
): NumberMetric => ({
  kind,
  name: `tutti_cache_${name}`,
  help,
  labels: [],
  read: ({ cache }) => (cache === undefined ? [] : [[{}, cache[figure]]]),
});

const CACHE: Metric[] = [
  labelled(
    'counter',
    'tutti_cache_hits_total',
    'tier',
    'Requests answered from the cache, by tier.',
    ({ cache }) => cache?.hitsByTier ?? {},
  ),
  cacheMetric('counter', 'misses_total', 'Requests that the cache had no answer for.', 'misses'),
  cacheMetric('counter', 'writes_total', 'Answers stored.', 'sets'),
  cacheMetric('counter', 'evictions_total', 'Entries evicted to stay within a limit.', 'evictions'),
  cacheMetric('counter', 'expirations_total', 'Entries removed because they had expired.', 'expirations'),
  cacheMetric('counter', 'deletions_total', 'Entries deleted.', 'deletions'),
  cacheMetric(
    'counter',
    'integrity_failures_total',
    'Stored entries refused because their signature or content was wrong.',
    'integrityFailures',
  ),
  cacheMetric('counter', 'store_errors_total', 'Failed operations of a tier.', 'storeErrors'),
  cacheMetric(
    'counter',
    'shared_flights_total',
    'Callers who joined identical work in flight.',
    'sharedFlights',
  ),
  cacheMetric('counter', 'saved_tokens_total', 'Tokens that hits would have used.', 'savedTokens'),
  cacheMetric('gauge', 'entries', 'Entries held: in the lowest tier, else in memory.', 'entries'),
  cacheMetric('gauge', 'memory_entries', 'Entries in memory.', 'memoryEntries'),
  cacheMetric('gauge', 'size_bytes', 'Bytes held: in the lowest tier, else in memory.', 'sizeBytes'),
  cacheMetric('gauge', 'memory_bytes', 'Bytes in memory.', 'memoryBytes'),
  cacheMetric('gauge', 'max_size_bytes', 'The limit of the bytes held.', 'maxSizeBytes'),
];

type HistoryFigure = 'rows' | 'bytes' | 'written' | 'dropped';

const historyMetric = (
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  figure: HistoryFigure,
): NumberMetric => ({
  kind,
  name: `tutti_history_${name}`,
  help,
  labels: [],
  read: ({ history }) => (history === undefined ? [] : [[{}, history[figure]]]),
});

const HISTORY: Metric[] = [
  historyMetric('gauge', 'rows', 'Rows in the file of the history.', 'rows'),
  historyMetric('gauge', 'size_bytes', 'Bytes in use in the file of the history.', 'bytes'),
  historyMetric('counter', 'rows_written_total', 'Rows written to the history.', 'written'),
  historyMetric(
    'counter',
    'rows_dropped_total',
    'Rows that were not written, because the file failed or too many waited.',
    'dropped',
  ),
];

const PROCESS: Metric[] = [
  gauge(
    'tutti_process_resident_memory_bytes',
    'Resident memory of the process.',
    ({ process }) => process.rssBytes,
  ),
  gauge(
    'tutti_process_heap_bytes',
    'Memory in use on the JavaScript heap.',
    ({ process }) => process.heapBytes,
  ),
  gauge(
    'tutti_process_cpu_ratio',
    'CPU used since telemetry listens, as a share of one core.',
    ({ process }) => process.cpuShare,
  ),
  labelled(
    'gauge',
    'tutti_event_loop_delay_seconds',
    'percentile',
    'How late timers fire.',
    ({ process }) => ({
      '50': process.eventLoopDelayMs.p50 / 1_000,
      '99': process.eventLoopDelayMs.p99 / 1_000,
    }),
  ),
];

/** Every metric, in the order in which they are exported. */
export const METRICS: readonly Metric[] = [
  ...CALLS,
  ...groupMetrics('agent', ({ byAgent }) => byAgent),
  ...groupMetrics('model', ({ byModel }) => byModel),
  ...groupMetrics('tenant', ({ byTenant }) => byTenant),
  ...TOOLS,
  ...LANES,
  ...BUDGETS,
  ...CACHE,
  ...HISTORY,
  ...PROCESS,
];

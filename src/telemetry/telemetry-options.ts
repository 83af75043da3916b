import type { ResponseCache } from '../cache/response-cache.js';
import { hasMethods } from '../input/has-methods.js';
import { madeOnce } from '../input/made-once.js';
import { count, durationMs, numberThat } from '../input/number-schemas.js';
import { filledText, oneOf, optionsObject, text, thing } from '../input/option-schemas.js';
import { parseOptions, type WithDefaults } from '../input/parse-options.js';
import { optional, withDefault } from '../input/schema.js';
import type { AsyncOrchestrator } from '../orchestrator/async-orchestrator.js';
import type { AlertOptions } from './alerts/alert.js';
import { alertOptionsSchema, type ResolvedAlertOptions } from './alerts/alert-options.js';
import type { CostReportOptions } from './cost-report.js';
import type { HistoryQuery, ResolvedHistoryQuery } from './history/history-points.js';
import type { GroupKind } from './metrics-recorder.js';

/** How figures are exported. */
export interface ExportOptions {
  /** `json` has the snapshot and the series of the last hour, `csv` a line for each value of each metric. */
  format: 'json' | 'csv';
  /** The file to write; its folder is created if needed, and it is replaced once the new one is whole. @default none */
  path?: string | undefined;
}

/** Something with figures of its own, for instance a queue of jobs. */
export interface StatsSource {
  /** What it has done and is doing, as plain JSON. */
  stats(): unknown;
}

/** How a history is kept. */
export interface HistoryOptions {
  /** The folder of the file `telemetry.sqlite`, which processes may share; created if needed. */
  directory: string;
  /**
   * How long anything is kept, in milliseconds, at least one hour. Samples are kept for at most 2 hours, minutes for
   * at most 2 days, hours for all of this time.
   *
   * @default 2_592_000_000 (30 days)
   */
  retentionMs?: number | undefined;
  /** How many rows are kept, at least 100. The oldest of the finest are removed first. @default 1_000_000 */
  maxRows?: number | undefined;
  /** How many bytes are kept, at least 65,536. The oldest of the finest are removed first. @default 134_217_728 (128 MiB) */
  maxBytes?: number | undefined;
}

/** Settings of {@link Telemetry}. */
export interface TelemetryOptions {
  /** The orchestrator that it listens to. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever agents it has
  orchestrator: AsyncOrchestrator<any>;
  /** The cache whose figures belong to its snapshots. @default the orchestrator's, if it has one */
  cache?: ResponseCache | undefined;
  /** What is shown as `jobs` in its snapshots: something with `stats()`. @default none */
  jobs?: StatsSource | undefined;
  /** What is shown as `bus` in its snapshots: something with `stats()`. @default none */
  bus?: StatsSource | undefined;
  /**
   * How many agents, models, tenants, tools and lanes are each counted apart, at least 1. All further ones count
   * together under `other`, so that memory does not grow with the number of tenants.
   *
   * @default 1_000
   */
  maxLabelValues?: number | undefined;
  /** How often a sample is taken for the series and the history, in milliseconds, from 1,000 to 3,600,000. @default 10_000 */
  sampleMs?: number | undefined;
  /** Where what happened is kept when the process ends. @default nowhere */
  history?: HistoryOptions | undefined;
  /** When alerts are raised, and who receives them. Rules are judged once every `sampleMs`. */
  alerts?: AlertOptions | undefined;
}

/** {@link TelemetryOptions} with the defaults filled in. */
export interface ResolvedTelemetryOptions
  extends Omit<WithDefaults<TelemetryOptions, 'maxLabelValues' | 'sampleMs'>, 'history' | 'alerts'> {
  readonly alerts: ResolvedAlertOptions;
  readonly history?: WithDefaults<HistoryOptions, 'retentionMs' | 'maxRows' | 'maxBytes'> | undefined;
}

const HOUR_MS = 3_600_000;
const statsSource = () => thing<StatsSource>(hasMethods('stats'), 'an object with stats()');

const historySchema = () =>
  optionsObject(
    {
      directory: filledText('the path of a folder'),
      retentionMs: withDefault(
        numberThat((ms) => ms >= HOUR_MS, 'expected milliseconds from 3600000 (one hour) up'),
        30 * 24 * HOUR_MS,
      ),
      maxRows: withDefault(count(100), 1_000_000),
      maxBytes: withDefault(count(65_536), 128 * 1024 * 1024),
    },
    'expected an object with a directory',
  );

/** Checks {@link TelemetryOptions}. The defaults stand here and nowhere else. @internal */
export const telemetryOptionsSchema = madeOnce(() =>
  optionsObject({
    orchestrator: thing<TelemetryOptions['orchestrator']>(
      hasMethods('execute', 'stats', 'on'),
      'an AsyncOrchestrator',
    ),
    cache: optional(thing<ResponseCache>(hasMethods('stats', 'observe'), 'a ResponseCache')),
    jobs: optional(statsSource()),
    bus: optional(statsSource()),
    maxLabelValues: withDefault(count(1), 1_000),
    sampleMs: withDefault(
      numberThat((ms) => ms >= 1_000 && ms <= HOUR_MS, 'expected milliseconds from 1000 to 3600000'),
      10_000,
    ),
    history: optional(historySchema()),
    alerts: withDefault(alertOptionsSchema(), {}),
  }),
);

export function resolveTelemetryOptions(input: TelemetryOptions): ResolvedTelemetryOptions {
  return parseOptions(telemetryOptionsSchema(), input, 'Telemetry options');
}

const seriesOptionsSchema = madeOnce(() =>
  optionsObject({ lastMs: withDefault(durationMs(), HOUR_MS), stepMs: optional(durationMs()) }),
);

const instant = () => numberThat((at) => at >= 0, 'expected milliseconds since the Unix epoch');

const historyQuerySchema = madeOnce(() =>
  optionsObject({
    by: withDefault(oneOf('all', 'agent', 'model', 'tenant'), 'all'),
    label: optional(text()),
    from: optional(instant()),
    to: optional(instant()),
    stepMs: withDefault(
      numberThat((ms) => ms >= 1_000, 'expected milliseconds from 1000 up'),
      60_000,
    ),
  }),
);

/** Which part of a history. @internal */
export function resolveHistoryQuery(input: HistoryQuery, now: number): ResolvedHistoryQuery {
  const {
    from = now - 24 * HOUR_MS,
    to = now + 1,
    ...rest
  } = parseOptions(historyQuerySchema(), input, 'history query');
  return { ...rest, from, to };
}

const costReportSchema = madeOnce(() =>
  optionsObject({
    by: withDefault(oneOf('agent', 'model', 'tenant'), 'agent'),
    from: optional(instant()),
    to: optional(instant()),
  }),
);

/** What a cost report covers. @internal */
export function resolveCostReport(
  input: CostReportOptions,
  now: number,
): { readonly by: GroupKind; readonly from: number; readonly to: number } {
  const {
    by,
    from = now - 30 * 24 * HOUR_MS,
    to = now + 1,
  } = parseOptions(costReportSchema(), input, 'cost report options');
  return { by, from, to };
}

const exportSchema = madeOnce(() =>
  optionsObject({ format: oneOf('json', 'csv'), path: optional(filledText('the path of a file')) }),
);

/** How figures are exported. @internal */
export function resolveExport(input: ExportOptions): {
  readonly format: 'json' | 'csv';
  readonly path?: string | undefined;
} {
  return parseOptions(exportSchema(), input, 'export options');
}

/** Which part of a series. @internal */
export function resolveSeriesOptions(
  input: { lastMs?: number | undefined; stepMs?: number | undefined },
  sampleMs: number,
): { lastMs: number; stepMs: number } {
  const { lastMs, stepMs = sampleMs } = parseOptions(seriesOptionsSchema(), input, 'series options');
  return { lastMs, stepMs: Math.max(1, Math.round(stepMs / sampleMs)) * sampleMs };
}

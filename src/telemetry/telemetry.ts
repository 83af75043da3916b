import type { CacheStats } from '../cache/cache-stats.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { CallServices } from '../calls/call-services.js';
import { ClosedError, InvalidArgumentError } from '../errors/input-errors.js';
import type { Unsubscribe } from '../events/typed-emitter.js';
import { unknownKeyError } from '../input/unknown-key.js';
import type { Alert } from './alerts/alert.js';
import { AlertMonitor } from './alerts/alert-monitor.js';
import type { CallFigures } from './call-figures.js';
import {
  type CostReportOptions,
  type CostReportRow,
  reportOfGroups,
  reportOfHistory,
} from './cost-report.js';
import { csvText } from './csv-text.js';
import { History } from './history/history.js';
import { type HistoryPoint, type HistoryQuery, historyPoints } from './history/history-points.js';
import type { MetricReading } from './metrics.js';
import { MetricsRecorder } from './metrics-recorder.js';
import { ProcessMeter } from './process-meter.js';
import { prometheusText } from './prometheus-text.js';
import { Observations, type Status } from './recommendations/observations.js';
import type { Recommendation } from './recommendations/rule.js';
import { Sampler } from './sampler.js';
import {
  pointsOf,
  type Sample,
  SERIES_NAMES,
  type SeriesName,
  type SeriesOptions,
  type SeriesPoint,
} from './series.js';
import type { TelemetrySnapshot } from './snapshot.js';
import { breakersOf, budgetsOf, takeSnapshot } from './take-snapshot.js';
import {
  type ExportOptions,
  type ResolvedTelemetryOptions,
  resolveCostReport,
  resolveExport,
  resolveHistoryQuery,
  resolveSeriesOptions,
  resolveTelemetryOptions,
  type TelemetryOptions,
} from './telemetry-options.js';
import { writeWhole } from './write-whole.js';

/**
 * Counts what an orchestrator does: calls, latencies, tokens and dollars, by agent, model and tenant. It only listens, in
 * bounded memory, and changes nothing about the calls.
 *
 * Make it before the first call: counts of earlier calls are taken over from `stats()`, their latencies are not known.
 *
 * @example
 * ```ts
 * await using telemetry = new Telemetry({ orchestrator });
 * await orchestrator.executeMultiple(tasks);
 * console.log(telemetry.snapshot().latencyMs.p95);
 * ```
 */
export class Telemetry implements AsyncDisposable {
  readonly #options: ResolvedTelemetryOptions;
  readonly #services: CallServices;
  readonly #cache: ResponseCache | undefined;
  readonly #recorder: MetricsRecorder;
  readonly #process: ProcessMeter;
  readonly #sampler: Sampler;
  readonly #history: History | undefined;
  readonly #monitor: AlertMonitor;
  /** What the lower tiers of the cache held when they were last asked. */
  #held: Pick<CacheStats, 'entries' | 'sizeBytes'> | undefined = undefined;
  #jobs: unknown = undefined;
  #bus: unknown = undefined;
  #closing: Promise<void> | undefined = undefined;

  /**
   * Listens from now on. The file of a history is opened in the background; a failure is logged, and its rows are dropped
   * and counted.
   *
   * @throws `InvalidArgumentError` for an unknown or invalid option; the message names it.
   */
  constructor(options: TelemetryOptions) {
    this.#options = resolveTelemetryOptions(options);
    const { orchestrator, cache, maxLabelValues, sampleMs, history } = this.#options;
    this.#services = orchestrator.services;
    const { clock, logger } = this.#services;
    this.#cache = cache ?? this.#services.cache?.responses;
    this.#recorder = new MetricsRecorder(this.#services, maxLabelValues, history !== undefined);
    this.#process = new ProcessMeter(clock);
    this.#history = history && new History(history.directory, history, clock, logger);
    this.#sampler = new Sampler({
      clock,
      sampleMs,
      recorder: this.#recorder,
      stats: () => orchestrator.stats(),
      cacheCounts: () => this.#cache?.statsNow() ?? { hits: 0, misses: 0 },
      process: () => this.#process.snapshot(),
      sampled: (sample, all) => this.#sampled(sample, all),
    });
    this.#monitor = this.#newMonitor();
  }

  /** Everything that is known now, as plain JSON. Takes no input or output. */
  snapshot(): TelemetrySnapshot {
    const { orchestrator, maxLabelValues } = this.#options;
    const { clock, traffic } = this.#services;
    return takeSnapshot({
      at: clock.epochMs(),
      stats: orchestrator.stats(),
      recorder: this.#recorder,
      budgets: traffic.budgets(),
      maxLabelValues,
      cache: this.#cache?.statsNow(this.#held),
      jobs: this.#jobs,
      bus: this.#bus,
      history: this.#history?.snapshot(),
      process: this.#process.snapshot(),
    });
  }

  /**
   * What should be changed, the most serious first: rules about the last `alerts.windowMs`. Where too little has happened
   * they say nothing.
   */
  recommendations(): Recommendation[] {
    return this.#monitor.recommendations();
  }

  /**
   * Calls the listener with every alert that begins or is resolved. What it throws is logged.
   *
   * @throws `InvalidArgumentError` for an event that does not exist.
   */
  on(event: 'alert', listener: (alert: Alert) => void): Unsubscribe {
    if (event !== 'alert') throw unknownKeyError('', String(event), ['alert'], 'event');
    return this.#monitor.on(listener);
  }

  /** Asks the lower tiers of the cache, the jobs and the bus for their figures, for the snapshots from now on. */
  async refresh(): Promise<void> {
    const { jobs, bus } = this.#options;
    const [held, jobStats, busStats] = await Promise.all([this.#cache?.stats(), jobs?.stats(), bus?.stats()]);
    this.#held = held;
    this.#jobs = jobStats;
    this.#bus = busStats;
  }

  /**
   * The figures as text for Prometheus; serve it with {@link PROMETHEUS_CONTENT_TYPE}. Metrics that have no values are
   * left out.
   */
  async prometheus(): Promise<string> {
    await this.refresh();
    return prometheusText(this.#reading());
  }

  /**
   * How a figure has changed in the last hour. The last point is the current step, which is not over; steps in which
   * no sample was taken are left out.
   *
   * @throws `InvalidArgumentError` for a series that does not exist, and for invalid options.
   */
  series(name: SeriesName, options: SeriesOptions = {}): SeriesPoint[] {
    if (!SERIES_NAMES.includes(name)) throw unknownKeyError('', String(name), [...SERIES_NAMES], 'series');
    const { lastMs, stepMs } = resolveSeriesOptions(options, this.#options.sampleMs);
    const since = this.#services.clock.epochMs() - lastMs;
    const samples = this.#sampler.samples().filter(({ at }) => at >= since);
    return pointsOf(name, samples, stepMs);
  }

  /**
   * What happened, from the file of the history: further back than the last hour, and from before this process.
   *
   * @throws `InvalidArgumentError` for an invalid query or without the option `history`; `DatabaseError` if the
   * file cannot be read.
   */
  async history(query: HistoryQuery = {}): Promise<HistoryPoint[]> {
    const resolved = resolveHistoryQuery(query, this.#services.clock.epochMs());
    if (this.#history === undefined) {
      throw new InvalidArgumentError(
        'history',
        'history: there is none. Make the telemetry with the option history, for instance { directory: ".tutti" }.',
      );
    }
    this.#flush();
    return historyPoints(this.#history, resolved);
  }

  /**
   * What agents, models or tenants have cost by day: the latest day first, on it what cost most first. Without a history
   * it covers everything since telemetry listens, in one row each.
   *
   * @throws `InvalidArgumentError` for invalid options; `DatabaseError` if the file of the history cannot be read.
   */
  async costReport(options: CostReportOptions = {}): Promise<CostReportRow[]> {
    const { by, from, to } = resolveCostReport(options, this.#services.clock.epochMs());
    if (this.#history === undefined) {
      const { byAgent, byModel, byTenant } = this.snapshot();
      return reportOfGroups({ agent: byAgent, model: byModel, tenant: byTenant }[by]);
    }
    this.#flush();
    return reportOfHistory(this.#history, by, from, to);
  }

  /**
   * The figures as text: `json` has the snapshot and the series of the last hour, `csv` a line for each value. With a
   * `path` they are written to a file too, which is replaced once the new one is whole.
   *
   * @throws `InvalidArgumentError` for invalid options; the error of the file system if the file cannot be written.
   */
  async export(options: ExportOptions): Promise<string> {
    const { format, path } = resolveExport(options);
    await this.refresh();
    const text = format === 'csv' ? csvText(this.#reading()) : this.#json();
    if (path !== undefined) await writeWhole(path, text);
    return text;
  }

  /**
   * Stops listening, and writes what is left of the history. What was counted can still be read, but `history` cannot.
   * Calling it again gives the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@link Telemetry.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#sampler.stop();
    this.#sampler.flush();
    this.#recorder.stop();
    this.#process.stop();
    await Promise.all([this.#history?.close(), this.#monitor.close()]);
  }

  #status(): Status {
    const stats = this.#options.orchestrator.stats();
    return {
      at: this.#services.clock.epochMs(),
      cache: this.#cache?.statsNow(this.#held),
      process: this.#process.snapshot(),
      lanes: stats.lanes,
      breakers: breakersOf(stats, this.#recorder),
    };
  }

  #newMonitor(): AlertMonitor {
    const { alerts } = this.#options;
    const { clock, logger } = this.#services;
    const { cachedLatencyMs, computedLatencyMs } = this.#recorder;
    const observations = new Observations({
      windowMs: alerts.windowMs,
      startedAt: clock.epochMs(),
      status: () => this.#status(),
      samples: () => this.#sampler.samples(),
      cachedLatencyMs,
      computedLatencyMs,
      cache: this.#cache,
    });
    const { maxLabelValues } = this.#options;
    const budgets = () => budgetsOf(this.#services.traffic.budgets(), maxLabelValues);
    return new AlertMonitor({ options: alerts, observations, clock, logger, budgets });
  }

  /** Has what happened until now in the history. */
  #flush(): void {
    if (this.#closing !== undefined) throw new ClosedError('telemetry');
    this.#sampler.flush();
  }

  #sampled(sample: Sample, all: CallFigures | undefined): void {
    // The next snapshot shows what the lower tiers hold by then; a tier that fails reports it itself.
    this.refresh().catch(() => {});
    this.#monitor.check();
    if (this.#history === undefined || all === undefined || all.isEmpty) return;
    this.#history.add(sample.at, [{ kind: 'all', label: '', figures: all }, ...this.#recorder.takeSteps()]);
  }

  #reading(): MetricReading {
    const { all, queuedMs, firstTokenMs } = this.#recorder;
    return { snapshot: this.snapshot(), histograms: { latencyMs: all.latencyMs, queuedMs, firstTokenMs } };
  }

  #json(): string {
    const series = Object.fromEntries(SERIES_NAMES.map((name) => [name, this.series(name)]));
    return JSON.stringify({ snapshot: this.snapshot(), series });
  }
}

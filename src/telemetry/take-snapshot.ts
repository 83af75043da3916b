import type { OrchestratorStats } from '../calls/stats.js';
import type { Budget } from '../resilience/budget/budget.js';
import type { MetricsRecorder } from './metrics-recorder.js';
import type { BreakerSnapshot, BudgetSnapshot, TelemetrySnapshot } from './snapshot.js';

/** What a snapshot is made of. */
export interface SnapshotSources {
  readonly at: number;
  readonly stats: OrchestratorStats;
  readonly recorder: MetricsRecorder;
  readonly budgets: Iterable<Budget>;
  readonly maxLabelValues: number;
  readonly cache: TelemetrySnapshot['cache'];
  readonly jobs: unknown;
  readonly bus: unknown;
  readonly history: TelemetrySnapshot['history'];
  readonly process: TelemetrySnapshot['process'];
}

/** Puts together what is known at one moment. Totals are those of `orchestrator.stats()`. */
export function takeSnapshot(sources: SnapshotSources): TelemetrySnapshot {
  const { at, stats, recorder, budgets, maxLabelValues, cache, jobs, bus, history, process } = sources;
  const { submitted, succeeded, failed, cancelled, timedOut, inFlight, queued } = stats;
  const { cached, spending, savedUsd, latencyMs } = recorder.all;
  return {
    at,
    uptimeMs: stats.uptimeMs,
    calls: { submitted, succeeded, failed, cancelled, timedOut, cached, inFlight, queued },
    attempts: stats.attempts,
    retries: stats.retries,
    fallbacks: stats.fallbacks,
    hedges: stats.hedges,
    abandoned: stats.abandoned,
    latencyMs: latencyMs.distribution(),
    queuedMs: recorder.queuedMs.distribution(),
    firstTokenMs: recorder.firstTokenMs.distribution(),
    cachedLatencyMs: recorder.cachedLatencyMs.distribution(),
    computedLatencyMs: recorder.computedLatencyMs.distribution(),
    tokens: { ...spending.tokens, input: stats.inputTokens, output: stats.outputTokens },
    costUsd: stats.costUsd,
    savedUsd,
    errors: { ...stats.errors },
    byAgent: recorder.byAgent.toRecord((figures) => figures.snapshot()),
    byModel: recorder.byModel.toRecord((figures) => figures.snapshot()),
    byTenant: recorder.byTenant.toRecord((figures) => figures.snapshot()),
    tools: recorder.tools.toRecord((figures) => figures.snapshot()),
    lanes: stats.lanes,
    waits: Object.fromEntries(recorder.waits),
    breakers: breakersOf(stats, recorder),
    budgets: budgetsOf(budgets, maxLabelValues),
    cache,
    jobs,
    bus,
    history,
    process,
  };
}

/** The breaker of every lane that has one. */
export function breakersOf(
  { lanes }: OrchestratorStats,
  { opened }: MetricsRecorder,
): Record<string, BreakerSnapshot> {
  const times = opened.toRecord((figures) => figures.times);
  const breakers: Record<string, BreakerSnapshot> = {};
  for (const [lane, { breaker }] of Object.entries(lanes)) {
    if (breaker !== undefined) breakers[lane] = { state: breaker, opened: times[lane] ?? 0 };
  }
  return breakers;
}

/** Budgets by name, at most so many. */
export function budgetsOf(budgets: Iterable<Budget>, most: number): Record<string, BudgetSnapshot> {
  const snapshots: Array<[string, BudgetSnapshot]> = [];
  for (const budget of budgets) {
    if (snapshots.length >= most) break;
    const { scope, owner, limits } = budget;
    const name = owner === '' ? scope : `${scope}/${owner}`;
    const { usd: limitUsd, tokens: limitTokens } = limits;
    snapshots.push([name, { ...budget.stats(), scope, owner, limitUsd, limitTokens }]);
  }
  return Object.fromEntries(snapshots);
}

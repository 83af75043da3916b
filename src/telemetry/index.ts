export type { AgentCacheStats, CacheStats } from '../cache/cache-stats.js';
export type { BudgetScope } from '../errors/traffic-errors.js';
export type { Unsubscribe } from '../events/typed-emitter.js';
export type { BudgetStats } from '../resilience/budget/budget.js';
export type { LaneStats } from '../resilience/lane/lane-options.js';
export type { Alert, AlertOptions, WebhookOptions } from './alerts/alert.js';
export { DELIVERY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER } from './alerts/webhook.js';
export type { CostReportOptions, CostReportRow } from './cost-report.js';
export type { HistoryPoint, HistoryQuery } from './history/history-points.js';
export type { HistoryKind } from './history/history-rows.js';
export { PROMETHEUS_CONTENT_TYPE } from './prometheus-text.js';
export type { Recommendation, RecommendationLevel, Thresholds } from './recommendations/rule.js';
export type { RuleSettings } from './recommendations/rule-states.js';
export { SERIES_NAMES, type SeriesName, type SeriesOptions, type SeriesPoint } from './series.js';
export type {
  BreakerSnapshot,
  BudgetSnapshot,
  CallCounts,
  Distribution,
  GroupSnapshot,
  HistorySnapshot,
  ProcessSnapshot,
  TelemetrySnapshot,
  TokenCounts,
  ToolSnapshot,
} from './snapshot.js';
export { Telemetry } from './telemetry.js';
export type { ExportOptions, HistoryOptions, StatsSource, TelemetryOptions } from './telemetry-options.js';
export {
  type MeterProviderLike,
  type OpenTelemetryOptions,
  openTelemetry,
  type TracerProviderLike,
} from './tracing/open-telemetry.js';

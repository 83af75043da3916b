export type { AgentCacheStats, CacheStats } from '../cache/cache-stats.js';
export type { BudgetScope } from '../errors/traffic-errors.js';
export type { BudgetStats } from '../resilience/budget/budget.js';
export type { LaneStats } from '../resilience/lane/lane-options.js';
export type {
  BreakerSnapshot,
  BudgetSnapshot,
  CallCounts,
  Distribution,
  GroupSnapshot,
  ProcessSnapshot,
  TelemetrySnapshot,
  TokenCounts,
  ToolSnapshot,
} from './snapshot.js';
export { Telemetry } from './telemetry.js';
export type { StatsSource, TelemetryOptions } from './telemetry-options.js';

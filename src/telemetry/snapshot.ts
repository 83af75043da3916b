import type { CacheStats } from '../cache/cache-stats.js';
import type { BudgetScope } from '../errors/traffic-errors.js';
import type { CircuitState } from '../resilience/breaker/circuit-breaker.js';
import type { BudgetStats } from '../resilience/budget/budget.js';
import type { LaneStats } from '../resilience/lane/lane-options.js';

/** How many lengths of time there were and how long they took, in milliseconds; all 0 if there were none. */
export interface Distribution {
  /** How many. */
  count: number;
  /** Half of them took at most this long, in milliseconds; within 1 %, like the other percentiles. */
  p50: number;
  /** 95 % of them took at most this long, in milliseconds. */
  p95: number;
  /** 99 % of them took at most this long, in milliseconds. */
  p99: number;
  /** The longest, in milliseconds; exact. */
  max: number;
  /** Their mean, in milliseconds; exact. */
  mean: number;
}

/** Tokens of calls that were paid for; answers from a cache use none. */
export interface TokenCounts {
  /** Tokens sent to models, without those read from or written to their prompt caches. */
  input: number;
  /** Tokens that models produced. */
  output: number;
  /** Tokens read from the providers' prompt caches. */
  cacheRead: number;
  /** Tokens written to the providers' prompt caches. */
  cacheWrite: number;
}

/** The calls of an orchestrator by how they ended. */
export interface CallCounts {
  /** Calls accepted. */
  submitted: number;
  /** Calls that worked, answers from the cache included. */
  succeeded: number;
  /** Calls that failed; cancelled ones are counted apart. */
  failed: number;
  /** Calls that were cancelled. */
  cancelled: number;
  /** Of the failed: those whose last error was a timeout of any scope. */
  timedOut: number;
  /** Of those that worked: calls answered from the cache, or by an identical call at the same time. */
  cached: number;
  /** Calls accepted and not settled yet. */
  inFlight: number;
  /** Calls that wait for their lane or for a permit. */
  queued: number;
}

/** What the calls of one agent, model or tenant have done since telemetry listens. */
export interface GroupSnapshot {
  /** Calls that have settled. */
  settled: number;
  /** Calls that worked, answers from the cache included. */
  succeeded: number;
  /** Calls that failed; cancelled ones are counted apart. */
  failed: number;
  /** Calls that were cancelled. */
  cancelled: number;
  /** Of the failed: those whose last error was a timeout of any scope. */
  timedOut: number;
  /** Of those that worked: calls answered from the cache, or by an identical call at the same time. */
  cached: number;
  /** Attempts started. */
  attempts: number;
  /** Tokens used. */
  tokens: TokenCounts;
  /** US dollars spent, as far as costs were reported. */
  costUsd: number;
  /** US dollars that answers from the cache would have cost, as far as it is known. */
  savedUsd: number;
  /** Time that its calls waited for lanes and permits, in milliseconds, added up. */
  queuedMs: number;
  /** Time that its attempts ran, in milliseconds, added up. */
  runMs: number;
  /** From submission to settlement. */
  latencyMs: Distribution;
}

/** What the tool of one name has done. */
export interface ToolSnapshot {
  /** Times it was called. */
  calls: number;
  /** Of those: calls that failed. */
  failed: number;
  /** How long its calls took. */
  durationMs: Distribution;
}

/** One budget: what was spent of it, and its limits. */
export interface BudgetSnapshot extends BudgetStats {
  /** Whose spending it limits: that of everything together, of one agent or of one tenant. */
  scope: BudgetScope;
  /** The agent's or tenant's name; empty for `process`. */
  owner: string;
  /** Its limit in US dollars; `undefined` without one. */
  limitUsd: number | undefined;
  /** Its limit in tokens; `undefined` without one. */
  limitTokens: number | undefined;
}

/** The breaker of one lane. */
export interface BreakerSnapshot {
  /** Its state: `closed` accepts requests, `open` none, `half-open` a few. */
  state: CircuitState['state'];
  /** Times it has opened since telemetry listens. */
  opened: number;
}

/** The process that the orchestrator runs in. */
export interface ProcessSnapshot {
  /** Its resident memory, in bytes. */
  rssBytes: number;
  /** Memory in use on its JavaScript heap, in bytes. */
  heapBytes: number;
  /** CPU that it used since telemetry listens, as a share of one core: 1 is one core all the time. */
  cpuShare: number;
  /** How late its timers fire, in milliseconds. */
  eventLoopDelayMs: {
    /** Half of them fire at most this late, in milliseconds. */
    p50: number;
    /** 99 % of them fire at most this late, in milliseconds. */
    p99: number;
  };
}

/** How a history stands. */
export interface HistorySnapshot {
  /** Rows in its file. */
  rows: number;
  /** Bytes in its file that are in use. */
  bytes: number;
  /** Rows written by this process. */
  written: number;
  /** Rows that were not written, because the file failed or too many waited. */
  dropped: number;
}

/** Everything that telemetry knows at one moment, as plain JSON. It does not change after it was taken. */
export interface TelemetrySnapshot {
  /** When it was taken, milliseconds since the Unix epoch. */
  at: number;
  /** Time since the orchestrator was made, in milliseconds. */
  uptimeMs: number;
  /** Calls by how they ended; equal to `orchestrator.stats()`. */
  calls: CallCounts;
  /** Attempts started. */
  attempts: number;
  /** Attempts after a call's first one: retries, hedges and those of fallbacks. */
  retries: number;
  /** Times another agent was asked in place of one that failed. */
  fallbacks: number;
  /** Second attempts beside slow ones. */
  hedges: number;
  /** Attempts abandoned because they ignored their aborted signal. */
  abandoned: number;
  /** From submission to settlement, of all calls. */
  latencyMs: Distribution;
  /** Waiting for lanes and permits, of all calls. */
  queuedMs: Distribution;
  /** From the start of the last attempt to the first event of its stream, of calls that have one. */
  firstTokenMs: Distribution;
  /** From submission to settlement, of calls that were answered from the cache. */
  cachedLatencyMs: Distribution;
  /** From submission to settlement, of calls that worked and were not answered from the cache. */
  computedLatencyMs: Distribution;
  /** Tokens used. */
  tokens: TokenCounts;
  /** US dollars spent, as far as costs were reported. */
  costUsd: number;
  /** US dollars that answers from the cache would have cost, as far as it is known. */
  savedUsd: number;
  /** The failed calls by the code of their error. */
  errors: Record<string, number>;
  /** By agent; the first `maxLabelValues` agents, all further ones under `other`. */
  byAgent: Record<string, GroupSnapshot>;
  /** By the model that answered, else the one that was asked for; calls without a model are left out. */
  byModel: Record<string, GroupSnapshot>;
  /** By tenant; calls without one are left out. */
  byTenant: Record<string, GroupSnapshot>;
  /** By tool. */
  tools: Record<string, ToolSnapshot>;
  /** Every lane by its name, as in `orchestrator.stats().lanes`. */
  lanes: Record<string, LaneStats>;
  /** How often calls began to wait, by what for: `rate-limit`, `retry-after`, `lane-down`, `concurrency`, `backoff`, `budget`. */
  waits: Record<string, number>;
  /** The breaker of every lane that has one, by the lane's name. */
  breakers: Record<string, BreakerSnapshot>;
  /** Budgets in use: `process`, `agent/<name>` and `tenant/<name>`, at most `maxLabelValues` of them. */
  budgets: Record<string, BudgetSnapshot>;
  /** What `cache.stats()` says; `undefined` without a cache. What its lower tiers hold is as old as `sampleMs`. */
  cache: CacheStats | undefined;
  /** What `jobs.stats()` said last; `undefined` without jobs. */
  jobs: unknown;
  /** What `bus.stats()` said last; `undefined` without a bus. */
  bus: unknown;
  /** The history; `undefined` without one. Its size is up to five minutes old. */
  history: HistorySnapshot | undefined;
  /** The process. */
  process: ProcessSnapshot;
}

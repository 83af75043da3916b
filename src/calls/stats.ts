import type { BudgetStats } from '../resilience/budget/budget.js';
import type { LaneStats } from '../resilience/lane/lane-options.js';

/** What an orchestrator has done and is doing. A snapshot: it does not change after it was taken. */
export interface OrchestratorStats {
  /** Attempts that may run at once. */
  maxConcurrent: number;
  /** Attempts running now: permits taken. */
  running: number;
  /** Calls waiting for their lane or for a permit now. */
  queued: number;
  /** Calls waiting for their next attempt now. */
  backingOff: number;
  /** Calls accepted and not settled yet. */
  inFlight: number;
  /** Calls accepted so far. */
  submitted: number;
  /** Calls that worked. */
  succeeded: number;
  /** Calls that failed; cancelled ones are counted apart. */
  failed: number;
  /** Calls that were cancelled. */
  cancelled: number;
  /** Of the failed: those whose last error was a timeout of any scope. */
  timedOut: number;
  /** Attempts started. */
  attempts: number;
  /** Attempts after a call's first one: retries, hedges and those of fallbacks. */
  retries: number;
  /** Times another agent was asked in place of one that failed. */
  fallbacks: number;
  /** Second attempts beside slow ones. */
  hedges: number;
  /** Attempts given up because they ignored their aborted signal; some may still be running. */
  abandoned: number;
  /** Input tokens used. */
  inputTokens: number;
  /** Output tokens used. */
  outputTokens: number;
  /** US dollars spent, as far as agents reported costs. */
  costUsd: number;
  /** Every lane by its name, for instance `anthropic/claude-sonnet-4-5`. */
  lanes: Record<string, LaneStats>;
  /** The budget of all calls, where there is one. */
  budget: BudgetStats | undefined;
  /** Time since the orchestrator was made, in milliseconds. */
  uptimeMs: number;
}

/** The counting part of {@link OrchestratorStats}. */
export class CallCounters {
  submitted = 0;
  succeeded = 0;
  failed = 0;
  cancelled = 0;
  timedOut = 0;
  attempts = 0;
  retries = 0;
  fallbacks = 0;
  hedges = 0;
  abandoned = 0;
  backingOff = 0;
  inputTokens = 0;
  outputTokens = 0;
  costUsd = 0;
}

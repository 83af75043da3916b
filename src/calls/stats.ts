import type { ErrorCode } from '../errors/codes.js';
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
  /** Attempts abandoned because they ignored their aborted signal; some may still be running. */
  abandoned: number;
  /** Input tokens used. */
  inputTokens: number;
  /** Output tokens used. */
  outputTokens: number;
  /** US dollars spent, as far as agents reported costs. */
  costUsd: number;
  /** Every lane by its name, for instance `anthropic/claude-sonnet-4-5`. */
  lanes: Record<string, LaneStats>;
  /** What each tenant with calls uses of its limits, where `tenants.limits` is set. Idle tenants are forgotten in time. */
  tenants: Record<string, LaneStats>;
  /** The budget of all calls, where there is one. */
  budget: BudgetStats | undefined;
  /** The failed calls by the code of their error. */
  errors: Partial<Record<ErrorCode, number>>;
  /** What the calls of each registered agent have done; those of `run` and of guarded requests under `run` and `fetch`. */
  byAgent: Record<string, AgentStats>;
  /** Time since the orchestrator was made, in milliseconds. */
  uptimeMs: number;
}

/** What the calls of one agent have done. Calls of a removed agent are no longer counted here. */
export interface AgentStats {
  /** Calls accepted so far. */
  submitted: number;
  /** Calls that worked, those from the cache included. */
  succeeded: number;
  /** Calls that failed; cancelled ones are counted apart. */
  failed: number;
  /** Calls that were cancelled. */
  cancelled: number;
  /** Of those that worked: calls answered from the cache, or by an identical call at the same time. */
  cached: number;
  /** Attempts started for its calls, those of its fallbacks included. */
  attempts: number;
  /** Input tokens used. */
  inputTokens: number;
  /** Output tokens used. */
  outputTokens: number;
  /** US dollars spent, as far as costs were reported. */
  costUsd: number;
  /** Time that its calls waited for lanes and permits, in milliseconds, added up. */
  queuedMs: number;
  /** Time that its attempts ran, in milliseconds, added up. */
  runMs: number;
}

/** The figures of one agent as they are counted. */
export class AgentFigures implements AgentStats {
  submitted = 0;
  succeeded = 0;
  failed = 0;
  cancelled = 0;
  cached = 0;
  attempts = 0;
  inputTokens = 0;
  outputTokens = 0;
  costUsd = 0;
  queuedMs = 0;
  runMs = 0;
}

/** The figures of all agents. Each agent holds its own, so that counting looks nothing up. */
export class FiguresByAgent {
  readonly #figures = new Map<string, AgentFigures>();

  /** The figures of an agent, which start at 0. */
  of(agent: string): AgentFigures {
    let figures = this.#figures.get(agent);
    if (figures === undefined) {
      figures = new AgentFigures();
      this.#figures.set(agent, figures);
    }
    return figures;
  }

  /** The agent was removed. */
  forget(agent: string): void {
    this.#figures.delete(agent);
  }

  snapshot(): Record<string, AgentStats> {
    return Object.fromEntries([...this.#figures].map(([agent, figures]) => [agent, { ...figures }]));
  }
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

/** Errors with which calls have failed, by code. Apart from the other counters, which are copied as they are. */
export class ErrorCounts {
  readonly #counts = new Map<ErrorCode, number>();

  add(code: ErrorCode): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }

  snapshot(): Partial<Record<ErrorCode, number>> {
    return Object.fromEntries(this.#counts);
  }
}

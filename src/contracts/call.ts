import type { PhaseTimeouts } from './agent.js';
import type { CacheStorage } from './cache-storage.js';
import type { CallOutcome } from './result.js';
import type { BudgetSettings } from './traffic.js';

/** Settings of one call. They beat the agent's, which beat the orchestrator's. */
export interface CallOptions {
  /** Cancels this call: it leaves the queue at once, its attempt's signal is aborted, no other attempt starts. */
  signal?: AbortSignal | undefined;
  /** Longest time of one attempt, in milliseconds, from the moment it has its permit. Retryable. */
  timeoutMs?: number | undefined;
  /** Limits on single phases. */
  timeouts?: PhaseTimeouts | undefined;
  /** Longest time of the whole call, in milliseconds, from submission; queue, attempts and backoff included. */
  deadlineMs?: number | undefined;
  /** Attempts after the first one; 0 for none. */
  maxRetries?: number | undefined;
  /** Higher goes first; equal ones in order of submission. Any finite number. @default 0 */
  priority?: number | undefined;
  /** On whose behalf. Part of the call's identity. */
  tenant?: string | undefined;
  /** Model to use instead of the definition's. */
  model?: string | undefined;
  /** Parameters laid over the definition's. */
  params?: Readonly<Record<string, unknown>> | undefined;
  /**
   * `false` neither reads nor writes the cache, `'refresh'` computes anew and stores, an object sets how the answer
   * is stored; what it leaves out is as the agent's definition says.
   */
  cache?: false | 'refresh' | CacheStorage | undefined;
  /** Returned with the result, untouched. */
  metadata?: Record<string, unknown> | undefined;
}

/** One task as an object: who, what, and the call's own settings. */
export interface TaskObject<Name extends string = string> extends CallOptions {
  /** The agent's registered name. */
  agent: Name;
  /** What it has to do; reaches the agent unchanged. */
  task: string;
}

/** One task: a pair, or an object with settings of its own. */
export type TaskInput<Name extends string = string> =
  | readonly [agent: Name, task: string]
  | Readonly<TaskObject<Name>>;

/** Where many tasks come from: anything that can be iterated, at once or over time. Read lazily. */
export type TaskSource<Name extends string = string> =
  | Iterable<TaskInput<Name>>
  | AsyncIterable<TaskInput<Name>>;

/** How far a run has come. */
export interface RunProgress {
  /** Tasks settled. */
  done: number;
  /** Of these, failed. */
  failed: number;
  /** Of these, answered from the cache. */
  cached: number;
  /** Tasks in all, where the source has a known length. */
  total?: number;
  /** The task that has just settled. */
  result: CallOutcome;
}

/** Settings of `executeMultiple` and `executeEach`. Those of {@link CallOptions} apply to every task that has none of its own. */
export interface RunOptions extends Omit<CallOptions, 'deadlineMs'> {
  /**
   * Longest time of the whole run, in milliseconds, from the call of `executeMultiple` or `executeEach`.
   * What has not settled by then fails with a `TimeoutError` of scope `deadline`.
   */
  deadlineMs?: number | undefined;
  /** What the run's calls together may spend. */
  budget?: BudgetSettings | undefined;
  /** Cancels everything else and rejects with the first failure. @default false */
  stopOnError?: boolean | undefined;
  /**
   * Name of the run, 1 to 200 characters. With it the run keeps a journal in `directory`: the same call made again,
   * after a crash too, runs only what had not finished and gives all results, in order. The tasks have to be the
   * same ones, else it rejects with a `RunChangedError`. A run is under way in one place at a time; a second one
   * rejects with a `RunBusyError`. Outcomes are given out when they are on disk.
   *
   * @default none: nothing is kept
   */
  runId?: string | undefined;
  /** Folder for the journals of runs, which are in `runs/` below it; it is made where there is none. `~` is the home directory. Needed with `runId`. */
  directory?: string | undefined;
  /** Whether tasks whose failure is on record are run again; else the failure is given back. Only with `runId`. @default false */
  retryFailed?: boolean | undefined;
  /** Called after each task settles; what it throws is logged and breaks nothing. */
  onProgress?: ((progress: RunProgress) => void) | undefined;
}

import type { AgentContext, PhaseTimeouts } from './agent.js';
import type { OnApproval } from './approval.js';
import type { CacheStorage } from './cache-storage.js';
import type { CallOutcome } from './result.js';
import type { TaskContent } from './task-content.js';
import type { BudgetSettings } from './traffic.js';

/** Settings of one call. They override the agent's, which override the orchestrator's. */
export interface CallOptions {
  /**
   * Cancels this call: it leaves the queue at once, the signal of its attempt is aborted, and no other attempt starts.
   */
  signal?: AbortSignal | undefined;
  /** Time limit of one attempt, in milliseconds, from the moment it has its permit. Retryable. */
  timeoutMs?: number | undefined;
  /** Time limits of single phases. */
  timeouts?: PhaseTimeouts | undefined;
  /** Time limit of the whole call, in milliseconds, from submission: queue, attempts and backoff included. */
  deadlineMs?: number | undefined;
  /** Most attempts after the first one; 0 for none. */
  maxRetries?: number | undefined;
  /** Calls with a higher priority go first, equal ones in order of submission. Any finite number. @default 0 */
  priority?: number | undefined;
  /** The tenant the call is made for. Part of the call's identity. */
  tenant?: string | undefined;
  /** Model to use instead of the definition's. */
  model?: string | undefined;
  /** Parameters that override the definition's. */
  params?: Readonly<Record<string, unknown>> | undefined;
  /**
   * `false` neither reads nor writes the cache, `'refresh'` recomputes and stores the answer, an object sets how the
   * answer is stored. Fields it leaves out come from the agent's definition.
   */
  cache?: false | 'refresh' | CacheStorage | undefined;
  /**
   * Answers to the requests of an `ApprovalRequiredError`, by their `id`: `true` lets the tool call run, `false` tells the
   * model that it may not.
   */
  approvals?: Readonly<Record<string, boolean>> | undefined;
  /** Decides about tool calls that need approval and are not in `approvals`. Overrides the agent's. */
  onApproval?: OnApproval | undefined;
  /** Returned with the result, unchanged. */
  metadata?: Record<string, unknown> | undefined;
}

/** A function that `run` calls, once for each attempt. Pass `signal` to everything in it that can stop early. */
export type CallFunction<Value> = (context: AgentContext) => Value | PromiseLike<Value>;

/** Settings of `orchestrator.run`: those of a call, and what a function has no definition for. */
export interface FunctionCallOptions extends CallOptions {
  /**
   * The lane whose limits, pauses and breaker the call shares with all others of that name, for instance the name of a
   * service. It learns what the service takes from the errors that the function throws: their `status` and `retry-after`.
   *
   * @default none: the call shares only the orchestrator's permits
   */
  lane?: string | undefined;
  /**
   * Says which calls have the same result: such calls at the same time run once, and the result is kept in the cache, if
   * the orchestrator has one. The result then has to be a JSON value. 1 to `maxTaskChars` characters.
   *
   * @default none: neither shared nor cached
   */
  key?: string | undefined;
  /** The most that the call may cost, in US dollars, from 0; reserved and charged where a budget limits dollars. @default unknown */
  maxCostUsd?: number | undefined;
}

/** One task as an object: the agent, the task, and the settings of this call. */
export interface TaskObject<Name extends string = string> extends CallOptions {
  /** The agent's registered name. */
  agent: Name;
  /** The task: a text, or a conversation, files and text. It reaches the agent unchanged. */
  task: TaskContent;
}

/** One task: a pair, or an object with its own settings. */
export type TaskInput<Name extends string = string> =
  | readonly [agent: Name, task: TaskContent]
  | Readonly<TaskObject<Name>>;

/** A source of tasks: any iterable or async iterable. It is read lazily. */
export type TaskSource<Name extends string = string> =
  | Iterable<TaskInput<Name>>
  | AsyncIterable<TaskInput<Name>>;

/** What the calls of an orchestrator wait for: those of the lane in which most of them wait, or those of budgets. */
export interface RunWaiting {
  /** Number of calls that wait for the lane, or for budgets, those of other runs included. */
  count: number;
  /** What the first of them waits for, as in the event `call:wait`. */
  reason: 'retry-after' | 'lane-down' | 'rate-limit' | 'concurrency' | 'backoff' | 'budget';
  /** Until when, in epoch milliseconds; `undefined` if that is not known. */
  untilMs: number | undefined;
}

/** The progress of a run. */
export interface RunProgress {
  /** Tasks settled. */
  done: number;
  /** Of those, tasks that failed; cancelled ones do not count. */
  failed: number;
  /** Of those, tasks that were cancelled: by a signal, by a failure with `stopOnError`, or by closing. */
  cancelled: number;
  /** Of those, tasks answered from the cache. */
  cached: number;
  /** What calls wait for; `undefined` if none waits for a lane or a budget. */
  waiting: RunWaiting | undefined;
  /** Number of tasks, if the source has a known length. */
  total?: number;
  /** The task that has just settled. */
  result: CallOutcome;
}

/** Settings of `executeMultiple` and `executeEach`. {@link CallOptions} apply to every task that does not set its own. */
export interface RunOptions extends Omit<CallOptions, 'deadlineMs'> {
  /**
   * Time limit of the whole run, in milliseconds, from the call of `executeMultiple` or `executeEach`. Tasks that
   * have not settled by then fail with a `TimeoutError` of scope `deadline`.
   */
  deadlineMs?: number | undefined;
  /** What all calls of the run together may spend. */
  budget?: BudgetSettings | undefined;
  /** Rejects with the first failure and cancels all other tasks. @default false */
  stopOnError?: boolean | undefined;
  /**
   * Name of the run, 1 to 200 characters. A named run keeps a journal in `directory`: making the same call again, even
   * after a crash, runs only the tasks that had not finished, and returns all results in order. The tasks must be
   * the same, else the call rejects with a `RunChangedError`. While a run is in progress, starting it a second time
   * rejects with a `RunBusyError`. An outcome is delivered once it is on disk.
   *
   * @default none: no journal is kept
   */
  runId?: string | undefined;
  /**
   * Folder of the journals, which are in its subfolder `runs/`; created if it does not exist. `~` is the home
   * directory. Required with `runId`.
   */
  directory?: string | undefined;
  /**
   * Whether to run tasks again whose failure is in the journal; otherwise that failure is their result. Only with
   * `runId`.
   *
   * @default false
   */
  retryFailed?: boolean | undefined;
  /**
   * The secret that signs the run's journal, or several for rotation: the first signs, all verify. Each has at least
   * 16 bytes. Only with `runId`.
   *
   * @default the secret of the orchestrator's cache options, else TUTTI_CACHE_SECRET, else the key file of this user
   */
  secret?: string | readonly string[] | undefined;
  /**
   * Whether `executeEach` returns outcomes in input order. An outcome then waits for those before it; at most as many
   * wait as there are permits, and arrays are read in their own order whatever their priorities. `executeMultiple`
   * always returns input order.
   *
   * @default false
   */
  ordered?: boolean | undefined;
  /**
   * Whether one call of each agent and model goes first if the provider caches what its calls begin with, so that one
   * request pays for writing it and the others read it. The others wait until its answer begins or it has settled, at most
   * 5,000 ms. Agents with short prompts, functions, programs and services do not wait.
   *
   * @default false
   */
  warmFirst?: boolean | undefined;
  /** Called after each task settles. If it throws, the error is logged and the run continues. */
  onProgress?: ((progress: RunProgress) => void) | undefined;
}

import type { ErrorCode } from '../errors/codes.js';
import type { HitTier, NotStored } from './cache-events.js';

/** What is kept for `explain`. */
export interface ExplainOptions {
  /** How many of the latest calls are kept; at least 1. @default 1_000 */
  calls?: number | undefined;
  /**
   * How many requests that the cache was asked for are remembered, as digests of their fields, to find what a missed
   * one differs in; at least 1.
   *
   * @default 4_096
   */
  requests?: number | undefined;
}

/** Where the time of a call went, in milliseconds. The parts add up to the call's `totalMs`. */
export interface CallTimes {
  /** Hooks, reading the task's files, loading code: everything before it was looked up or queued. */
  prepareMs: number;
  /** Looking in the cache. */
  cacheMs: number;
  /** Waiting for an identical call in flight. */
  sharedMs: number;
  /** Waiting for a permit (`maxConcurrent`), or for a connection. */
  queueMs: number;
  /** Waiting for its lane or tenant: rate limits, concurrency, the spread return after trouble. */
  laneMs: number;
  /** Waiting while its lane was stopped for all calls: a wait that the provider demands, or an outage. */
  coolOffMs: number;
  /** Waiting for what other calls had reserved in a budget. */
  budgetMs: number;
  /** Waiting between attempts: the call's own backoff. */
  backoffMs: number;
  /** Attempts that failed, without their tools. Attempts that race count by how the race ended. */
  failedAttemptsMs: number;
  /** The attempt that answered, without its tools: the model, program or function. */
  modelMs: number;
  /** Tools that ran, in any attempt. */
  toolsMs: number;
  /** From the answer to the end of the call: checking it, and delivering the rest of a stream. */
  deliveryMs: number;
}

/** One attempt of an explained call. */
export interface ExplainedAttempt {
  /** Which attempt of its call it is, from 1. */
  attempt: number;
  /** The agent that was asked: the call's own, or a fallback. */
  agent: string;
  /** How long it waited before it started, in milliseconds. */
  queuedMs: number;
  /** How long it ran, in milliseconds; `undefined` while it runs. */
  runMs: number | undefined;
  /** Whether it succeeded; `undefined` while it runs. */
  success: boolean | undefined;
  /** The code of its error. */
  errorCode: ErrorCode | undefined;
}

/**
 * Why the cache had no answer:
 *
 * - `changed`: the agent's nearest stored request differs; `differs` names the fields
 * - `expired`: the answer to this request had expired
 * - `evicted`: it had been removed to hold a size limit
 * - `deleted`: it had been deleted, by `delete`, `clear` or the like
 * - `rejected`: what was stored was not what was signed, and was removed
 * - `not-stored`: the request was made before, but its answer was not stored; `notStored` says why
 * - `never-seen`: no stored request of this agent is remembered
 * - `refresh`: the call asked for a new answer
 */
export type MissReason =
  | 'changed'
  | 'expired'
  | 'evicted'
  | 'deleted'
  | 'rejected'
  | 'not-stored'
  | 'never-seen'
  | 'refresh';

/** What the cache did for a call. */
export interface CacheExplanation {
  /**
   * `hit` and `miss`; `shared` if the call joined an identical one in flight; `excluded` if its agent is excluded or the
   * cache is switched off; `off` if the call, the agent or the orchestrator uses no cache; `not-reached` if the call
   * ended before it was looked up.
   */
  outcome: 'hit' | 'miss' | 'shared' | 'excluded' | 'off' | 'not-reached';
  /** Where a hit was found. */
  tier?: HitTier | undefined;
  /** Of a shared call: the call that it joined. */
  joined?: string | undefined;
  /** Why it was a miss. */
  reason?: MissReason | undefined;
  /**
   * Of a `changed` request, the fields in which it differs from the nearest stored request of its agent, for instance
   * `['params.temperature']`: `tenant`, `model`, `task`, `input` (conversation and files), `params.…`, and of the
   * definition `instructions`, `version`, `output`, `provider.…`.
   */
  differs?: readonly string[] | undefined;
  /** Of an answer that was `not-stored`: why; `failed` if there was no answer. */
  notStored?: NotStored | 'failed' | undefined;
}

/** Where the time of a call went and what the cache did for it. Plain data without texts of tasks or answers. */
export interface CallExplanation {
  /** The call's id. */
  callId: string;
  /** The agent's registered name. */
  agent: string;
  /** `running`: the figures are those so far. */
  state: 'running' | 'succeeded' | 'failed';
  /** The code of its error, if it failed. */
  errorCode: ErrorCode | undefined;
  /** From submission to its end, or until now, in milliseconds. */
  totalMs: number;
  /** Where that time went. */
  times: CallTimes;
  /** The lanes in which it waited. */
  lanes: readonly string[];
  /** Its attempts in order, at most the first 32. */
  attempts: readonly ExplainedAttempt[];
  /** What the cache did for it. */
  cache: CacheExplanation;
  /** The same in a few sentences, the largest part first. */
  summary: string;
}

import type { AgentReplyObject } from './reply.js';
import type { AgentResult } from './result.js';
import type { TaskContent } from './task-content.js';

/** A call as a hook sees it: frozen, and the same object for `before` and `after` of one hook. */
export interface HookRequest {
  /** The agent's registered name. */
  readonly agent: string;
  /** The call's id. */
  readonly callId: string;
  /** The task, as the hooks before this one left it. */
  readonly task: TaskContent;
  /** The requested model, from the call or else the agent's definition. */
  readonly model: string | undefined;
  /** The definition's parameters, overridden by the call's. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The tenant that the call is made for. */
  readonly tenant: string | undefined;
  /** The `metadata` of the call. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** Aborted when the call is cancelled or passes its deadline while the hook runs. */
  readonly signal: AbortSignal;
}

/** What a `before` hook puts in the place of what was asked. What it leaves out stays. */
export interface ReplacedRequest {
  /** The task to use instead; checked like any other. */
  task?: TaskContent | undefined;
  /** The model to use instead. */
  model?: string | undefined;
  /** The parameters to use instead, all of them. */
  params?: Readonly<Record<string, unknown>> | undefined;
}

/** What a `before` hook may return. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement fits too
export type BeforeReturn = ReplacedRequest | AgentReplyObject | undefined | void;

/** What an `after` hook may return. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement fits too
export type AfterReturn = Partial<AgentResult> | undefined | void;

/** Code that runs around every call. What it throws, and what it returns that is invalid, ends the call with a `HookError`. */
export interface Hooks {
  /**
   * Runs before the call is looked up in the cache or queued, once, however many attempts follow. Returns what
   * replaces parts of the request, a reply with `output` that answers the call without its agent, or nothing.
   */
  before?(request: HookRequest): BeforeReturn | Promise<BeforeReturn>;
  /**
   * Runs when the call has succeeded, from the cache too. Returns fields that replace those of the result, or nothing.
   * The cache keeps the answer as it was. A stream gets its answer in one piece, after this hook.
   */
  after?(result: AgentResult, request: HookRequest): AfterReturn | Promise<AfterReturn>;
}

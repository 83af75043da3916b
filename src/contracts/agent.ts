import type { Logger } from '../logging/logger.js';
import type { OnApproval } from './approval.js';
import type { CacheStorage } from './cache-storage.js';
import type { Hooks } from './hooks.js';
import type { OutputSchema } from './output-schema.js';
import type { Provider } from './provider.js';
import type { AgentReply, AgentStreamReply } from './reply.js';
import type { AgentTaskInput } from './task-content.js';
import type { BudgetSettings, HedgeSettings } from './traffic.js';

/** The call that an agent function is answering. */
export interface AgentContext {
  /** The agent's registered name. */
  readonly agent: string;
  /** The call's id: unique, and the same in events, logs and the result. */
  readonly callId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /**
   * Aborted when this attempt times out, is cancelled or passes its deadline. Pass it to `fetch` and to everything
   * else that can stop early. Created on first access, so that an agent that does not use it costs nothing.
   */
  readonly signal: AbortSignal;
  /** All of the task: its text, the turns before it and its files, which are not read. */
  readonly input: AgentTaskInput;
  /** The requested model, from the call or else the agent's definition. */
  readonly model?: string | undefined;
  /** The definition's parameters, overridden by the call's. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The orchestrator's logger, bound to this agent and call. */
  readonly logger: Logger;
}

/** An agent as a plain function: receives the task's text unchanged, returns or streams the answer. */
export type AgentFunction = (
  task: string,
  context: AgentContext,
) => AgentReply | Promise<AgentReply> | AgentStreamReply;

/**
 * The type of the value that a function answers with: what it returns as `data`, `undefined` if it returns text alone or
 * streams.
 *
 * @typeParam Reply What the function returns.
 */
export type ReplyData<Reply> = DataField<Awaited<Reply>>;

type DataField<Reply> = Reply extends string | AgentStreamReply
  ? undefined
  : 'data' extends keyof Reply
    ? Reply['data']
    : undefined;

/** Time limits for single phases of a call, in milliseconds. A phase that is left out has no limit. */
export interface PhaseTimeouts {
  /** Longest wait for a lane and a permit, from submission (for a retry, from the end of its backoff). Not retryable. */
  queueMs?: number | undefined;
  /**
   * Longest wait for the first output of a stream (text, reasoning or a part of a tool call), from the start of the
   * attempt. Retryable.
   */
  firstTokenMs?: number | undefined;
  /**
   * Longest silence of a stream after its first output. Pings and usage are not silence. Not retryable: the caller has
   * already received part of the answer.
   */
  idleMs?: number | undefined;
}

/** An agent with its settings, made with `defineAgent` or by a provider. Its settings override the orchestrator's. */
export interface AgentDefinition<Name extends string = string, Data = unknown> {
  /**
   * The agent's name. In a record of agents the key is used instead; a provider's definition may leave it empty there.
   */
  readonly name: Name;
  /** The name to show to people, if it has characters that `name` cannot have. */
  readonly title?: string | undefined;
  /** What the agent is for, in one sentence. */
  readonly description?: string | undefined;
  /** The function that answers. Set either this or `provider`. */
  readonly run?: AgentFunction | undefined;
  /** The provider that answers. Set either this or `run`. */
  readonly provider?: Provider | undefined;
  /** Model to use, unless the call sets one. */
  readonly model?: string | undefined;
  /** System prompt. Part of the agent's identity. */
  readonly instructions?: string | undefined;
  /** Parameters for the model; those of a call override them. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Schema of the answer. The answer is parsed as JSON and validated, and `result.data` has the schema's type. */
  readonly output?: OutputSchema<Data> | undefined;
  /**
   * How many times an answer that does not match `output` is sent back to the agent, with the error, before the
   * attempt fails. Streams are never repaired, because the caller has already received their text.
   *
   * @default 0
   */
  readonly repairs?: number | undefined;
  /** Overrides the orchestrator's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Overrides the orchestrator's `timeouts`. */
  readonly timeouts?: PhaseTimeouts | undefined;
  /** Overrides the orchestrator's `deadlineMs`. */
  readonly deadlineMs?: number | undefined;
  /** Overrides the orchestrator's `maxRetries`. */
  readonly maxRetries?: number | undefined;
  /** Most attempts of this agent that run at once, within the orchestrator's own limit. */
  readonly maxConcurrent?: number | undefined;
  /** `false` keeps the agent's answers out of the cache; an object sets how they are stored. */
  readonly cache?: false | CacheStorage | undefined;
  /** Agents to try instead, in order, when this one fails for a reason that may not affect them. */
  readonly fallbacks?: readonly string[] | undefined;
  /** When a second attempt may start beside a slow first one. Overrides the orchestrator's `hedge`. */
  readonly hedge?: HedgeSettings | undefined;
  /** Code that runs around each of its calls, after the hooks of the orchestrator; several in order. */
  readonly hooks?: Hooks | readonly Hooks[] | undefined;
  /** Decides about calls of its tools that need approval, unless the call does. */
  readonly onApproval?: OnApproval | undefined;
  /** Whether running it twice is harmless. Agents with tools are hedged only if it is. @default false */
  readonly idempotent?: boolean | undefined;
  /** What all of the agent's calls together may spend. */
  readonly budget?: BudgetSettings | undefined;
  /** The maximum cost of one call, in US dollars, for models without a known price. */
  readonly maxCostUsd?: number | undefined;
  /** Part of the agent's identity in the cache: change it when the function's behaviour changes. */
  readonly version?: string | undefined;
  /** Anything else about the agent, such as the other fields of its file. It is neither sent nor part of its identity. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

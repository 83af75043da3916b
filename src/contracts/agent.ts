import type { Logger } from '../logging/logger.js';
import type { CacheStorage } from './cache-storage.js';
import type { OutputSchema } from './output-schema.js';
import type { Provider } from './provider.js';
import type { AgentReply, AgentStreamReply } from './reply.js';
import type { BudgetSettings, HedgeSettings } from './traffic.js';

/** What an agent knows about the call it is answering. */
export interface AgentContext {
  /** The agent's registered name. */
  readonly agent: string;
  /** The call's id: unique, and the same in events, logs and the result. */
  readonly callId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /**
   * Aborted when this attempt times out, is cancelled or loses its deadline. Made on first access, so an
   * agent that never looks costs no controller. Hand it to `fetch` and to everything else that can stop early.
   */
  readonly signal: AbortSignal;
  /** The model asked for, from the call or the agent's definition. */
  readonly model?: string | undefined;
  /** The definition's parameters overlaid with the call's. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The orchestrator's logger, bound to this agent and call. */
  readonly logger: Logger;
}

/** An agent as a plain function: gets the task unchanged, returns or streams the answer. */
export type AgentFunction = (
  task: string,
  context: AgentContext,
) => AgentReply | Promise<AgentReply> | AgentStreamReply;

/** Limits on single phases of a call, in milliseconds; each is off when left out. */
export interface PhaseTimeouts {
  /** Longest wait for a lane and a permit, from submission (of a retry: from the end of its backoff). Not retryable. */
  queueMs?: number | undefined;
  /** Longest wait for the first event of a stream, from the start of the attempt. Retryable. */
  firstTokenMs?: number | undefined;
  /** Longest silence between two events of a stream. Not retryable: part of the answer has been given out. */
  idleMs?: number | undefined;
}

/** An agent with its settings. Made with `defineAgent` or by a provider; its settings beat the orchestrator's. */
export interface AgentDefinition<Name extends string = string, Data = unknown> {
  /** Its name; the key counts where definitions come as a record. Empty when a provider made it for a record. */
  readonly name: Name;
  /** What it is for, in a sentence. */
  readonly description?: string | undefined;
  /** Does the work; this or `provider`. */
  readonly run?: AgentFunction | undefined;
  /** Answers in place of a function; this or `run`. */
  readonly provider?: Provider | undefined;
  /** Model to use unless the call names one. */
  readonly model?: string | undefined;
  /** System prompt. Part of the agent's identity. */
  readonly instructions?: string | undefined;
  /** Parameters, overlaid with the call's. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** Schema of the answer: it is parsed as JSON and validated, and `result.data` has its type. */
  readonly output?: OutputSchema<Data> | undefined;
  /**
   * How often an answer that does not fit `output` is sent back to the agent with the error, within the same
   * attempt, before it fails. Not for streams: their text has been given out.
   *
   * @default 0
   */
  readonly repairs?: number | undefined;
  /** As the orchestrator's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** As the orchestrator's `timeouts`. */
  readonly timeouts?: PhaseTimeouts | undefined;
  /** As the orchestrator's `deadlineMs`. */
  readonly deadlineMs?: number | undefined;
  /** As the orchestrator's `maxRetries`. */
  readonly maxRetries?: number | undefined;
  /** Attempts of this agent running at once, within the orchestrator's own limit. */
  readonly maxConcurrent?: number | undefined;
  /** `false` keeps its answers out of the cache; an object sets how they are stored. */
  readonly cache?: false | CacheStorage | undefined;
  /** Names of agents that are asked in this one's place, in order, when it fails in a way that they need not share. */
  readonly fallbacks?: readonly string[] | undefined;
  /** When a second attempt may run beside a slow first one; beats the orchestrator's. */
  readonly hedge?: HedgeSettings | undefined;
  /** Whether it does no harm to run it twice: agents with tools are hedged only then. @default false */
  readonly idempotent?: boolean | undefined;
  /** What all its calls together may spend. */
  readonly budget?: BudgetSettings | undefined;
  /** Most that one of its calls can cost, in US dollars, where no price table can tell. */
  readonly maxCostUsd?: number | undefined;
  /** Part of the agent's identity: raise it when the function's behaviour changes. */
  readonly version?: string | undefined;
}

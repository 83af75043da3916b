import type { Logger } from '../logging/logger.js';
import type { OutputSchema } from './output-schema.js';
import type { ProviderResponseInfo } from './rate-limits.js';
import type { AgentReplyObject, StreamSummary } from './reply.js';
import type { StreamEvent } from './stream-event.js';
import type { Usage } from './usage.js';

/** An answer that did not fit the `output` schema, and why. */
export interface RejectedReply {
  /** The answer's text. */
  readonly output: string;
  /** What is wrong with it and where, in words for the one who answered. */
  readonly problem: string;
}

/** What a provider is asked to answer: one attempt of one call. */
export interface ProviderRequest {
  /** The agent's registered name. */
  readonly agent: string;
  /** The call's id. */
  readonly callId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** The user's text, unchanged. */
  readonly task: string;
  /** The model asked for, from the call or the agent's definition. */
  readonly model: string | undefined;
  /** System prompt. */
  readonly instructions: string | undefined;
  /** The definition's parameters overlaid with the call's. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Schema that the answer has to match, for providers that can enforce one. */
  readonly output: OutputSchema | undefined;
  /** Earlier answers of this attempt that did not fit `output`, oldest first: the conversation goes on after them. */
  readonly rejected?: readonly RejectedReply[] | undefined;
  /** Aborted when the attempt ends early; the provider closes its socket or process then. */
  readonly signal: AbortSignal;
  /** Bound to this agent and call. */
  readonly logger: Logger;
  /**
   * Told when a request is written to its connection, where the provider can know that: limits count it from then
   * on. Before that it may have waited for a module, a connection or the processor.
   */
  readonly onSent?: (() => void) | undefined;
  /** Told, in an attempt of several requests, how many tokens they have used so far: should it end early, that much is paid. */
  readonly onUsage?: ((usage: Partial<Usage>) => void) | undefined;
  /** Told about every answer of the far side as soon as its headers are known, failures included. */
  readonly onResponse?: ((info: ProviderResponseInfo) => void) | undefined;
}

/**
 * Where answers come from: a model, a program, a service. One small contract, versioned, so that a provider
 * written for it keeps working.
 */
export interface Provider {
  /** Version of this contract. */
  readonly specificationVersion: 1;
  /** Its kind, for instance `anthropic`; names it in errors. */
  readonly name: string;
  /** Answers at once, or rejects with an error that says whether it can pass. */
  generate(request: ProviderRequest): Promise<AgentReplyObject>;
  /**
   * Answers piece by piece and ends with `finish`; without that event the stream counts as cut off. Without this
   * method a stream is made of `generate`'s one answer. A generator may return what events cannot say.
   */
  stream?(request: ProviderRequest): AsyncIterable<StreamEvent, StreamSummary | undefined | void>;
  /**
   * What tokens of a model cost, in US dollars; `undefined` where no price is known. For streams, which carry
   * usage but no cost, for cancelled calls and for reserving a budget.
   */
  costUsd?(model: string | undefined, usage: Partial<Usage>): number | undefined;
  /**
   * The longest answer, in tokens, that these parameters ask the model for; `undefined` if they set no limit.
   * Rate limits and budgets reserve that much. Without this method `params.maxTokens` counts.
   */
  maxOutputTokens?(model: string | undefined, params: Readonly<Record<string, unknown>>): number | undefined;
  /** Settings beyond model, instructions and params that change answers: part of the agent's identity. Plain JSON. */
  readonly identity?: Readonly<Record<string, unknown>> | undefined;
  /** Frees what the provider holds: sockets, processes. Called once, when the orchestrator closes. */
  close?(): Promise<void>;
}

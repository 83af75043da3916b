import type { Logger } from '../logging/logger.js';
import type { CallLedger } from './call-ledger.js';
import type { OutputSchema } from './output-schema.js';
import type { ProviderResponseInfo } from './rate-limits.js';
import type { AgentReplyObject, StreamSummary } from './reply.js';
import type { StreamEvent } from './stream-event.js';
import type { ContentFile, LoadedMessage } from './task-content.js';
import type { ToolHost } from './tool-host.js';
import type { Usage } from './usage.js';

/** An answer that did not match the `output` schema, and why. */
export interface RejectedReply {
  /** The answer's text. */
  readonly output: string;
  /** What is invalid and where, phrased for the model. */
  readonly problem: string;
}

/** What arrived on a stream without being an event: a part of the answer, or a sign that the connection works. */
export type StreamActivity = 'output' | 'keep-alive';

/** The request of one attempt of one call. */
export interface ProviderRequest {
  /** The agent's registered name. */
  readonly agent: string;
  /** The call's id. */
  readonly callId: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** The task's text, unchanged; of a conversation, that of its last turn. */
  readonly task: string;
  /**
   * The whole conversation, the last turn included, with the bytes of its files. Absent if the task is only text. Only
   * providers that say in `accepts` that they take it receive it.
   */
  readonly messages?: readonly LoadedMessage[] | undefined;
  /** The requested model, from the call or else the agent's definition. */
  readonly model: string | undefined;
  /** System prompt. */
  readonly instructions: string | undefined;
  /** The definition's parameters, overridden by the call's. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Schema that the answer must match, for providers that can enforce one. */
  readonly output: OutputSchema | undefined;
  /** Earlier answers of this attempt that did not match `output`, oldest first. The conversation continues after them. */
  readonly rejected?: readonly RejectedReply[] | undefined;
  /**
   * What the call has finished in earlier attempts, and in those that run beside this one, for providers that make
   * several requests in one attempt. Absent if there is none to go on from.
   */
  readonly ledger?: CallLedger | undefined;
  /** What the call offers to a provider that runs tools. */
  readonly toolHost?: ToolHost | undefined;
  /** Aborted when the attempt ends early; the provider must then close its socket or process. */
  readonly signal: AbortSignal;
  /** The orchestrator's logger, bound to this agent and call. */
  readonly logger: Logger;
  /**
   * Called when a request is written to its connection, if the provider can tell. Rate limits count the request from
   * that moment; until then it may still be waiting for a module, a connection or the processor.
   */
  readonly onSent?: (() => void) | undefined;
  /**
   * Called when a request has to wait before it can be sent: for its client to be loaded, or for one of a limited number
   * of connections. The provider calls the returned function when the wait has ended. Such a wait is time in the queue:
   * the attempt's timeouts do not count it.
   */
  readonly onWait?: (() => () => void) | undefined;
  /**
   * Called after each of several requests of an attempt, with the usage so far, which is charged if the attempt ends
   * early.
   */
  readonly onUsage?: ((usage: Partial<Usage>) => void) | undefined;
  /**
   * Called while a stream brings something that is not an event yet: with `output` for a part of the answer, such as a
   * piece of a tool's input, with `keep-alive` for everything else that arrives, such as a ping. Both are no silence for
   * `timeouts.idleMs`; the first output is the first token. Usage events are keep-alives, too.
   */
  readonly onActivity?: ((activity: StreamActivity) => void) | undefined;
  /**
   * Called by a stream when everything that it has delivered belongs to steps that are in the ledger. If it fails
   * before its next event, another attempt goes on from there, although the stream has begun.
   */
  readonly onStepDelivered?: (() => void) | undefined;
  /** Called with `true` when tools begin to run for the model, and with `false` when all of them have ended. */
  readonly onTools?: ((areRunning: boolean) => void) | undefined;
  /** Called for every response, including errors, as soon as its headers arrive. */
  readonly onResponse?: ((info: ProviderResponseInfo) => void) | undefined;
}

/** What a provider takes besides text. */
export interface AcceptedContent {
  /** Whether it takes turns before the last one, and tool results. @default false */
  readonly conversations?: boolean | undefined;
  /** Media types of the files that it takes: `image/png`, `text/*` for all text, or `*` for all files. @default none */
  readonly files?: readonly string[] | undefined;
}

/** One of several accounts of a provider. */
export interface ProviderAccount {
  /** The provider with this account's key. Its name, part of the lane's, is its own. */
  readonly provider: Provider;
  /** Requests that may be made with it in one day, which begins at midnight UTC. @default no limit */
  readonly requestsPerDay?: number | undefined;
}

/**
 * A source of answers: a model, a program, a service. The contract is small and versioned, so that a provider
 * written for it keeps working.
 */
export interface Provider {
  /** Version of this contract. */
  readonly specificationVersion: 1;
  /** The provider's name, for instance `anthropic`; used in errors and lane names. */
  readonly name: string;
  /** Returns the whole answer, or rejects with an error that says whether it is retryable. */
  generate(request: ProviderRequest): Promise<AgentReplyObject>;
  /**
   * Streams the answer and ends with `finish`; a stream without that event counts as cut off. If there is no such
   * method, the answer of `generate` is streamed in one piece. The generator may return what events cannot carry.
   */
  stream?(request: ProviderRequest): AsyncIterable<StreamEvent, StreamSummary | undefined | void>;
  /**
   * The cost of tokens of a model, in US dollars; `undefined` if no price is known. Used for streams, which report
   * usage but no cost, for cancelled calls, and to reserve a budget.
   */
  costUsd?(model: string | undefined, usage: Partial<Usage>): number | undefined;
  /**
   * The maximum cost of so many tokens, in US dollars, if that is more than `costUsd`: writing a prompt to a prompt cache
   * costs more than sending it. Budgets reserve that much.
   *
   * @default `costUsd`
   */
  maxCostUsd?(
    model: string | undefined,
    tokens: { readonly inputTokens: number; readonly outputTokens: number },
  ): number | undefined;
  /**
   * Whether the provider caches what all calls with these instructions begin with, so that later ones pay less for it.
   * `warmFirst` makes one of such calls first.
   *
   * @default false
   */
  cachesPrefix?(model: string | undefined, instructions: string | undefined): boolean;
  /**
   * The longest answer, in tokens, that these parameters ask the model for; `undefined` if they set no limit.
   * Rate limits and budgets reserve that much. Without this method `params.maxTokens` counts.
   */
  maxOutputTokens?(model: string | undefined, params: Readonly<Record<string, unknown>>): number | undefined;
  /**
   * The longest answer, in tokens, of requests whose parameters set no limit, if the provider sets one itself. Budgets
   * reserve that much.
   */
  readonly defaultMaxOutputTokens?: number | undefined;
  /**
   * Settings besides model, instructions and params that change answers, as plain JSON. Part of the agent's identity
   * in the cache.
   */
  readonly identity?: Readonly<Record<string, unknown>> | undefined;
  /**
   * What a task may hold besides text. A task with anything else fails with an `InvalidArgumentError` before the
   * provider is called.
   *
   * @default text alone
   */
  readonly accepts?: AcceptedContent | undefined;
  /**
   * How many tokens an image or a PDF takes as input of a model, as far as that can be known. Rate limits and budgets
   * reserve that much. Without this method a common rule counts.
   */
  fileTokens?(model: string | undefined, file: ContentFile): number | undefined;
  /**
   * Accounts that share the calls, in turn, each with its own lane. What one cannot take because of its limits, its quota
   * or its key goes to the next one. This provider then only describes what they have in common.
   *
   * @default none
   */
  readonly accounts?: readonly ProviderAccount[] | undefined;
  /** Releases sockets and processes. Called once, when the orchestrator closes. */
  close?(): Promise<void>;
}

import type { AnyTuttiError } from '../errors/any-tutti-error.js';
import type { Message } from './task-content.js';
import type { ToolStep } from './tool.js';
import type { FinishReason, Usage } from './usage.js';

/** How a call spent its time, in milliseconds. */
export interface Timings {
  /** Waiting for lanes, permits and connections, over all attempts. */
  queuedMs: number;
  /** Run time of all attempts together. */
  runMs: number;
  /** From submission to the end of the call: queue, attempts, backoff. */
  totalMs: number;
  /** From the start of the last attempt to the first event of its stream. */
  firstTokenMs?: number;
  /** Age of a cached answer. */
  ageMs?: number;
}

/**
 * Where an answer came from: a cache tier, `shared` (an identical call in flight), or `false` (computed for this
 * call).
 */
export type CacheSource = false | 'memory' | 'disk' | 'redis' | 'semantic' | 'shared';

/** The result of a call that succeeded, of an agent that answers with text alone: {@link AgentResult} without `data`. */
export interface TextResult<Name extends string = string, Metadata = Record<string, unknown>> {
  /** Distinguishes a result from an {@link AgentFailure}. */
  success: true;
  /** The agent's registered name. */
  agent: Name;
  /** The call's id. */
  callId: string;
  /** The answer's text. */
  output: string;
  /** The model that answered, if known. */
  model?: string;
  /** Where the answer came from. */
  cached: CacheSource;
  /** Tokens used by this call. */
  usage: Usage;
  /** What this call cost, in US dollars; `undefined` if unknown. */
  costUsd: number | undefined;
  /** What the cache saved, in US dollars; `undefined` if nothing was saved or the amount is unknown. */
  savedUsd: number | undefined;
  /** Attempts made. */
  attempts: number;
  /** How the call spent its time. */
  timings: Timings;
  /** Why the answer ended. */
  finishReason?: FinishReason;
  /** The model's steps and tool calls, if the agent has tools. */
  steps?: readonly ToolStep[];
  /**
   * The turns that this call added, for the `messages` of the next task: the user's, those of tools, the assistant's.
   * Absent where a function answered a plain string.
   */
  messages?: Message[];
  /** The `metadata` of the call. */
  metadata?: Metadata;
}

/** The result of a call that succeeded. {@link DataResult} and {@link TextResult} are for agents of which more is known. */
export interface AgentResult<T = unknown, Name extends string = string, Metadata = Record<string, unknown>>
  extends TextResult<Name, Metadata> {
  /** The answer as a value, if the agent returned one or has an `output` schema. */
  data?: T;
}

/** The result of a call that succeeded, of an agent that always answers with a value: it has an `output` schema, or its function returns `data`. */
export interface DataResult<T = unknown, Name extends string = string, Metadata = Record<string, unknown>>
  extends AgentResult<T, Name, Metadata> {
  /** The answer as a value; validated if the agent has an `output` schema. */
  data: T;
}

/** The result of a call that failed: the same shape, with `error` in place of the answer. */
export interface AgentFailure<Name extends string = string, Metadata = Record<string, unknown>> {
  /** Distinguishes a failure from an {@link AgentResult}. */
  success: false;
  /** The agent's registered name, or the name that was given. */
  agent: Name;
  /** The call's id. */
  callId: string;
  /** What went wrong. Comparing its `code` narrows the type to its class. */
  error: AnyTuttiError;
  /** Attempts made; 0 if none had started. */
  attempts: number;
  /** Tokens known to have been used. */
  usage: Usage;
  /** The known cost, in US dollars; `undefined` if unknown. */
  costUsd: number | undefined;
  /** How the call spent its time. */
  timings: Timings;
  /** The `metadata` of the call. */
  metadata?: Metadata;
}

/** The result of a call, successful or failed. */
export type CallOutcome<T = unknown> = AgentResult<T> | AgentFailure;

/** An outcome with the index of its task. */
export type IndexedOutcome<Outcome = CallOutcome> = Outcome & {
  /** Index of the task in the input, from 0. */
  index: number;
};

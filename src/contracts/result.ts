import type { TuttiError } from '../errors/tutti-error.js';
import type { ToolStep } from './tool.js';
import type { FinishReason, Usage } from './usage.js';

/** Where a call's time went, in milliseconds. */
export interface Timings {
  /** Waiting for permits, over all attempts. */
  queuedMs: number;
  /** Attempts running, added up. */
  runMs: number;
  /** From submission to settlement: queue, attempts, backoff. */
  totalMs: number;
  /** From the start of the last attempt to the first event of its stream. */
  firstTokenMs?: number;
  /** Age of a cached answer. */
  ageMs?: number;
}

/** Where an answer came from; `shared` joined an identical call in flight, `false` was computed for this call. */
export type CacheSource = false | 'memory' | 'disk' | 'redis' | 'semantic' | 'shared';

/** A call that worked. */
export interface AgentResult<T = unknown> {
  /** Tells a result from an {@link AgentFailure}. */
  success: true;
  /** The agent's registered name. */
  agent: string;
  /** The call's id. */
  callId: string;
  /** The answer's text. */
  output: string;
  /** The answer as a value, where the agent gives one or has an `output` schema. */
  data?: T;
  /** The model that answered, where known. */
  model?: string;
  /** Where the answer came from. */
  cached: CacheSource;
  /** Tokens used by this call. */
  usage: Usage;
  /** What this call cost, in US dollars; `undefined` where unknown. */
  costUsd: number | undefined;
  /** What not computing it again saved, in US dollars; `undefined` where nothing was saved or it is unknown. */
  savedUsd: number | undefined;
  /** Attempts made. */
  attempts: number;
  /** Where the time went. */
  timings: Timings;
  /** Why the agent stopped. */
  finishReason?: FinishReason;
  /** The round trips to the model and the tools it used, where the agent has tools. */
  steps?: readonly ToolStep[];
  /** What the caller attached to the call. */
  metadata?: Record<string, unknown>;
}

/** A call that failed: the same shape, with `error` in place of the answer. */
export interface AgentFailure {
  /** Tells a failure from an {@link AgentResult}. */
  success: false;
  /** The agent's registered name, or what was given as one. */
  agent: string;
  /** The call's id. */
  callId: string;
  /** What went wrong. */
  error: TuttiError;
  /** Attempts made; 0 when none had started. */
  attempts: number;
  /** Tokens known to have been used. */
  usage: Usage;
  /** What is known to have been spent, in US dollars. */
  costUsd: number | undefined;
  /** Where the time went. */
  timings: Timings;
  /** What the caller attached to the call. */
  metadata?: Record<string, unknown>;
}

/** How a call ended. */
export type CallOutcome<T = unknown> = AgentResult<T> | AgentFailure;

/** An outcome and the place of its task in the input. */
export type IndexedOutcome = CallOutcome & {
  /** Place of the task in the input, from 0. */
  index: number;
};

import type { StreamEvent } from '../../contracts/stream-event.js';
import type { ContentFile } from '../../contracts/task-content.js';
import type { ToolCallRecord } from '../../contracts/tool.js';
import type { FinishReason, Usage } from '../../contracts/usage.js';

/** A tool call of a model. `input` is the parsed JSON, or the text itself if it is not JSON. */
export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** A tool call with its result or error. */
export type AnsweredToolCall = ToolCallRecord & { readonly output: string; readonly isError: boolean };

/** The result of a tool, for the model. */
export interface ModelToolResult {
  readonly id: string;
  readonly name: string;
  readonly output: string;
  readonly isError: boolean;
}

/** A part of a user's turn. */
export type UserPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'file'; readonly file: ContentFile };

/**
 * One turn of the conversation, independent of the provider. `raw` is an assistant turn in the provider's own form, to
 * be sent back unchanged: signed reasoning blocks do not survive a conversion.
 */
export type ModelMessage =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | {
      readonly role: 'assistant';
      readonly text: string;
      readonly toolCalls: readonly ModelToolCall[];
      readonly raw?: unknown;
    }
  | { readonly role: 'tool'; readonly results: readonly ModelToolResult[] };

/** A tool, as it is described to a model. */
export interface ModelToolDefinition {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON Schema of an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** The input of one model request. */
export interface ModelStepRequest {
  readonly messages: readonly ModelMessage[];
  /** Empty if the agent has no tools. */
  readonly tools: readonly ModelToolDefinition[];
  readonly signal: AbortSignal;
}

/** The answer to one model request. */
export interface ModelStep {
  readonly text: string;
  readonly toolCalls: readonly ModelToolCall[];
  readonly usage: Partial<Usage>;
  readonly finishReason: FinishReason;
  /** Whether the provider interrupted the turn and wants it sent back, to continue it. */
  readonly isPaused?: boolean | undefined;
  /** The error that the answer reports in place of its end, as the provider wrote it. */
  readonly failure?: unknown;
  readonly model?: string | undefined;
  readonly raw?: unknown;
}

/** Makes one model request. */
export type StepFunction = (request: ModelStepRequest) => Promise<ModelStep>;

/**
 * Makes one streamed model request: yields the deltas and, if known early, the usage of this step so far; returns the
 * whole step. It does not yield `finish`, which the loop does when the stream is complete.
 */
export type StreamStepFunction = (
  request: ModelStepRequest,
) => AsyncGenerator<StreamEvent, ModelStep, undefined>;

import type { StreamEvent } from '../../contracts/stream-event.js';
import type { FinishReason, Usage } from '../../contracts/usage.js';

/** A tool that a model asks for. `input` is the parsed JSON, or the text itself where it is not JSON. */
export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** What a tool gave, for the model to read. */
export interface ModelToolResult {
  readonly id: string;
  readonly name: string;
  readonly output: string;
  readonly isError: boolean;
}

/**
 * One turn of the conversation, in no provider's dialect. `raw` is the provider's own form of an assistant's
 * turn, to be sent back as it came: signed reasoning blocks do not survive a translation.
 */
export type ModelMessage =
  | { readonly role: 'user'; readonly text: string }
  | {
      readonly role: 'assistant';
      readonly text: string;
      readonly toolCalls: readonly ModelToolCall[];
      readonly raw?: unknown;
    }
  | { readonly role: 'tool'; readonly results: readonly ModelToolResult[] };

/** A tool as a model sees it. */
export interface ModelToolDefinition {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON Schema of an object. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** What a model is asked in one step. */
export interface ModelStepRequest {
  readonly messages: readonly ModelMessage[];
  /** Empty when the agent has no tools. */
  readonly tools: readonly ModelToolDefinition[];
  readonly signal: AbortSignal;
}

/** What a model answered in one step. */
export interface ModelStep {
  readonly text: string;
  readonly toolCalls: readonly ModelToolCall[];
  readonly usage: Partial<Usage>;
  readonly finishReason: FinishReason;
  readonly model?: string | undefined;
  readonly raw?: unknown;
}

/** One round trip to a model. */
export type StepFunction = (request: ModelStepRequest) => Promise<ModelStep>;

/**
 * One streamed round trip: yields the deltas and, where known early, the usage of this step so far; returns the
 * whole step. It yields no `finish`: the loop says when the stream is complete.
 */
export type StreamStepFunction = (
  request: ModelStepRequest,
) => AsyncGenerator<StreamEvent, ModelStep, undefined>;

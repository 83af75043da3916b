import type { OutputSchema } from './output-schema.js';
import type { FinishReason, Usage } from './usage.js';

/** What a tool knows about the call it works for. */
export interface ToolContext {
  /** Aborted when the attempt times out, is cancelled or loses its deadline. Hand it to everything that can stop early. */
  readonly signal: AbortSignal;
  /** The model's id of this tool call. */
  readonly toolCallId: string;
}

/** A function that a model may ask for. */
export interface Tool<Input = unknown> {
  /** What it does and when to use it: the model decides by this text. */
  readonly description?: string | undefined;
  /** A zod schema of the input. The model sees it as JSON Schema; what the model sends is validated with it. */
  readonly input: OutputSchema<Input>;
  /**
   * Does the work with the validated input. A string goes to the model as it is, anything else as JSON.
   * What it throws goes to the model as an error, so that the model can try something else.
   */
  run(input: Input, context: ToolContext): unknown;
}

/** Tools by name. The type parameter holds each tool's input, so that `run` knows what its schema gives it. */
export type ToolSet<Inputs extends Record<string, unknown> = Record<string, unknown>> = {
  readonly [Name in keyof Inputs]: Tool<Inputs[Name]>;
};

/** One tool call that a model made, and what became of it. */
export interface ToolCallRecord {
  /** The model's id of this tool call. */
  readonly id: string;
  /** The tool's name, as the model gave it. */
  readonly name: string;
  /** The input, as the model gave it. */
  readonly input: unknown;
  /** What was sent back to the model; absent when the step limit ended the loop before the tool ran. */
  readonly output?: string;
  /** Whether `output` is an error: unknown tool, invalid input, or the tool threw. */
  readonly isError?: boolean;
}

/** One round trip to a model, with the tool calls it asked for. */
export interface ToolStep {
  /** What the model wrote in this step. */
  readonly text: string;
  /** The tools it asked for, in its order; empty in the step that answers. */
  readonly toolCalls: readonly ToolCallRecord[];
  /** Tokens of this step alone. */
  readonly usage: Partial<Usage>;
  /** Why the model stopped. */
  readonly finishReason: FinishReason;
}

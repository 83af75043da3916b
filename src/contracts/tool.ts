import type { OutputSchema } from './output-schema.js';
import type { FinishReason, Usage } from './usage.js';

/** The tool call that a tool is running for. */
export interface ToolContext {
  /**
   * Aborted when the attempt times out, is cancelled or passes its deadline. Pass it to everything that can stop
   * early.
   */
  readonly signal: AbortSignal;
  /** The model's id of this tool call. */
  readonly toolCallId: string;
}

/** A function that a model may call. */
export interface Tool<Input = unknown> {
  /** What the tool does and when to use it. The model decides by this text. */
  readonly description?: string | undefined;
  /** A zod schema of the input. The model receives it as JSON Schema, and the model's input is validated with it. */
  readonly input: OutputSchema<Input>;
  /**
   * Runs the tool with the validated input. The model receives a returned string unchanged and anything else as
   * JSON. If it throws, the model receives the error and can try something else.
   */
  run(input: Input, context: ToolContext): unknown;
}

/** Tools by name. The type parameter holds the input type of each tool, so that its `run` is typed by its schema. */
export type ToolSet<Inputs extends Record<string, unknown> = Record<string, unknown>> = {
  readonly [Name in keyof Inputs]: Tool<Inputs[Name]>;
};

/** One tool call of a model, and its result. */
export interface ToolCallRecord {
  /** The model's id of this tool call. */
  readonly id: string;
  /** The tool's name, as the model sent it. */
  readonly name: string;
  /** The input, as the model sent it. */
  readonly input: unknown;
  /** What the model received as result; absent if the step limit ended the loop before the tool ran. */
  readonly output?: string;
  /** Whether `output` is an error: an unknown tool, invalid input, or an error that the tool threw. */
  readonly isError?: boolean;
}

/** One request to a model, with the tool calls of its answer. */
export interface ToolStep {
  /** What the model wrote in this step. */
  readonly text: string;
  /** The tools it called, in order; empty in the last step of a complete answer. */
  readonly toolCalls: readonly ToolCallRecord[];
  /** Tokens of this step alone. */
  readonly usage: Partial<Usage>;
  /** Why the model stopped. */
  readonly finishReason: FinishReason;
}

import type { OutputSchema } from './output-schema.js';
import type { FinishReason, Usage } from './usage.js';

/** The tool call that a tool is running for. */
export interface ToolContext {
  /**
   * Aborted when the tool's `timeoutMs` is over, and when no attempt of the call waits for the tool any more: it timed
   * out, was cancelled or passed its deadline. Pass it to everything that can stop early.
   */
  readonly signal: AbortSignal;
  /** The model's id of this tool call. */
  readonly toolCallId: string;
  /**
   * Identifies this tool call: the same when it is made again by a retry, a fallback or a resumed run, and different for
   * every other one. Pass it on as an idempotency key.
   */
  readonly key: string;
  /** The agent whose model called the tool. */
  readonly agent: string;
  /** The id of the agent's call. */
  readonly callId: string;
  /**
   * Waits for something that is not this tool's own work, such as another call of the same orchestrator or a person. The
   * attempt gives up its permit meanwhile, its timeouts stand still, and it goes on once it has a permit again. Without
   * this, calls that wait for each other's permits would never end.
   */
  withoutPermit<T>(wait: () => T | PromiseLike<T>): Promise<T>;
  /**
   * Adds to what the agent's call has used and cost.
   *
   * @param costUsd In US dollars; `undefined` if unknown.
   */
  addSpent(usage: Partial<Usage>, costUsd: number | undefined): void;
}

/**
 * Says whether a call with this input has to be approved. Written as a method's type, so that tools of any input fit into
 * a {@link ToolSet}.
 */
export type ApprovalRule<Input = unknown> = {
  /** Whether a call with this input has to be approved. */
  check(input: Input): boolean;
}['check'];

/** A function that a model may call. */
export interface Tool<Input = unknown> {
  /** What the tool does and when to use it. The model decides by this text. */
  readonly description?: string | undefined;
  /** A zod schema of the input. The model receives it as JSON Schema, and the model's input is validated with it. */
  readonly input: OutputSchema<Input>;
  /**
   * How long one run may take, in milliseconds. After that its signal is aborted and the model receives an error. Starts
   * when the tool starts, after any approval.
   *
   * @default none: the limits of the attempt and the call apply
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether a call of the tool has to be approved before it runs, always or depending on its input: by the call's
   * `approvals`, else by `onApproval` of the call or the agent. Without either the call fails with an
   * `ApprovalRequiredError`. If the function throws, the tool does not run and the model receives the error.
   *
   * @default false
   */
  readonly needsApproval?: boolean | ApprovalRule<Input> | undefined;
  /**
   * Whether running it twice with the same key is harmless. A call of such a tool that was interrupted is run again; of
   * any other tool it is in doubt, see `reconcile`.
   *
   * @default false
   */
  readonly idempotent?: boolean | undefined;
  /**
   * Runs the tool with the validated input. The model receives a returned string unchanged and anything else as
   * JSON. If it throws, the model receives the error and can try something else.
   */
  run(input: Input, context: ToolContext): unknown;
  /**
   * Finds out what became of a call that started and whose result was lost: the process was killed, or the attempt ended
   * while it ran. Returns what `run` returned, `true` if the call took effect and returned nothing, and `undefined`,
   * `null` or `false` if it did not take effect; then it is run. If it throws, or if there is no such method and the tool
   * is not `idempotent`, the agent's call fails with a `ToolInDoubtError`.
   *
   * @param key The `key` of the context with which the tool ran.
   */
  reconcile?(key: string, input: Input, context: ToolContext): unknown;
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

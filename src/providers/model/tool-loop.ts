import type { RejectedReply } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import type { ToolCallRecord, ToolStep } from '../../contracts/tool.js';
import { addUsage, type FinishReason, type Usage } from '../../contracts/usage.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { Logger } from '../../logging/logger.js';
import { repairMessage } from '../../output/repair-output.js';
import type {
  ModelMessage,
  ModelStep,
  ModelStepRequest,
  StepFunction,
  StreamStepFunction,
} from './model-step.js';
import { runTool } from './run-tool.js';
import type { PreparedTools } from './tool-set.js';

/** Round trips to the model in one attempt, unless `maxSteps` says otherwise. */
export const DEFAULT_MAX_STEPS = 8;

/** What a conversation with a model starts from, and what it may use. */
export interface ToolLoopOptions {
  /** The user's text. */
  readonly task: string;
  /** Earlier answers that did not fit, for the model to mend. */
  readonly rejected?: readonly RejectedReply[] | undefined;
  /** Without tools the loop is one step. */
  readonly tools: PreparedTools | undefined;
  /** Most round trips to the model. */
  readonly maxSteps: number;
  /** Ends the loop: the step or the tools that are running see it. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Told after each step what all of them have used so far. */
  readonly onUsage?: ((usage: Partial<Usage>) => void) | undefined;
}

/** What came out of the loop. */
export interface ToolLoopReply {
  /** The text of the last step: the answer. */
  readonly text: string;
  /** Usage of all steps added up. */
  readonly usage: Partial<Usage>;
  /** Why the last step ended; `tool-calls` when the step limit was reached before an answer. */
  readonly finishReason: FinishReason;
  readonly model: string | undefined;
  /** All steps in order; `undefined` without tools. */
  readonly steps: readonly ToolStep[] | undefined;
}

/** Takes the `maxSteps` option; the default when left out. */
export function resolveMaxSteps(maxSteps: number | undefined): number {
  if (maxSteps === undefined) return DEFAULT_MAX_STEPS;
  if (!Number.isInteger(maxSteps) || maxSteps < 1 || maxSteps > 1_000) {
    throw new InvalidArgumentError(
      'options.maxSteps',
      `options.maxSteps must be a whole number from 1 to 1000; got ${String(maxSteps)}.`,
    );
  }
  return maxSteps;
}

/**
 * Asks the model, runs the tools it asks for (side by side), tells it what came out, until it answers.
 *
 * At the step limit the loop stops before running further tools, whose results nobody would read: the reply has
 * `finishReason: 'tool-calls'`, all steps and all usage. Such a reply is not a complete answer.
 */
export async function runToolLoop(step: StepFunction, options: ToolLoopOptions): Promise<ToolLoopReply> {
  const loop = new Conversation(options);
  for (;;) {
    options.signal.throwIfAborted();
    const done = await loop.take(await step(loop.request()));
    if (done !== undefined) return done;
  }
}

/**
 * {@link runToolLoop} as a stream: the deltas of every step as they come, the usage so far, and one `finish` at
 * the end. Returns the whole reply.
 */
export async function* streamToolLoop(
  streamStep: StreamStepFunction,
  options: ToolLoopOptions,
): AsyncGenerator<StreamEvent, ToolLoopReply, undefined> {
  const loop = new Conversation(options);
  for (;;) {
    options.signal.throwIfAborted();
    const step = yield* forwardStep(streamStep(loop.request()), loop.usage);
    const usage = addUsage(loop.usage, step.usage);
    if (Object.keys(usage).length > 0) yield { type: 'usage', usage };
    const done = await loop.take(step);
    if (done === undefined) continue;
    yield { type: 'finish', finishReason: done.finishReason };
    return done;
  }
}

/** Passes a step's events on; its usage on top of what earlier steps used. The step's `finish` is not the loop's. */
async function* forwardStep(
  events: AsyncGenerator<StreamEvent, ModelStep, undefined>,
  before: Partial<Usage>,
): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  let finished = false;
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) {
        finished = true;
        return next.value;
      }
      if (next.value.type === 'usage') yield { type: 'usage', usage: addUsage(before, next.value.usage) };
      else if (next.value.type !== 'finish') yield next.value;
    }
  } finally {
    // The reader left or the step threw: the step must close its socket. After a throw this does nothing.
    if (!finished) await events.return(undefined as never);
  }
}

/** The messages so far, and what they cost. */
class Conversation {
  usage: Partial<Usage> = {};
  readonly #options: ToolLoopOptions;
  readonly #messages: ModelMessage[];
  readonly #steps: ToolStep[] = [];

  constructor(options: ToolLoopOptions) {
    this.#options = options;
    this.#messages = [{ role: 'user', text: options.task }];
    for (const rejected of options.rejected ?? []) {
      this.#messages.push(
        { role: 'assistant', text: rejected.output, toolCalls: [] },
        { role: 'user', text: repairMessage(rejected) },
      );
    }
  }

  request(): ModelStepRequest {
    return {
      messages: this.#messages,
      tools: this.#options.tools?.definitions ?? [],
      signal: this.#options.signal,
    };
  }

  /** Takes a step into the conversation and runs its tools; the whole reply when it was the last one. */
  async take(step: ModelStep): Promise<ToolLoopReply | undefined> {
    this.usage = addUsage(this.usage, step.usage);
    const { tools, maxSteps, onUsage } = this.#options;
    if (Object.keys(this.usage).length > 0) onUsage?.(this.usage);
    const goesOn = tools !== undefined && asksForTools(step) && this.#steps.length + 1 < maxSteps;
    const toolCalls = goesOn ? await this.#runTools(step, tools) : step.toolCalls;
    this.#steps.push({ text: step.text, toolCalls, usage: step.usage, finishReason: finishReasonOf(step) });
    return goesOn ? undefined : this.#reply(step);
  }

  async #runTools(step: ModelStep, tools: PreparedTools): Promise<readonly ToolCallRecord[]> {
    const { signal, logger } = this.#options;
    const answered = await Promise.all(
      step.toolCalls.map((call) => runTool(call, tools.byName, signal, logger)),
    );
    // Only now: the permit must not be freed while a tool is still running.
    signal.throwIfAborted();
    this.#messages.push(
      { role: 'assistant', text: step.text, toolCalls: step.toolCalls, raw: step.raw },
      {
        role: 'tool',
        results: answered.map(({ id, name, output, isError }) => ({ id, name, output, isError })),
      },
    );
    return answered;
  }

  #reply(step: ModelStep): ToolLoopReply {
    const finishReason = finishReasonOf(step);
    if (finishReason === 'tool-calls' && this.#options.tools !== undefined) {
      const { maxSteps, logger } = this.#options;
      logger.warn(
        { maxSteps },
        'the step limit ended the tool loop before the model had answered; raise maxSteps',
      );
    }
    return {
      text: step.text,
      usage: this.usage,
      finishReason,
      model: step.model,
      steps: this.#options.tools === undefined ? undefined : this.#steps,
    };
  }
}

/** A step that was cut off may hold half a tool call: it is not run. */
function asksForTools(step: ModelStep): boolean {
  return step.toolCalls.length > 0 && finishReasonOf(step) === 'tool-calls';
}

/** Some servers say `stop` (or nothing we know) beside tool calls. */
function finishReasonOf(step: ModelStep): FinishReason {
  const { finishReason, toolCalls } = step;
  if (toolCalls.length > 0 && (finishReason === 'stop' || finishReason === 'other')) return 'tool-calls';
  return finishReason;
}

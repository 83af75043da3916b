import type { RejectedReply } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import type { LoadedMessage } from '../../contracts/task-content.js';
import type { ToolCallRecord, ToolStep } from '../../contracts/tool.js';
import { addUsage, type FinishReason, type Usage } from '../../contracts/usage.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { ProviderResponseError } from '../../errors/provider-errors.js';
import type { Logger } from '../../logging/logger.js';
import { repairMessage } from '../../output/repair-output.js';
import { AnswerText, withAnswerText } from './answer-text.js';
import { conversationTurns } from './conversation-turns.js';
import type {
  ModelMessage,
  ModelStep,
  ModelStepRequest,
  StepFunction,
  StreamStepFunction,
} from './model-step.js';
import { runTool } from './run-tool.js';
import type { PreparedTools } from './tool-set.js';

/** Default of `maxSteps`. */
export const DEFAULT_MAX_STEPS = 8;

/** Options of {@link runToolLoop}. */
export interface ToolLoopOptions {
  /** The user's text. */
  readonly task: string;
  /** The whole conversation, if there is more than that text. */
  readonly messages?: readonly LoadedMessage[] | undefined;
  /** Earlier, invalid answers, for the model to correct. */
  readonly rejected?: readonly RejectedReply[] | undefined;
  /** Without tools the loop has one step. */
  readonly tools: PreparedTools | undefined;
  /** Most requests to the model. */
  readonly maxSteps: number;
  /** Ends the loop. Also passed to the running step or tools. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Called after each step with the usage of all steps so far. */
  readonly onUsage?: ((usage: Partial<Usage>) => void) | undefined;
}

/** The result of the loop. */
export interface ToolLoopReply {
  /** The answer: the text of the last step. */
  readonly text: string;
  /** Usage of all steps added up. */
  readonly usage: Partial<Usage>;
  /** Why the last step ended; `tool-calls` if the step limit was reached before the answer. */
  readonly finishReason: FinishReason;
  readonly model: string | undefined;
  /** All steps in order; `undefined` without tools. */
  readonly steps: readonly ToolStep[] | undefined;
}

/** Checks the option `maxSteps` and fills in its default. */
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
 * Asks the model, runs the tools it calls (in parallel) and sends it their results, until it answers.
 *
 * At the step limit the loop stops without running the last tool calls, since no step could use their results: the
 * reply has `finishReason: 'tool-calls'`, all steps and all usage. Such a reply is not a complete answer.
 */
export async function runToolLoop(step: StepFunction, options: ToolLoopOptions): Promise<ToolLoopReply> {
  const loop = new Conversation(options);
  for (;;) {
    options.signal.throwIfAborted();
    const done = await loop.add(withAnswerText(await step(loop.request())));
    if (done !== undefined) return done;
  }
}

/**
 * {@link runToolLoop} as a stream: yields the deltas of every step as they arrive, the usage so far, and one `finish`
 * at the end. Returns the whole reply.
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
    const done = await loop.add(step);
    if (done === undefined) continue;
    yield { type: 'finish', finishReason: done.finishReason };
    return done;
  }
}

/**
 * Forwards a step's events, without reasoning in its text, and with the usage of earlier steps added to its own. Drops
 * `finish`: the loop sends its own.
 */
async function* forwardStep(
  events: AsyncGenerator<StreamEvent, ModelStep, undefined>,
  before: Partial<Usage>,
): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  const text = new AnswerText();
  let finished = false;
  try {
    for (;;) {
      const next = await events.next();
      if (next.done === true) {
        finished = true;
        yield* text.end();
        return text.stepOf(next.value);
      }
      const event = next.value;
      if (event.type === 'usage') yield { type: 'usage', usage: addUsage(before, event.usage) };
      else if (event.type === 'text-delta' || event.type === 'reasoning-delta') yield* text.read(event);
      else if (event.type !== 'finish') yield event;
    }
  } finally {
    // The reader stopped early, so the step must close its socket. After an error this does nothing.
    if (!finished) await events.return(undefined as never);
  }
}

/** The messages so far, and their usage. */
class Conversation {
  usage: Partial<Usage> = {};
  readonly #options: ToolLoopOptions;
  readonly #messages: ModelMessage[];
  readonly #steps: ToolStep[] = [];
  /** The text of turns that were interrupted: their continuation is the rest of the same answer. */
  #pausedText = '';
  #pauses = 0;

  constructor(options: ToolLoopOptions) {
    this.#options = options;
    const { messages, rejected: rejections = [], task } = options;
    this.#messages = messages === undefined ? [{ role: 'user', text: task }] : conversationTurns(messages);
    for (const rejected of rejections) {
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

  /** Adds a step to the conversation and runs its tools. Returns the whole reply if it was the last step. */
  async add(step: ModelStep): Promise<ToolLoopReply | undefined> {
    this.usage = addUsage(this.usage, step.usage);
    const { tools, maxSteps, onUsage } = this.#options;
    if (Object.keys(this.usage).length > 0) onUsage?.(this.usage);
    if (step.isPaused === true) return this.#continue(step);
    const goesOn = tools !== undefined && callsTools(step) && this.#steps.length + 1 < maxSteps;
    const toolCalls = goesOn ? await this.#runTools(step, tools) : step.toolCalls;
    this.#steps.push({ text: step.text, toolCalls, usage: step.usage, finishReason: finishReasonOf(step) });
    return goesOn ? undefined : this.#reply(step);
  }

  /** Sends an interrupted turn back as it is, which makes the provider go on with it. */
  #continue(step: ModelStep): undefined {
    const { maxSteps } = this.#options;
    this.#steps.push({ text: step.text, toolCalls: [], usage: step.usage, finishReason: 'other' });
    this.#pauses += 1;
    if (this.#steps.length >= maxSteps) {
      throw new ProviderResponseError(
        `The model interrupted its turn ${this.#pauses} times and had not answered after ${maxSteps} steps; raise maxSteps.`,
        { provider: 'model', model: step.model, details: { maxSteps } },
      );
    }
    this.#pausedText += step.text;
    this.#messages.push({ role: 'assistant', text: step.text, toolCalls: [], raw: step.raw });
    return undefined;
  }

  async #runTools(step: ModelStep, tools: PreparedTools): Promise<readonly ToolCallRecord[]> {
    const { signal, logger } = this.#options;
    const answered = await Promise.all(
      step.toolCalls.map((call) => runTool(call, tools.byName, signal, logger)),
    );
    // Only now, because the permit must not be released while a tool is running.
    signal.throwIfAborted();
    this.#pausedText = '';
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
        'the step limit ended the tool loop before the model answered; raise maxSteps',
      );
    }
    return {
      text: this.#pausedText + step.text,
      usage: this.usage,
      finishReason,
      model: step.model,
      steps: this.#options.tools === undefined ? undefined : this.#steps,
    };
  }
}

/** Whether to run the tools of a step. A step that was cut off may have an incomplete tool call, which is not run. */
function callsTools(step: ModelStep): boolean {
  return step.toolCalls.length > 0 && finishReasonOf(step) === 'tool-calls';
}

/** Some servers report `stop`, or an unknown reason, together with tool calls. */
function finishReasonOf(step: ModelStep): FinishReason {
  const { finishReason, toolCalls } = step;
  if (toolCalls.length > 0 && (finishReason === 'stop' || finishReason === 'other')) return 'tool-calls';
  return finishReason;
}

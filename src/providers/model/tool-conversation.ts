import type { CallLedger } from '../../contracts/call-ledger.js';
import type { RejectedReply } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import type { LoadedMessage } from '../../contracts/task-content.js';
import type { Tool, ToolStep } from '../../contracts/tool.js';
import type { ToolHost } from '../../contracts/tool-host.js';
import { addUsage, type FinishReason, type Usage } from '../../contracts/usage.js';
import { ProviderResponseError } from '../../errors/provider-errors.js';
import type { Logger } from '../../logging/logger.js';
import { repairMessage } from '../../output/repair-output.js';
import { conversationTurns } from './conversation-turns.js';
import type { AnsweredToolCall, ModelMessage, ModelStep, ModelStepRequest } from './model-step.js';
import { PermitLoan } from './permit-loan.js';
import { ToolRunner, type ToolRunnerOptions } from './run-tool.js';
import { approveCalls } from './tool-approvals.js';
import { type StepKind, type StepProgress, ToolProgress } from './tool-progress.js';
import type { PreparedTools } from './tool-set.js';

/** Options of `runToolLoop`. */
export interface ToolLoopOptions {
  /** The agent that asks. */
  readonly agent: string;
  readonly callId: string;
  /** The API that it asks: what only that API understands is sent to no other. */
  readonly api: string;
  /** Of the call, so that the loop goes on where an earlier attempt stopped. */
  readonly ledger?: CallLedger | undefined;
  /** Of the call, for its tools. */
  readonly toolHost?: ToolHost | undefined;
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
  /** What a step cost, in US dollars; `undefined` if unknown. */
  readonly costOf?: ((step: ModelStep) => number | undefined) | undefined;
  /** Called after each request with the usage of all requests of this loop so far. */
  readonly onUsage?: ((usage: Partial<Usage>) => void) | undefined;
  /** Called with `true` when the tools of a step begin to run, and with `false` when all of them have ended. */
  readonly onTools?: ((areRunning: boolean) => void) | undefined;
  /** Of a stream: called when everything that it has yielded belongs to finished steps. */
  readonly onStepDelivered?: (() => void) | undefined;
}

/** The result of the loop. */
export interface ToolLoopReply {
  /** The answer: the text of the last step. */
  readonly text: string;
  /** Usage of all requests of this loop added up; steps of earlier attempts were counted there. */
  readonly usage: Partial<Usage>;
  /** Why the last step ended; `tool-calls` if the step limit was reached before the answer. */
  readonly finishReason: FinishReason;
  readonly model: string | undefined;
  /** All steps in order; `undefined` without tools. */
  readonly steps: readonly ToolStep[] | undefined;
}

const NO_TOOLS: ReadonlyMap<string, Tool> = new Map();

/** What the model reports where no request was necessary. */
const NOTHING_USED: Partial<Usage> = Object.freeze({ inputTokens: 0, outputTokens: 0, totalTokens: 0 });

/** The conversation of one attempt: what the call has finished so far, as messages for the next request. */
export class ToolConversation {
  /** Of the requests of this attempt alone. */
  usage: Partial<Usage> = {};
  readonly #options: ToolLoopOptions;
  readonly #progress: ToolProgress;
  readonly #tools: ToolRunnerOptions;
  readonly #permit: PermitLoan;
  readonly #runner: ToolRunner;
  readonly #messages: ModelMessage[];
  /** Answers that were rejected and are not in the messages yet. */
  #rejected: readonly RejectedReply[];
  /** How many finished steps have been looked at. */
  #position = 0;
  /** Steps since the last rejected answer. */
  #steps: ToolStep[] = [];
  /** The text of turns that were interrupted: their continuation is the rest of the same answer. */
  #pausedText = '';
  #pauses = 0;
  #hasAsked = false;

  constructor(options: ToolLoopOptions) {
    const { ledger, messages, rejected = [], task } = options;
    this.#options = options;
    this.#progress = ToolProgress.of(ledger);
    this.#tools = { ...options, tools: options.tools?.byName ?? NO_TOOLS, host: options.toolHost };
    this.#permit = new PermitLoan(options.toolHost);
    this.#runner = new ToolRunner(this.#tools, this.#permit);
    this.#messages = messages === undefined ? [{ role: 'user', text: task }] : conversationTurns(messages);
    this.#rejected = rejected;
  }

  /** The next request to the model. */
  request(): ModelStepRequest {
    this.#hasAsked = true;
    return {
      messages: this.#messages,
      tools: this.#options.tools?.definitions ?? [],
      signal: this.#options.signal,
    };
  }

  /** Adds the answer to the last request to what the call has finished. */
  add(step: ModelStep): void {
    const { agent, api, onUsage } = this.#options;
    this.usage = addUsage(this.usage, step.usage);
    if (Object.keys(this.usage).length > 0) onUsage?.(this.usage);
    const costUsd = this.#options.costOf?.(step);
    this.#progress.finish(this.#position, { kind: this.#kindOf(step), step, agent, api, costUsd });
  }

  /** Takes all finished steps into the conversation, running their tools. Returns the whole reply after the last step. */
  async catchUp(): Promise<ToolLoopReply | undefined> {
    if (!this.#progress.isLoaded) await this.#progress.load();
    for (;;) {
      this.#options.signal.throwIfAborted();
      const next = this.#progress.steps[this.#position];
      if (next === undefined) break;
      this.#position += 1;
      const reply = await this.#take(next);
      if (reply !== undefined) return reply;
    }
    for (const rejected of this.#rejected) this.#reject(rejected);
    this.#rejected = [];
    return undefined;
  }

  /** The results of tools that a stream has not given out yet. */
  *newResults(): Generator<StreamEvent, void, undefined> {
    for (const step of this.#progress.steps.slice(0, this.#position)) {
      if (step.areResultsDelivered) continue;
      for (const { answer } of step.calls) if (answer !== undefined) yield toEvent(answer);
      step.areResultsDelivered = true;
    }
  }

  #kindOf(step: ModelStep): StepKind {
    const { tools, maxSteps } = this.#options;
    if (step.isPaused === true) {
      if (this.#steps.length + 1 >= maxSteps) throw tooManyPauses(this.#pauses + 1, maxSteps, step.model);
      return 'paused';
    }
    return tools !== undefined && callsTools(step) && this.#steps.length + 1 < maxSteps ? 'tools' : 'answer';
  }

  #take(next: StepProgress): Promise<undefined> | ToolLoopReply | undefined {
    if (next.kind === 'tools') return this.#useTools(next);
    // An answer, or the beginning of one, that another agent gave is not this agent's.
    if (next.agent !== this.#options.agent) return undefined;
    if (next.kind === 'paused') return this.#continue(next.step);
    const [rejected, ...others] = this.#rejected;
    if (rejected === undefined) return this.#reply(next.step);
    this.#reject(rejected);
    this.#rejected = others;
    this.#steps = [];
    return undefined;
  }

  /** Sends an interrupted turn back as it is, which makes the provider go on with it. */
  #continue(step: ModelStep): undefined {
    this.#addStep(step, []);
    this.#pauses += 1;
    this.#pausedText += step.text;
    this.#messages.push({ role: 'assistant', text: step.text, toolCalls: [], raw: step.raw });
  }

  async #useTools(next: StepProgress): Promise<undefined> {
    const { step, calls, agent, api } = next;
    const { signal, tools, onTools } = this.#options;
    await this.#permit.hold(() => approveCalls(calls, this.#progress, this.#tools, signal, this.#permit));
    onTools?.(true);
    const settled = await Promise.allSettled(
      calls.map((call) => call.settle((started, stop) => this.#runner.run(started, stop), signal)),
    );
    onTools?.(false);
    // Only now, because the permit must not be released while a tool is running.
    signal.throwIfAborted();
    const answered = settled.map(answerOf);
    this.#pausedText = '';
    const isKnown = agent === this.#options.agent || answered.every(({ name }) => tools?.byName.has(name));
    if (isKnown) this.#messages.push(...toolTurns(step, answered, api === this.#options.api));
    // Models reject calls of tools that they do not have.
    else this.#messages.push({ role: 'user', text: resultsInWords(answered) });
    this.#addStep(step, answered);
  }

  #reject(rejected: RejectedReply): void {
    this.#messages.push(
      { role: 'assistant', text: rejected.output, toolCalls: [] },
      { role: 'user', text: repairMessage(rejected) },
    );
  }

  #addStep(step: ModelStep, toolCalls: ToolStep['toolCalls']): void {
    const finishReason = step.isPaused === true ? 'other' : finishReasonOf(step);
    this.#steps.push({ text: step.text, toolCalls, usage: step.usage, finishReason });
  }

  #reply(step: ModelStep): ToolLoopReply {
    const finishReason = finishReasonOf(step);
    const { tools, maxSteps, logger } = this.#options;
    if (finishReason === 'tool-calls' && tools !== undefined) {
      logger.warn(
        { maxSteps },
        'the step limit ended the tool loop before the model answered; raise maxSteps',
      );
    }
    this.#addStep(step, step.toolCalls);
    return {
      text: this.#pausedText + step.text,
      usage: this.#hasAsked ? this.usage : NOTHING_USED,
      finishReason,
      model: step.model,
      steps: tools === undefined ? undefined : this.#steps,
    };
  }
}

function toEvent({ id, name, output, isError }: AnsweredToolCall): StreamEvent {
  return { type: 'tool-result', id, name, output, isError };
}

function toolTurns(
  { text, toolCalls, raw }: ModelStep,
  answered: readonly AnsweredToolCall[],
  isSameApi: boolean,
): ModelMessage[] {
  return [
    { role: 'assistant', text, toolCalls, raw: isSameApi ? raw : undefined },
    {
      role: 'tool',
      results: answered.map(({ id, name, output, isError }) => ({ id, name, output, isError })),
    },
  ];
}

/** What tools of another agent have returned, for a model that does not have them. */
function resultsInWords(answered: readonly AnsweredToolCall[]): string {
  const results = answered.map(
    ({ name, input, output }) => `${name}(${JSON.stringify(input)}) returned: ${output}`,
  );
  return `This was done for the task already; do not do it again.\n${results.join('\n')}`;
}

function answerOf(settled: PromiseSettledResult<AnsweredToolCall>): AnsweredToolCall {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}

function tooManyPauses(pauses: number, maxSteps: number, model: string | undefined): ProviderResponseError {
  return new ProviderResponseError(
    `The model interrupted its turn ${pauses} times and had not answered after ${maxSteps} steps; raise maxSteps.`,
    { provider: 'model', model, details: { maxSteps } },
  );
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

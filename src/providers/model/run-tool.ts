import type { CallLedger } from '../../contracts/call-ledger.js';
import type { Tool, ToolContext } from '../../contracts/tool.js';
import type { ToolHost } from '../../contracts/tool-host.js';
import { messageOf } from '../../errors/foreign.js';
import { causeWithoutSecrets, withoutSecrets } from '../../errors/redact.js';
import { ToolInDoubtError } from '../../errors/tool-errors.js';
import type { Logger } from '../../logging/logger.js';
import { describeIssues } from '../../output/describe-issues.js';
import { systemClock } from '../../time/clock.js';
import type { AnsweredToolCall, ModelToolCall } from './model-step.js';
import type { PermitLoan } from './permit-loan.js';
import type { ApprovalDecision, ToolCallProgress } from './tool-progress.js';
import { ToolTimeLimit } from './tool-time-limit.js';

/** Where tool calls run. */
export interface ToolRunnerOptions {
  /** The agent whose model called the tools. */
  readonly agent: string;
  readonly callId: string;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly ledger?: CallLedger | undefined;
  readonly host?: ToolHost | undefined;
  readonly logger: Logger;
}

/** A tool that is to run with an input that it accepts. */
interface ReadyCall {
  readonly progress: ToolCallProgress;
  readonly tool: Tool;
  readonly input: unknown;
  readonly signal: AbortSignal;
}

/** What a tool call came to. */
interface Outcome {
  readonly output: string;
  readonly isError: boolean;
}

/** Runs the tool calls of one attempt. */
export class ToolRunner {
  readonly #options: ToolRunnerOptions;
  readonly #permit: PermitLoan;

  constructor(options: ToolRunnerOptions, permit: PermitLoan) {
    this.#options = options;
    this.#permit = permit;
  }

  /**
   * Runs one tool call, once. The model receives every error of a tool, so that it can correct itself.
   *
   * @throws what the tool throws once its signal is aborted: that is no result.
   * @throws {@link ToolInDoubtError} if the call started before and nothing says whether it took effect.
   */
  run(progress: ToolCallProgress, signal: AbortSignal): Promise<AnsweredToolCall> {
    return this.#permit.hold(() => this.#run(progress, signal));
  }

  async #run(progress: ToolCallProgress, signal: AbortSignal): Promise<AnsweredToolCall> {
    const { call } = progress;
    const tool = this.#options.tools.get(call.name);
    if (tool === undefined) return this.#withoutTool(progress);
    const input = readInput(tool, call);
    if ('problem' in input) return this.#finish(progress, failed(input.problem));
    const ready = { progress, tool, input: input.value, signal };
    if (progress.decision?.approved === false) {
      return this.#finish(progress, failed(denialMessage(progress.decision)));
    }
    const known = progress.isStarted ? await this.#reconcile(ready) : undefined;
    if (known !== undefined) return this.#finish(progress, known);
    await this.#options.ledger?.record?.({ type: 'tool-start', key: progress.key });
    signal.throwIfAborted();
    progress.isStarted = true;
    return this.#finish(progress, await this.#observe(ready));
  }

  #withoutTool(progress: ToolCallProgress): Promise<AnsweredToolCall> {
    if (progress.isStarted) throw this.#inDoubt(progress);
    return this.#finish(progress, failed(unknownTool(progress.call.name, this.#options.tools)));
  }

  /** Records the result; the model receives it once it is on disk. */
  async #finish({ call, key, spent }: ToolCallProgress, outcome: Outcome): Promise<AnsweredToolCall> {
    await this.#options.ledger?.record?.({ type: 'tool-end', key, ...outcome, ...(spent && { spent }) });
    return { ...call, ...outcome };
  }

  async #observe(ready: ReadyCall): Promise<Outcome> {
    const { call, key } = ready.progress;
    const ended = this.#options.host?.started({ tool: call.name, toolCallId: call.id, key });
    let isError = true;
    try {
      const outcome = await this.#attempt(ready);
      ({ isError } = outcome);
      return outcome;
    } finally {
      ended?.(isError);
    }
  }

  async #attempt(ready: ReadyCall): Promise<Outcome> {
    const { progress, tool, input, signal } = ready;
    const limit = new ToolTimeLimit(signal, tool.timeoutMs, this.#options.host?.clock ?? systemClock);
    try {
      const running = Promise.resolve(tool.run(input, this.#contextOf(progress, limit.signal)));
      return { output: toText(await limit.race(running)), isError: false };
    } catch (error) {
      // Stopped by the end of the attempt: what the tool returns then is no result.
      if (signal.aborted) throw error;
      if (limit.isOver) return await this.#timedOut(ready);
      const { name: toolName, id: toolCallId } = progress.call;
      this.#options.logger.warn(
        { tool: toolName, toolCallId, error: causeWithoutSecrets(error) },
        'a tool failed; the model receives the error',
      );
      return failed(withoutSecrets(messageOf(error)));
    } finally {
      limit.end();
    }
  }

  /** A tool that took too long may have taken effect; it says so itself if it can. */
  async #timedOut(ready: ReadyCall): Promise<Outcome> {
    const { progress, tool } = ready;
    this.#options.logger.warn(
      { tool: progress.call.name, toolCallId: progress.call.id, timeoutMs: tool.timeoutMs },
      'a tool timed out; the model receives the error',
    );
    const known = tool.reconcile === undefined ? undefined : await this.#reconcile(ready);
    return known ?? failed(timeoutMessage(tool));
  }

  /** The result of a call whose result was lost; `undefined` if it can be run. */
  async #reconcile({ progress, tool, input, signal }: ReadyCall): Promise<Outcome | undefined> {
    if (tool.reconcile === undefined) {
      if (tool.idempotent === true) return undefined;
      throw this.#inDoubt(progress);
    }
    let found: unknown;
    try {
      found = await tool.reconcile(progress.key, input, this.#contextOf(progress, signal));
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw this.#inDoubt(progress, cause);
    }
    if (found === undefined || found === null || found === false) return undefined;
    return { output: found === true ? DONE : toText(found), isError: false };
  }

  #contextOf(progress: ToolCallProgress, signal: AbortSignal): ToolContext {
    const { agent, callId, host } = this.#options;
    const { call, key } = progress;
    return {
      signal,
      toolCallId: call.id,
      key,
      agent,
      callId,
      withoutPermit: (wait) => this.#permit.without(wait),
      addSpent: (usage, costUsd) => {
        progress.addSpent(usage, costUsd);
        host?.addSpent?.(usage, costUsd);
      },
    };
  }

  #inDoubt({ call, key }: ToolCallProgress, ...cause: [unknown?]): ToolInDoubtError {
    return new ToolInDoubtError({ agent: this.#options.agent, tool: call.name, key }, ...cause);
  }
}

/** A tool that returns nothing has succeeded, but models take an empty result for a failure. */
const DONE = 'done';

/** The input as the tool receives it, or what is wrong with it. */
export function readInput(tool: Tool, call: ModelToolCall): { value: unknown } | { problem: string } {
  try {
    const parsed = tool.input.safeParse(call.input);
    if (parsed.success) return { value: parsed.data };
    return { problem: `The input is invalid: ${describeIssues(parsed.error)}` };
  } catch (error) {
    return { problem: withoutSecrets(messageOf(error)) };
  }
}

function failed(message: string): Outcome {
  return { output: `Error: ${message}`, isError: true };
}

function timeoutMessage({ timeoutMs }: Tool): string {
  return `The tool did not finish within ${timeoutMs} ms and was stopped; it may have taken effect or not.`;
}

function denialMessage({ reason }: ApprovalDecision): string {
  return `This call was not approved${reason === undefined ? '' : ` (${reason})`}; it did not run.`;
}

function unknownTool(name: string, tools: ReadonlyMap<string, Tool>): string {
  return `There is no tool ${JSON.stringify(name)}. The tools are: ${[...tools.keys()].join(', ')}.`;
}

function toText(output: unknown): string {
  return typeof output === 'string' ? output : (JSON.stringify(output) ?? DONE);
}

import { checkAccepted } from '../../content/accepted-content.js';
import type { AgentContext, AgentDefinition } from '../../contracts/agent.js';
import type { CallLedger } from '../../contracts/call-ledger.js';
import type { Provider, ProviderRequest, RejectedReply } from '../../contracts/provider.js';
import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import type { AgentReply, AgentReplyObject, AgentStreamReply } from '../../contracts/reply.js';
import { addUsage, type Usage, validUsage } from '../../contracts/usage.js';
import { LazyModule } from '../../lifecycle/lazy-module.js';
import type { Call, WarmUp } from '../call.js';
import { AttemptContext } from './attempt-context.js';
import type { RunningAttempt } from './running-attempt.js';

/** Sends answers back that do not fit: for agents with `repairs`. */
export const outputRepairer = new LazyModule(() => import('../../output/repair-output.js'));

/** Serves tools: for agents whose provider runs some. */
export const attemptToolsCode = new LazyModule(() => import('./attempt-tools.js'));

/** Whether the agent's provider runs tools. */
export function hasTools({ provider }: AgentDefinition): boolean {
  const tools = provider?.identity?.tools;
  return Array.isArray(tools) ? tools.length > 0 : tools !== undefined;
}

/** What an agent answers with: a reply, now or later, or a stream. */
export type Invocation = AgentReply | PromiseLike<AgentReply | AgentStreamReply> | AgentStreamReply;

/** Hands the task to the agent: its function, or its provider. */
export function invokeAgent(attempt: RunningAttempt): Invocation {
  const { call } = attempt;
  const { definition } = attempt.target;
  const context = new AttemptContext(call, attempt);
  if (definition.run !== undefined) return definition.run(call.text, context);
  const provider = definition.provider as Provider;
  if (typeof call.task !== 'string') checkAccepted(call.task, provider);
  if (call.sink !== undefined && provider.stream !== undefined) {
    return provider.stream(toProviderRequest(attempt, context, undefined));
  }
  return generate(attempt, context, provider);
}

/** One answer; an answer that does not fit is sent back as often as the agent's `repairs` allow. */
async function generate(
  attempt: RunningAttempt,
  context: AgentContext,
  provider: Provider,
): Promise<AgentReplyObject> {
  const { output: schema, repairs = 0 } = attempt.target.definition;
  const ask = async (rejected: readonly RejectedReply[] | undefined): Promise<AgentReplyObject> => {
    const before = attempt.usage;
    // If the attempt ends before an answer fits, this much has been spent.
    const note = (reported: Partial<Usage> | undefined): void => {
      const usage = validUsage(reported);
      if (usage !== undefined) attempt.usage = addUsage(before ?? {}, usage);
    };
    const reply = await provider.generate(toProviderRequest(attempt, context, rejected, note));
    note((reply as AgentReplyObject | undefined)?.usage);
    return reply;
  };
  if (schema === undefined || repairs === 0) return await ask(undefined);
  const { repairOutput } = outputRepairer.loaded ?? (await outputRepairer.load());
  const { reply } = await repairOutput(ask, { schema, repairs, signal: context.signal });
  return reply;
}

function toProviderRequest(
  attempt: RunningAttempt,
  context: AgentContext,
  rejected: readonly RejectedReply[] | undefined,
  onUsage?: (usage: Partial<Usage>) => void,
): ProviderRequest {
  const { call, onSent } = attempt;
  const { task, text } = call;
  const { recorder } = call.services;
  return {
    agent: context.agent,
    callId: context.callId,
    attempt: context.attempt,
    task: text,
    messages: typeof task === 'string' || task.isText ? undefined : task.loadedMessages,
    model: context.model,
    instructions: attempt.target.definition.instructions,
    params: context.params,
    output: attempt.target.definition.output ?? call.definition.output,
    rejected,
    ledger: ledgerOf(call),
    toolHost: attemptToolsCode.loaded && new attemptToolsCode.loaded.AttemptTools(attempt),
    signal: context.signal,
    logger: context.logger,
    onSent: () => {
      attempt.sent();
      onSent?.();
    },
    onWait: attempt.onWait,
    onUsage,
    onStepDelivered: () => {
      if (call.sink !== undefined) call.sink.started = false;
    },
    onTools: recorder && ((areRunning) => recorder.step({ kind: 'tools', call, areRunning })),
    onActivity: call.sink === undefined ? undefined : (activity) => attempt.streamClock?.heard(activity),
    onResponse: call.warmUp === undefined ? attempt.onResponse : reportAnswer(attempt, call.warmUp),
  };
}

/** Has the run know as soon as the answer begins. */
function reportAnswer(
  { call, onResponse }: RunningAttempt,
  warmUp: WarmUp,
): (info: ProviderResponseInfo) => void {
  return (info) => {
    if (info.status < 400) warmUp.answered(call);
    onResponse?.(info);
  };
}

/** The call's ledger; made for its first attempt. */
function ledgerOf(call: Call): CallLedger {
  call.ledger ??= {
    get id() {
      return call.progress?.id ?? call.callId;
    },
    load: call.progress?.load,
    record: call.progress?.record,
    addSpent: (usage, costUsd) => call.addSpent(usage, costUsd),
    ofOtherCalls: undefined,
  };
  return call.ledger;
}

export function isPromiseLike<T>(value: T): value is Extract<T, PromiseLike<unknown>> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

export function isAsyncIterable(value: unknown): value is AgentStreamReply {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

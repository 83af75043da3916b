import type { AgentContext } from '../contracts/agent.js';
import type { Provider, ProviderRequest, RejectedReply } from '../contracts/provider.js';
import type { AgentReply, AgentReplyObject, AgentStreamReply } from '../contracts/reply.js';
import { repairOutput } from '../output/repair-output.js';
import type { Call } from './call.js';
import type { RunningAttempt } from './running-attempt.js';

/** What an agent answers with: a reply, now or later, or a stream. */
export type Invocation = AgentReply | PromiseLike<AgentReply | AgentStreamReply> | AgentStreamReply;

/** Hands the task to the agent: its function, or its provider. */
export function invokeAgent(call: Call, context: AgentContext, attempt: RunningAttempt): Invocation {
  const { definition } = attempt.target;
  if (definition.run !== undefined) return definition.run(call.task, context);
  const provider = definition.provider as Provider;
  if (call.sink !== undefined && provider.stream !== undefined) {
    return provider.stream(toProviderRequest(call, context, attempt, undefined));
  }
  return generate(call, context, attempt, provider);
}

/** One answer; an answer that does not fit is sent back as often as the agent's `repairs` allow. */
async function generate(
  call: Call,
  context: AgentContext,
  attempt: RunningAttempt,
  provider: Provider,
): Promise<AgentReplyObject> {
  const { output: schema, repairs = 0 } = attempt.target.definition;
  if (schema === undefined || repairs === 0) {
    return await provider.generate(toProviderRequest(call, context, attempt, undefined));
  }
  const { signal } = context;
  const { reply } = await repairOutput(
    (rejected) => provider.generate(toProviderRequest(call, context, attempt, rejected)),
    {
      schema,
      repairs,
      signal,
    },
  );
  return reply;
}

function toProviderRequest(
  call: Call,
  context: AgentContext,
  attempt: RunningAttempt,
  rejected: readonly RejectedReply[] | undefined,
): ProviderRequest {
  return {
    agent: context.agent,
    callId: context.callId,
    attempt: context.attempt,
    task: call.task,
    model: context.model,
    instructions: attempt.target.definition.instructions,
    params: context.params,
    output: attempt.target.definition.output,
    rejected,
    signal: context.signal,
    logger: context.logger,
    onResponse: attempt.onResponse,
  };
}

export function isPromiseLike<T>(value: T): value is Extract<T, PromiseLike<unknown>> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

export function isAsyncIterable(value: unknown): value is AgentStreamReply {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

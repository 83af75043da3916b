import type { AgentContext } from '../contracts/agent.js';
import type { Provider, ProviderRequest } from '../contracts/provider.js';
import type { AgentReply, AgentStreamReply } from '../contracts/reply.js';
import type { Call } from './call.js';

/** What an agent answers with: a reply, now or later, or a stream. */
export type Invocation = AgentReply | PromiseLike<AgentReply | AgentStreamReply> | AgentStreamReply;

/** Hands the task to the agent: its function, or its provider. */
export function invokeAgent(call: Call, context: AgentContext): Invocation {
  const { definition } = call;
  if (definition.run !== undefined) return definition.run(call.task, context);
  const provider = definition.provider as Provider;
  const request = toProviderRequest(call, context);
  return call.sink !== undefined && provider.stream !== undefined
    ? provider.stream(request)
    : provider.generate(request);
}

function toProviderRequest(call: Call, context: AgentContext): ProviderRequest {
  return {
    agent: context.agent,
    callId: context.callId,
    attempt: context.attempt,
    task: call.task,
    model: context.model,
    instructions: call.definition.instructions,
    params: context.params,
    output: call.definition.output,
    signal: context.signal,
    logger: context.logger,
  };
}

export function isPromiseLike<T>(value: T): value is Extract<T, PromiseLike<unknown>> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

export function isAsyncIterable(value: unknown): value is AgentStreamReply {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

import type { Provider, ProviderRequest } from '../../contracts/provider.js';
import type { AgentReplyObject, StreamSummary } from '../../contracts/reply.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import type { Pricing } from '../pricing/pricing.js';
import type { StepFunction, StreamStepFunction } from './model-step.js';
import { runToolLoop, streamToolLoop, type ToolLoopOptions, type ToolLoopReply } from './tool-loop.js';
import type { PreparedTools } from './tool-set.js';

/** What tells one model provider from another: how one round trip is made. */
export interface ModelDialect {
  /** Its kind, for instance `anthropic`. */
  readonly name: string;
  /** One round trip for this request. */
  step(request: ProviderRequest): StepFunction;
  /** One streamed round trip for this request. */
  streamStep(request: ProviderRequest): StreamStepFunction;
  /** The longest answer that the parameters ask for, in tokens. */
  maxOutputTokens(params: Readonly<Record<string, unknown>>): number | undefined;
  /** Frees sockets. */
  close(): Promise<void>;
}

/** What every model provider needs besides its dialect. */
export interface ModelProviderOptions {
  readonly tools: PreparedTools | undefined;
  readonly maxSteps: number;
  readonly pricing: Pricing;
  readonly identity: Readonly<Record<string, unknown>>;
}

/** Builds a provider of a dialect: the tool loop, the cost, the contract. */
export function createModelProvider(dialect: ModelDialect, parts: ModelProviderOptions): Provider {
  const { pricing } = parts;
  return {
    specificationVersion: 1,
    name: dialect.name,
    identity: parts.identity,
    async generate(request) {
      const reply = await runToolLoop(dialect.step(request), {
        ...loopOptions(request, parts),
        onUsage: request.onUsage,
      });
      return toReply(reply, request, pricing);
    },
    stream: (request) => streamReply(dialect, request, parts),
    costUsd: (model, usage) => pricing.costUsd(model, usage),
    maxOutputTokens: (_model, params) => dialect.maxOutputTokens(params),
    close: () => dialect.close(),
  };
}

async function* streamReply(
  dialect: ModelDialect,
  request: ProviderRequest,
  parts: ModelProviderOptions,
): AsyncGenerator<StreamEvent, StreamSummary, undefined> {
  const reply = yield* streamToolLoop(dialect.streamStep(request), loopOptions(request, parts));
  const { costUsd, model, steps } = toReply(reply, request, parts.pricing);
  return { costUsd, model, steps };
}

function loopOptions(request: ProviderRequest, parts: ModelProviderOptions): ToolLoopOptions {
  const { task, rejected, signal, logger } = request;
  return { task, rejected, signal, logger, tools: parts.tools, maxSteps: parts.maxSteps };
}

function toReply(reply: ToolLoopReply, request: ProviderRequest, pricing: Pricing): AgentReplyObject {
  const model = reply.model ?? request.model;
  const costUsd = pricing.costUsd(model, reply.usage, request.logger);
  return {
    output: reply.text,
    usage: reply.usage,
    finishReason: reply.finishReason,
    ...(model === undefined ? {} : { model }),
    ...(costUsd === undefined ? {} : { costUsd }),
    ...(reply.steps === undefined ? {} : { steps: reply.steps }),
  };
}

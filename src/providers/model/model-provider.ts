import type { Provider, ProviderRequest } from '../../contracts/provider.js';
import type { AgentReplyObject, StreamSummary } from '../../contracts/reply.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import type { ContentFile } from '../../contracts/task-content.js';
import { isWholeUsage } from '../../contracts/usage.js';
import type { Pricing } from '../pricing/pricing.js';
import type { ModelStep, StepFunction, StreamStepFunction } from './model-step.js';
import { PromptSize } from './prompt-size.js';
import type { ToolLoopOptions, ToolLoopReply } from './tool-conversation.js';
import { runToolLoop, streamToolLoop } from './tool-loop.js';
import type { PreparedTools } from './tool-set.js';

/** What is specific to one model provider: how it makes one request and what it knows about it. */
export interface ModelDialect {
  /** The provider's name, for instance `anthropic`. */
  readonly name: string;
  /** A function that makes the model requests of this attempt. */
  step(request: ProviderRequest): StepFunction;
  /** A function that makes the streamed model requests of this attempt. */
  streamStep(request: ProviderRequest): StreamStepFunction;
  /** The longest answer that the parameters ask for, in tokens. */
  maxOutputTokens(params: Readonly<Record<string, unknown>>): number | undefined;
  /** Media types of the files that it can send. */
  readonly files: readonly string[];
  /** The tokens of an image or a PDF as input of a model; `undefined` if no rule is known. */
  fileTokens?(model: string | undefined, file: ContentFile): number | undefined;
  /** The longest answer, in tokens, that requests ask for whose parameters do not; `undefined` if they do not either. */
  readonly defaultMaxOutputTokens?: number | undefined;
  /** The shortest prompt, in tokens, of which the provider caches what later requests begin with; `undefined` for none. */
  minimumCachedTokens(model: string): number | undefined;
  /** Releases sockets. */
  close(): Promise<void>;
}

/** Options of {@link createModelProvider}. */
export interface ModelProviderOptions {
  readonly tools: PreparedTools | undefined;
  readonly maxSteps: number;
  readonly pricing: Pricing;
  /** How long the provider keeps prompts in its cache, if it charges more for writing them there than for input. */
  readonly paidCacheWrites?: '5m' | '1h' | undefined;
  readonly identity: Readonly<Record<string, unknown>>;
}

/** Creates a provider from a dialect: adds the tool loop and the cost. */
export function createModelProvider(dialect: ModelDialect, parts: ModelProviderOptions): Provider {
  const { pricing, paidCacheWrites } = parts;
  const isCached = (model: string | undefined, tokens: number): boolean =>
    model !== undefined && tokens >= (dialect.minimumCachedTokens(model) ?? Infinity);
  return {
    specificationVersion: 1,
    name: dialect.name,
    identity: parts.identity,
    async generate(request) {
      const reply = await runToolLoop(dialect.step(request), {
        ...loopOptions(dialect, request, parts),
        onUsage: request.onUsage,
      });
      return toReply(reply, request, pricing);
    },
    stream: (request) => streamReply(dialect, request, parts),
    accepts: { conversations: true, files: dialect.files },
    fileTokens: (model, file) => dialect.fileTokens?.(model, file),
    costUsd: (model, usage) => pricing.costUsd(model, usage),
    maxCostUsd: (model, tokens) =>
      paidCacheWrites !== undefined && isCached(model, tokens.inputTokens)
        ? pricing.writingCostUsd(model, tokens, paidCacheWrites)
        : pricing.costUsd(model, tokens),
    cachesPrefix: (model, instructions) => {
      const minimum = model === undefined ? undefined : dialect.minimumCachedTokens(model);
      if (minimum === undefined) return false;
      const prefix = new PromptSize(minimum);
      return prefix.add(parts.tools?.definitions) || prefix.add(instructions);
    },
    maxOutputTokens: (_model, params) => dialect.maxOutputTokens(params),
    defaultMaxOutputTokens: dialect.defaultMaxOutputTokens,
    close: () => dialect.close(),
  };
}

async function* streamReply(
  dialect: ModelDialect,
  request: ProviderRequest,
  parts: ModelProviderOptions,
): AsyncGenerator<StreamEvent, StreamSummary, undefined> {
  const reply = yield* streamToolLoop(dialect.streamStep(request), {
    ...loopOptions(dialect, request, parts),
    onStepDelivered: request.onStepDelivered,
  });
  const { costUsd, model, steps } = toReply(reply, request, parts.pricing);
  return { costUsd, model, steps };
}

function loopOptions(
  { name }: ModelDialect,
  request: ProviderRequest,
  { tools, maxSteps, identity, pricing }: ModelProviderOptions,
): ToolLoopOptions {
  const { agent, callId, ledger, toolHost, task, messages, rejected, signal, logger, onTools } = request;
  const api = `${name}/${String(identity.api ?? '')}`;
  const call = { agent, callId, ledger, toolHost, task, messages, rejected };
  const costOf = ({ model = request.model, usage }: ModelStep) =>
    isWholeUsage(usage) ? pricing.costUsd(model, usage) : undefined;
  return { ...call, api, signal, logger, onTools, tools, maxSteps, costOf };
}

function toReply(reply: ToolLoopReply, request: ProviderRequest, pricing: Pricing): AgentReplyObject {
  const model = reply.model ?? request.model;
  const price = pricing.costUsd(model, reply.usage, request.logger);
  const costUsd = isWholeUsage(reply.usage) ? price : undefined;
  return {
    output: reply.text,
    usage: reply.usage,
    finishReason: reply.finishReason,
    ...(model === undefined ? {} : { model }),
    ...(costUsd === undefined ? {} : { costUsd }),
    ...(reply.steps === undefined ? {} : { steps: reply.steps }),
  };
}

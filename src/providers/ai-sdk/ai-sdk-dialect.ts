import type { ProviderRequest } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { rememberSecretsIn } from '../../errors/redact.js';
import { longestAnswer } from '../model/longest-answer.js';
import type { ModelDialect } from '../model/model-provider.js';
import type { ModelStep, ModelStepRequest } from '../model/model-step.js';
import { cutError, translateClientError } from '../transport/client-errors.js';
import { linkAbort } from '../transport/link-signal.js';
import { requestIdOf, responseInfo } from '../transport/response-info.js';
import { callOptions } from './call-options.js';
import type { AiSdkModel, GenerateAnswer, StreamAnswer, StreamPart } from './language-model.js';
import { stepFromAnswer } from './model-answer.js';
import { ModelStreamReader } from './model-stream.js';

const NAME = 'ai-sdk';
/** The shortest prompt that providers cache, in tokens. */
const MINIMUM_CACHED_TOKENS = 1_024;

/** A language model object of the AI SDK. */
export function aiSdkDialect(model: AiSdkModel, nativeOutput: boolean): ModelDialect {
  return {
    name: NAME,
    step: (request) => (stepRequest) => askOnce(model, request, stepRequest, nativeOutput),
    streamStep: (request) => (stepRequest) => streamOnce(model, request, stepRequest, nativeOutput),
    maxOutputTokens: (params) => longestAnswer(params, ['maxTokens', 'maxOutputTokens']),
    // What it cannot take, the model says itself, before it sends anything.
    files: ['*'],
    // Most providers cache longer prompts by themselves.
    minimumCachedTokens: () => MINIMUM_CACHED_TOKENS,
    close: async () => {},
  };
}

async function askOnce(
  model: AiSdkModel,
  request: ProviderRequest,
  stepRequest: ModelStepRequest,
  nativeOutput: boolean,
): Promise<ModelStep> {
  checkModelName(model, request);
  const linked = linkAbort(request.signal);
  try {
    request.signal.throwIfAborted();
    const options = callOptions(request, stepRequest, linked.controller.signal, nativeOutput);
    const answer = (await model.doGenerate(options)) as GenerateAnswer;
    request.signal.throwIfAborted();
    report(model, request, 200, answer.response?.headers);
    const { content, finishReason, usage, providerMetadata, response } = answer;
    return checked(
      stepFromAnswer({
        ...{ content, finishReason, usage, providerMetadata },
        modelId: response?.modelId ?? model.modelId,
      }),
    );
  } catch (error) {
    await rememberKeys(model);
    throw failure(error, model, request);
  } finally {
    linked.dispose();
  }
}

async function* streamOnce(
  model: AiSdkModel,
  request: ProviderRequest,
  stepRequest: ModelStepRequest,
  nativeOutput: boolean,
): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  checkModelName(model, request);
  const linked = linkAbort(request.signal);
  const reader = new ModelStreamReader();
  try {
    request.signal.throwIfAborted();
    const options = callOptions(request, stepRequest, linked.controller.signal, nativeOutput);
    const answer = (await model.doStream(options)) as StreamAnswer;
    report(model, request, 200, answer.response?.headers);
    for await (const part of abortable(answer.stream, request.signal)) {
      const event = reader.read(part);
      if (reader.failure !== undefined) throw reader.failure;
      if (event === undefined) {
        request.onActivity?.(part.type === 'tool-input-delta' ? 'output' : 'keep-alive');
      } else yield event;
    }
    if (!reader.isComplete) throw cutError({ provider: NAME, model: model.modelId });
    const step = checked(reader.step());
    return { ...step, model: step.model ?? model.modelId };
  } catch (error) {
    await rememberKeys(model);
    throw failure(error, model, request);
  } finally {
    linked.dispose();
    if (!reader.isComplete) linked.controller.abort();
  }
}

/** The step, unless it ended with an error in place of an answer. */
function checked(step: ModelStep): ModelStep {
  if (step.failure !== undefined) throw step.failure;
  return step;
}

/** Reads a stream that may ignore the signal. An abort ends the reading; leaving the loop early cancels the stream. */
async function* abortable(
  stream: ReadableStream<StreamPart>,
  signal: AbortSignal,
): AsyncGenerator<StreamPart, void, undefined> {
  const reader = stream.getReader();
  const cancel = () => {
    reader.cancel(signal.reason).catch(() => {});
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    reader.cancel().catch(() => {});
  }
}

/** The object is one model: a request for another model would be answered by the wrong one. */
function checkModelName(model: AiSdkModel, request: ProviderRequest): void {
  if (request.model === undefined || request.model === model.modelId) return;
  throw new InvalidArgumentError(
    'model',
    `This agent is the model object "${model.modelId}" and cannot answer as "${request.model}"; leave out the call's model, or create another agent.`,
  );
}

/** The keys that the model sends are not part of an error, whatever its server says in it. */
async function rememberKeys(model: AiSdkModel): Promise<void> {
  try {
    const { config } = model as { config?: { headers?: object | (() => unknown) } };
    const headers = typeof config?.headers === 'function' ? await config.headers() : config?.headers;
    if (typeof headers === 'object' && headers !== null) rememberSecretsIn(Object.entries(headers));
  } catch {
    // A key that cannot be had was not sent.
  }
}

interface CallError {
  readonly statusCode?: unknown;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: unknown;
  readonly message?: unknown;
  readonly isRetryable?: unknown;
}

/** Errors of the AI SDK have status, headers and body under their own names. */
function failure(thrown: unknown, model: AiSdkModel, request: ProviderRequest): unknown {
  const facts = { provider: NAME, model: model.modelId };
  if (request.signal.aborted || typeof thrown !== 'object' || thrown === null) {
    return translateClientError(thrown, facts, request.signal);
  }
  const { statusCode, responseHeaders, responseBody, message } = thrown as CallError;
  if (typeof statusCode !== 'number') return translateClientError(thrown, facts, request.signal);
  const headers = new Headers(responseHeaders);
  report(model, request, statusCode, responseHeaders);
  const shown = { status: statusCode, headers, error: parseBody(responseBody) ?? { message } };
  const translated = translateClientError(
    shown,
    { ...facts, requestId: requestIdOf(headers) },
    request.signal,
  ) as Error;
  // The cause is the thrown error, not the object built from it.
  Object.defineProperty(translated, 'cause', { value: thrown, configurable: true, writable: true });
  return translated;
}

function parseBody(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function report(
  model: AiSdkModel,
  request: ProviderRequest,
  status: number,
  record: Readonly<Record<string, string>> | undefined,
): void {
  request.onResponse?.(responseInfo(NAME, model.modelId, status, new Headers(record)));
}

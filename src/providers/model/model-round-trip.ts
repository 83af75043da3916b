import type { ProviderRequest } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import type { ContentFile } from '../../contracts/task-content.js';
import { END_MARK } from '../transport/answer-events.js';
import {
  ClientExchange,
  type ClientPromise,
  type ClientRequestOptions,
} from '../transport/client-exchange.js';
import type { ClientSource } from '../transport/client-source.js';
import { MODEL_FILES } from './file-content.js';
import { longestAnswer } from './longest-answer.js';
import type { ModelDialect } from './model-provider.js';
import type { ModelStep, ModelStepRequest } from './model-step.js';
import { requireModel } from './params.js';

/**
 * What one event of a provider means: events to pass on, nothing, or `tool-input` for a piece of a tool call, which is
 * output that is passed on only once the call is complete.
 */
export type StreamRead = StreamEvent | readonly StreamEvent[] | 'tool-input' | undefined;

/** Reads the events of one streamed answer. */
export interface StreamReader<Event> {
  /** Whether the provider has sent the end of the answer. */
  readonly isComplete: boolean;
  /** Reads one event. Does not throw. */
  read(event: Event): StreamRead;
  /** Reads `[DONE]`, with which some servers end their streams. */
  readEndMark?(): StreamRead;
  /** The error that an event reported, as the provider wrote it. */
  readonly failure?: unknown;
  /** The whole answer. */
  step(): ModelStep;
}

/** One API of an official client: how to write its requests and read its answers. */
export interface ClientApi<Client, Answer, Event> {
  /** The provider's name. */
  readonly name: string;
  /** Parameters that limit the length of an answer. */
  readonly lengthParams: readonly string[];
  /** The tokens of an image or a PDF as input of a model. */
  fileTokens(model: string | undefined, file: ContentFile): number;
  /** The longest answer, in tokens, that a request without any of them asks for. */
  readonly defaultMaxTokens?: number;
  /** The shortest prompt, in tokens, of which the provider caches what later requests begin with; none without it. */
  minimumCachedTokens?(model: string): number;
  /** The request's body, without `stream`. */
  body(model: string, request: ProviderRequest, step: ModelStepRequest): Record<string, unknown>;
  /** Fields that are added to the body for a stream. */
  readonly streamBody: Readonly<Record<string, unknown>>;
  /** Sends the body. */
  send(client: Client, body: object, options: ClientRequestOptions): ClientPromise<unknown>;
  /** Whether a response is an answer; otherwise it is read as an error. */
  isAnswer(answer: Answer): boolean;
  /** The answer as a step. */
  step(answer: Answer): ModelStep;
  /** Creates a reader for one stream. */
  reader(): StreamReader<Event>;
}

/** Creates a dialect from an API and its client. */
export function createDialect<Client, Answer, Event>(
  api: ClientApi<Client, Answer, Event>,
  clients: ClientSource<Client>,
): ModelDialect {
  return {
    name: api.name,
    step: (request) => (stepRequest) => ask(api, clients, request, stepRequest),
    streamStep: (request) => (stepRequest) => read(api, clients, request, stepRequest),
    maxOutputTokens: (params) => longestAnswer(params, api.lengthParams),
    files: MODEL_FILES,
    fileTokens: (model, file) => api.fileTokens(model, file),
    defaultMaxOutputTokens: api.defaultMaxTokens,
    minimumCachedTokens: (model) => api.minimumCachedTokens?.(model),
    close: () => clients.close(),
  };
}

async function ask<Client, Answer, Event>(
  api: ClientApi<Client, Answer, Event>,
  clients: ClientSource<Client>,
  request: ProviderRequest,
  stepRequest: ModelStepRequest,
): Promise<ModelStep> {
  const model = requireModel(api.name, request.model);
  const body = api.body(model, request, stepRequest);
  const exchange = new ClientExchange(api.name, model, request);
  let isComplete = false;
  try {
    const client = await clients.get(request.onWait);
    const answer = await exchange.send((options) => api.send(client, body, options));
    isComplete = true;
    return readWhole(api, exchange, answer);
  } catch (error) {
    throw exchange.failure(error);
  } finally {
    exchange.end(isComplete);
  }
}

async function* read<Client, Answer, Event>(
  api: ClientApi<Client, Answer, Event>,
  clients: ClientSource<Client>,
  request: ProviderRequest,
  stepRequest: ModelStepRequest,
): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  const model = requireModel(api.name, request.model);
  const body = { ...api.body(model, request, stepRequest), ...api.streamBody };
  const exchange = new ClientExchange(api.name, model, request);
  let isRead = false;
  try {
    const client = await clients.get(request.onWait);
    const sent = await exchange.start((options) => api.send(client, body, options));
    const answer = await exchange.streamOf(sent);
    const step =
      'whole' in answer
        ? yield* asEvents(readWhole(api, exchange, answer.whole))
        : yield* readEvents(api, exchange, answer.events, request);
    isRead = true;
    return step;
  } catch (error) {
    throw exchange.failure(error);
  } finally {
    exchange.end(isRead);
  }
}

/** An answer in one piece. */
function readWhole<Client, Answer, Event>(
  api: ClientApi<Client, Answer, Event>,
  exchange: ClientExchange,
  answer: object,
): ModelStep {
  if (isFailure(answer) || !api.isAnswer(answer as Answer)) throw exchange.errorInside(answer);
  const step = api.step(answer as Answer);
  if (step.failure !== undefined) throw exchange.errorInside(step.failure);
  return step;
}

/** A server that does not stream answers a request for a stream in one piece. */
async function* asEvents(step: ModelStep): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  if (step.text !== '') yield { type: 'text-delta', text: step.text };
  for (const call of step.toolCalls) yield { type: 'tool-call', ...call };
  return step;
}

async function* readEvents<Client, Answer, Event>(
  api: ClientApi<Client, Answer, Event>,
  exchange: ClientExchange,
  events: AsyncIterable<object | typeof END_MARK>,
  request: ProviderRequest,
): AsyncGenerator<StreamEvent, ModelStep, undefined> {
  const reader = api.reader();
  for await (const event of events) {
    if (event !== END_MARK && isFailure(event)) throw exchange.errorInside(event);
    const meaning = event === END_MARK ? reader.readEndMark?.() : reader.read(event as Event);
    if (reader.failure !== undefined) throw exchange.errorInside(reader.failure);
    if (meaning === undefined || meaning === 'tool-input') {
      request.onActivity?.(meaning === undefined ? 'keep-alive' : 'output');
    } else if (Array.isArray(meaning)) yield* meaning;
    else yield meaning as StreamEvent;
  }
  const step = reader.isComplete ? reader.step() : undefined;
  if (step?.failure !== undefined) throw exchange.errorInside(step.failure);
  if (step === undefined) throw exchange.cut();
  return step;
}

/** Whether it is an error in place of an answer or event, in the form of any protocol. */
function isFailure(sent: object): boolean {
  const { type, object, error, output } = sent as Readonly<Record<string, unknown>>;
  // A whole answer of the Responses API has the field too; its status says whether it failed.
  return type === 'error' || object === 'error' || (Boolean(error) && !Array.isArray(output));
}

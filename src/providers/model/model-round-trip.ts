import type { ProviderRequest } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import {
  ClientExchange,
  type ClientPromise,
  type ClientRequestOptions,
} from '../transport/client-exchange.js';
import type { ClientSource } from '../transport/client-source.js';
import { longestAnswer } from './longest-answer.js';
import type { ModelDialect } from './model-provider.js';
import type { ModelStep, ModelStepRequest } from './model-step.js';
import { requireModel } from './params.js';

/** Reads the events of one streamed answer. */
export interface StreamReader<Event> {
  /** Whether the provider has sent the end of the answer. */
  readonly isComplete: boolean;
  /** Reads one event; returns the events to pass on, if any. Does not throw. */
  read(event: Event): StreamEvent | readonly StreamEvent[] | undefined;
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
    const answer = (await exchange.send((options) => api.send(client, body, options))) as Answer;
    isComplete = true;
    if (!api.isAnswer(answer)) throw exchange.errorInside(answer);
    return api.step(answer);
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
    const answer = await exchange.send((options) => api.send(client, body, options));
    const events = (await exchange.eventsOf(answer)) as AsyncIterable<Event>;
    const reader = api.reader();
    for await (const event of events) {
      const passedOn = reader.read(event);
      if (passedOn === undefined) continue;
      if (Array.isArray(passedOn)) yield* passedOn;
      else yield passedOn as StreamEvent;
    }
    isRead = true;
    if (reader.failure !== undefined) throw exchange.errorInside(reader.failure);
    if (!reader.isComplete) throw exchange.cut();
    return reader.step();
  } catch (error) {
    throw exchange.failure(error);
  } finally {
    exchange.end(isRead);
  }
}

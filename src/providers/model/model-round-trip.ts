import type { ProviderRequest } from '../../contracts/provider.js';
import type { StreamEvent } from '../../contracts/stream-event.js';
import { longestAnswer } from '../longest-answer.js';
import {
  ClientExchange,
  type ClientPromise,
  type ClientRequestOptions,
} from '../transport/client-exchange.js';
import type { ClientSource } from '../transport/client-source.js';
import type { ModelDialect } from './model-provider.js';
import type { ModelStep, ModelStepRequest } from './model-step.js';
import { requireModel } from './params.js';

/** Collects the events of one streamed answer. */
export interface StreamReader<Event> {
  /** Whether the provider said that the answer is complete. */
  readonly isComplete: boolean;
  /** Takes one event; what there is to tell about it. Throws nothing of its own. */
  take(event: Event): StreamEvent | readonly StreamEvent[] | undefined;
  /** An error that an event brought, as the provider wrote it. */
  readonly failure?: unknown;
  /** The whole answer. */
  step(): ModelStep;
}

/** One API of an official client: how to ask, and how to read. */
export interface ClientApi<Client, Answer, Event> {
  /** The provider's kind. */
  readonly name: string;
  /** Parameters that limit the length of an answer. */
  readonly lengthParams: readonly string[];
  /** The request's body, without `stream`. */
  body(model: string, request: ProviderRequest, step: ModelStepRequest): Record<string, unknown>;
  /** What is added to the body for a stream. */
  readonly streamBody: Readonly<Record<string, unknown>>;
  /** Sends the body. */
  send(client: Client, body: object, options: ClientRequestOptions): ClientPromise<unknown>;
  /** Whether an answer is one; else it is read as an error. */
  isAnswer(answer: Answer): boolean;
  /** The answer as a step. */
  step(answer: Answer): ModelStep;
  /** A reader for one stream. */
  reader(): StreamReader<Event>;
}

/** A dialect made of an API and the client to reach it with. */
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
    const client = await clients.get();
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
    const client = await clients.get();
    const answer = await exchange.send((options) => api.send(client, body, options));
    const events = (await exchange.eventsOf(answer)) as AsyncIterable<Event>;
    const reader = api.reader();
    for await (const event of events) {
      const told = reader.take(event);
      if (told === undefined) continue;
      if (Array.isArray(told)) yield* told;
      else yield told as StreamEvent;
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

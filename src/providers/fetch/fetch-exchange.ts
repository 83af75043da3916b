import type { AgentDefinition } from '../../contracts/agent.js';
import type { Provider, ProviderRequest } from '../../contracts/provider.js';
import type { AgentReplyObject } from '../../contracts/reply.js';
import type { Usage } from '../../contracts/usage.js';
import { fieldOf } from '../../errors/foreign.js';
import { ProviderNetworkError } from '../../errors/provider-errors.js';
import type { Pricing } from '../pricing/pricing.js';
import { cutError, type ExchangeFacts, translateClientError } from '../transport/client-errors.js';
import { readErrorBody } from '../transport/error-body.js';
import { errorFromAnswer } from '../transport/http-status.js';
import { responseInfo } from '../transport/response-info.js';
import type { FetchRequest } from './fetch-request.js';
import { passOn } from './passed-on-body.js';
import { StreamUsage, usageOfAnswer } from './reported-usage.js';

/** What requests are called in results, events and errors. */
const FETCH = 'fetch';

/** What an exchange works with. */
export interface FetchExchangeOptions {
  readonly request: FetchRequest;
  /** The lane; in errors the name of the service. */
  readonly lane: string;
  readonly pricing: Pricing;
  readonly fetch: typeof globalThis.fetch;
}

/**
 * One request of a client, as the agent of one call. Answers in one piece are read within the attempt, so that a cut
 * one is tried again; streams are handed over when their headers arrive, and the attempt lasts until they end.
 */
export class FetchExchange {
  /** Resolves with the response for the client, rejects where there is none. */
  readonly response: Promise<Response>;
  readonly definition: AgentDefinition;
  /** Ends the call where its client leaves a stream. */
  readonly controller: AbortController;
  readonly #options: FetchExchangeOptions;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;
  readonly #settled: Promise<void>;
  #settle!: () => void;
  #answer: Response | undefined = undefined;
  /** The latest response with an error status, and the error that it became. */
  #refusal: { readonly response: Response; readonly error: Error } | undefined = undefined;

  constructor(options: FetchExchangeOptions, controller: AbortController) {
    this.#options = options;
    this.controller = controller;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { request, lane, pricing } = options;
    const provider: Provider = {
      specificationVersion: 1,
      name: lane,
      generate: (attempt) => this.#attempt(attempt),
      costUsd: (model, usage) => pricing.costUsd(model, usage),
      maxOutputTokens: () => request.maxOutputTokens,
    };
    this.definition = { name: FETCH, provider, model: request.model, cache: false };
  }

  /** The call was answered. */
  succeeded(): void {
    if (this.#answer !== undefined) this.#resolve(this.#answer);
    this.#settle();
  }

  /** The call has failed: the client gets the response that it failed with, as from any `fetch`, or else the error. */
  failed(error: unknown): void {
    const last = fieldOf(error, 'code') === 'TUTTI_RETRIES_EXHAUSTED' ? fieldOf(error, 'cause') : error;
    if (this.#refusal !== undefined && this.#refusal.error === last) this.#resolve(this.#refusal.response);
    else this.#reject(error);
    this.#settle();
  }

  async #attempt(attempt: ProviderRequest): Promise<AgentReplyObject> {
    const { request, lane, pricing, fetch } = this.#options;
    const { signal } = attempt;
    const response = await this.#read(() => fetch(request.url, { ...request.init, signal }), signal);
    const { status, headers } = response;
    attempt.onResponse?.(responseInfo(lane, request.model, status, headers));
    if (response.ok && isPassedOn(response)) return await this.#handOver(response, attempt);
    const bytes = await this.#read(() => response.arrayBuffer(), signal);
    const body = this.#parse(response, bytes);
    if (!response.ok) throw this.#refused(response, bytes, body);
    this.#answer = rebuilt(response, bytes);
    const usage = usageOfAnswer(body);
    return { output: '', usage, costUsd: usage && pricing.costUsd(request.model, usage, attempt.logger) };
  }

  /** A step of the exchange, its errors translated. */
  async #read<Value>(step: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    try {
      return await step();
    } catch (thrown) {
      throw translateClientError(thrown, this.#facts(), signal);
    }
  }

  /** The body as a value, where it is JSON; what is wrong with it is for the client to say, unless it was cut. */
  #parse({ headers, ok }: Response, bytes: ArrayBuffer): unknown {
    if (!JSON_TYPE.test(headers.get('content-type') ?? '')) return undefined;
    const text = Buffer.from(bytes).toString('utf8').trim();
    try {
      return JSON.parse(text);
    } catch {
      if (ok && text !== '' && !/[}\]]$/.test(text)) throw cutError(this.#facts());
      return undefined;
    }
  }

  #refused(response: Response, bytes: ArrayBuffer, body: unknown): Error {
    const { status, headers } = response;
    const { retryAfterMs, requestId } = responseInfo(this.#options.lane, undefined, status, headers);
    const asked = headers.get('x-should-retry');
    const error = errorFromAnswer(status, readErrorBody(body ?? Buffer.from(bytes).toString('utf8')), {
      ...this.#facts(),
      requestId,
      retryAfterMs,
      ...(asked === 'true' || asked === 'false' ? { retryable: asked === 'true' } : {}),
    });
    const refusal = rebuilt(response, bytes);
    // The official clients would make attempts of their own after all of ours.
    refusal.headers.set('x-should-retry', 'false');
    this.#refusal = { response: refusal, error };
    return error;
  }

  async #handOver(
    response: Response,
    { signal, logger, onUsage }: ProviderRequest,
  ): Promise<AgentReplyObject> {
    const { request, pricing } = this.#options;
    const reported = new StreamUsage();
    const note = (usage: Partial<Usage> | undefined): void => usage && onUsage?.(usage);
    const { body, ended } = passOn(response, {
      onChunk: (chunk) => reported.read(chunk),
      onLeave: (reason) => this.controller.abort(reason),
      settled: this.#settled,
    });
    this.#resolve(rebuilt(response, body));
    // Part of the answer is with the client: after a timeout there must be no other attempt.
    signal.addEventListener('abort', () => queueMicrotask(() => this.controller.abort(signal.reason)));
    try {
      await ended;
    } catch (cause) {
      note(reported.usage);
      if (signal.aborted) throw signal.reason;
      const problem = 'The connection was cut after part of the answer had been passed on.';
      throw new ProviderNetworkError(problem, { ...this.#facts(), retryable: false, cause });
    }
    const { usage } = reported;
    return { output: '', usage, costUsd: usage && pricing.costUsd(request.model, usage, logger) };
  }

  #facts(): ExchangeFacts {
    return { provider: this.#options.lane, model: this.#options.request.model };
  }
}

/** A body that says it is no longer than this is read before it is handed over, in bytes. */
const SHORT_BYTES = 1_048_576;

const JSON_TYPE = /^application\/(json|[\w.-]+\+json)\b/;

/** Whether the body may be long or slow, so that the client has to see it as it comes. JSON is of no use in parts. */
function isPassedOn({ body, headers }: Response): boolean {
  const type = headers.get('content-type') ?? '';
  if (body === null || JSON_TYPE.test(type)) return false;
  const length = headers.get('content-length');
  return type.startsWith('text/event-stream') || length === null || Number(length) > SHORT_BYTES;
}

/** The statuses whose responses have no body. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** The same response with a body that can still be read. */
function rebuilt(response: Response, body: ArrayBuffer | ReadableStream<Uint8Array>): Response {
  const { status, statusText, headers, url } = response;
  const copy = new Response(WITHOUT_BODY.has(status) ? null : body, {
    status,
    statusText,
    headers: new Headers(headers),
  });
  Object.defineProperty(copy, 'url', { value: url });
  return copy;
}

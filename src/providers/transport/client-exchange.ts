import type { ProviderRequest } from '../../contracts/provider.js';
import { ProviderResponseError } from '../../errors/provider-errors.js';
import type { HeaderSource } from '../../resilience/retry/retry-after.js';
import { MAX_TIMER_MS } from '../../time/clock.js';
import { type END_MARK, readStreamedAnswer } from './answer-events.js';
import { cutError, type ExchangeFacts, translateClientError } from './client-errors.js';
import { readErrorBody } from './error-body.js';
import { errorFromAnswer } from './http-status.js';
import { type LinkedAbort, linkAbort } from './link-signal.js';
import { bodyOf, bodyText, hooksOf } from './pooled-fetch.js';
import { requestIdOf, responseInfo } from './response-info.js';

/** The request options of the official clients. */
export interface ClientRequestOptions {
  readonly signal: AbortSignal;
  readonly maxRetries: 0;
  readonly timeout: number;
  /** Options that the client passes on to its `fetch`. */
  readonly fetchOptions?: object;
}

/** The return value of the official clients. A custom client may return a plain promise. */
export interface ClientPromise<Value> extends PromiseLike<Value> {
  asResponse?(): Promise<Response>;
}

/** The answer to a request for a stream: its events, or, from servers that do not stream, the answer in one piece. */
export type ClientStream =
  | { readonly events: AsyncIterable<object | typeof END_MARK> }
  | { readonly whole: object };

/**
 * One request of an official client. Its retries are off, its timeout is unlimited (only the attempt's signal ends it),
 * its response headers are reported, its errors are translated, and at the end its signal listener is removed.
 */
export class ClientExchange {
  readonly #provider: string;
  readonly #model: string;
  readonly #request: ProviderRequest;
  readonly #linked: LinkedAbort;
  #response: Response | undefined;
  /** The response as our own `fetch` returned it, also that of a failure, whose body clients read only in part. */
  #fetched: object | undefined;

  constructor(provider: string, model: string, request: ProviderRequest) {
    this.#provider = provider;
    this.#model = model;
    this.#request = request;
    this.#linked = linkAbort(request.signal);
  }

  /** Sends a request and waits for its answer in one piece. */
  async send(start: (options: ClientRequestOptions) => ClientPromise<unknown>): Promise<object> {
    const value = await (await this.start(start)).value();
    this.#request.signal.throwIfAborted();
    return this.#requireObject(typeof value === 'string' ? this.#parse(value) : value);
  }

  /** Sends a request and waits for the headers of its answer. */
  async start(
    start: (options: ClientRequestOptions) => ClientPromise<unknown>,
  ): Promise<{ value(): PromiseLike<unknown> }> {
    this.#request.signal.throwIfAborted();
    const onResponse = (response: object): void => {
      this.#fetched = response;
    };
    const promise = start({
      signal: this.#linked.controller.signal,
      maxRetries: 0,
      timeout: MAX_TIMER_MS,
      fetchOptions: { ...hooksOf(this.#request), onResponse },
    });
    if (promise.asResponse !== undefined) {
      this.#response = await promise.asResponse();
      this.#report(this.#response.status, this.#response.headers);
    }
    return { value: () => promise };
  }

  /**
   * What a started request answers. An event stream is read here and not by the client, which passes over events without
   * a name and believes the content type.
   */
  async streamOf(started: { value(): PromiseLike<unknown> }): Promise<ClientStream> {
    const body = this.#response && isText(this.#response) ? bodyOf(this.#response) : undefined;
    if (body === undefined) return this.#clientStream(await started.value());
    const answer = await readStreamedAnswer(body, () => this.#request.onActivity?.('keep-alive'));
    // If reading ends silently on an abort, the result must not count as an answer.
    this.#request.signal.throwIfAborted();
    if ('events' in answer) return answer;
    if (answer.text.trim() === '') throw cutError(this.#facts());
    const whole = this.#parse(answer.text, 'an event stream');
    if (typeof whole === 'object' && whole !== null) return { whole };
    throw this.#unexpected('an event stream');
  }

  /** The error to throw in place of an error while sending or reading. */
  failure(thrown: unknown): unknown {
    const { status, headers } = (thrown ?? {}) as { status?: unknown; headers?: HeaderSource };
    if (this.#response === undefined && typeof status === 'number' && typeof headers?.get === 'function') {
      this.#report(status, headers);
    }
    return translateClientError(thrown, this.#facts(), this.#request.signal);
  }

  /** The error for a provider's error inside a response of status 200, or for a response that is no answer. */
  errorInside(body: unknown): Error {
    const error = readErrorBody(body);
    if (error !== undefined) return errorFromAnswer(this.#response?.status, error, this.#facts());
    return new ProviderResponseError(
      `${this.#provider} answered without an answer in it: expected choices, content or output, got only ${fieldsOf(body)}.`,
      this.#facts(),
    );
  }

  /** The error for a stream that ended before it was complete; after an abort, the reason of the abort. */
  cut(): unknown {
    const { signal } = this.#request;
    return signal.aborted ? signal.reason : cutError(this.#facts());
  }

  /** Ends the exchange. If the response was not read to its end, its socket is closed. */
  end(isComplete: boolean): void {
    this.#linked.dispose();
    if (!isComplete) this.#linked.controller.abort();
  }

  /** The events of a client that has no response to read, or reads a protocol of its own. */
  #clientStream(value: unknown): ClientStream {
    this.#request.signal.throwIfAborted();
    const answer = this.#requireObject(value);
    return Symbol.asyncIterator in answer
      ? { events: objectsOf(answer as AsyncIterable<unknown>) }
      : { whole: answer };
  }

  /** Gateways send JSON under any content type, and web pages too. */
  #parse(text: string, expected = 'JSON'): unknown {
    if (!/^\uFEFF?\s*[[{]/.test(text)) throw this.#unexpected(expected);
    try {
      return JSON.parse(text.trim()) as unknown;
    } catch (error) {
      throw /[\]}]\s*$/.test(text) ? error : cutError(this.#facts());
    }
  }

  #requireObject(value: unknown): object {
    if (typeof value === 'object' && value !== null) return value;
    throw this.#unexpected('JSON');
  }

  #unexpected(expected: string): ProviderResponseError {
    const received = this.#response?.headers.get('content-type') ?? 'something else';
    return new ProviderResponseError(
      `${this.#provider} answered with ${received} instead of ${expected}. Check the base URL.`,
      this.#facts(),
    );
  }

  #facts(): ExchangeFacts {
    const response = this.#response;
    return {
      provider: this.#provider,
      model: this.#model,
      status: response?.status,
      requestId: response === undefined ? undefined : requestIdOf(response.headers),
      body: this.#fetched === undefined ? undefined : bodyText(this.#fetched),
    };
  }

  #report(status: number, headers: HeaderSource): void {
    this.#request.onResponse?.(responseInfo(this.#provider, this.#model, status, headers));
  }
}

/** Bedrock's streams are binary; its client reads them. */
function isText(response: Response): boolean {
  return !/amazon\.eventstream/i.test(response.headers.get('content-type') ?? '');
}

async function* objectsOf(events: AsyncIterable<unknown>): AsyncGenerator<object, void, undefined> {
  for await (const event of events) if (typeof event === 'object' && event !== null) yield event;
}

function fieldsOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return typeof body;
  const names = Object.keys(body).slice(0, 10);
  if (names.length === 0) return 'an empty object';
  const { status } = body as { status?: unknown };
  const state = typeof status === 'string' ? ` with status "${status.slice(0, 40)}"` : '';
  return `the fields ${names.join(', ')}${state}`;
}

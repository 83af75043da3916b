import type { ProviderRequest } from '../../contracts/provider.js';
import { ProviderResponseError } from '../../errors/provider-errors.js';
import type { HeaderSource } from '../../resilience/retry/retry-after.js';
import { MAX_TIMER_MS } from '../../time/clock.js';
import { cutError, translateClientError } from './client-errors.js';
import { errorFromAnswer, readErrorBody } from './http-status.js';
import { type LinkedAbort, linkAbort } from './link-signal.js';
import { endedEarly, hooksOf } from './pooled-fetch.js';
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

  constructor(provider: string, model: string, request: ProviderRequest) {
    this.#provider = provider;
    this.#model = model;
    this.#request = request;
    this.#linked = linkAbort(request.signal);
  }

  /** Starts the request and waits for its value: a parsed answer, or a stream of parsed events. */
  async send<Value>(start: (options: ClientRequestOptions) => ClientPromise<Value>): Promise<Value & object> {
    this.#request.signal.throwIfAborted();
    const promise = start({
      signal: this.#linked.controller.signal,
      maxRetries: 0,
      timeout: MAX_TIMER_MS,
      fetchOptions: hooksOf(this.#request),
    });
    if (promise.asResponse !== undefined) {
      this.#response = await promise.asResponse();
      this.#report(this.#response.status, this.#response.headers);
    }
    const value = await promise;
    // If a client ends the reading silently on an abort, the result must not count as an answer.
    this.#request.signal.throwIfAborted();
    return this.#requireObject(value);
  }

  /** The events of a response. A response in one piece, such as an error with status 200 or a web page, is an error. */
  async eventsOf(value: object): Promise<AsyncIterable<unknown>> {
    const type = this.#response?.headers.get('content-type') ?? '';
    if (type.includes('json')) {
      const body: unknown = await this.#response?.json();
      throw readErrorBody(body)?.message === undefined
        ? this.#unexpected('an event stream')
        : this.errorInside(body);
    }
    if (type.includes('html') || !(Symbol.asyncIterator in value)) throw this.#unexpected('an event stream');
    return value as AsyncIterable<unknown>;
  }

  /** The error to throw in place of an error while sending or reading. */
  failure(thrown: unknown): unknown {
    const { status, headers } = (thrown ?? {}) as { status?: unknown; headers?: HeaderSource };
    if (this.#response === undefined && typeof status === 'number' && typeof headers?.get === 'function') {
      this.#report(status, headers);
    }
    return translateClientError(thrown, this.#facts(), this.#request.signal);
  }

  /** The error for a provider's error inside a response of status 200. */
  errorInside(body: unknown): Error {
    return errorFromAnswer(this.#response?.status, readErrorBody(body), this.#facts());
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

  #requireObject<Value>(value: Value): Value & object {
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

  #facts() {
    const response = this.#response;
    return {
      provider: this.#provider,
      model: this.#model,
      status: response?.status,
      requestId: response === undefined ? undefined : requestIdOf(response.headers),
      endedEarly: response === undefined ? undefined : endedEarly(response),
    };
  }

  #report(status: number, headers: HeaderSource): void {
    this.#request.onResponse?.(responseInfo(this.#provider, this.#model, status, headers));
  }
}

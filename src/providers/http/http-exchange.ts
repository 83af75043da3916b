import type { ProviderRequest } from '../../contracts/provider.js';
import {
  type ProviderErrorOptions,
  ProviderRequestError,
  ProviderResponseError,
} from '../../errors/provider-errors.js';
import { parseRetryAfterMs } from '../../resilience/retry/retry-after.js';
import { cutError, translateClientError } from '../transport/client-errors.js';
import { readErrorBody } from '../transport/error-body.js';
import { errorFromAnswer } from '../transport/http-status.js';
import { linkAbort } from '../transport/link-signal.js';
import { hooksOf } from '../transport/pooled-fetch.js';
import { requestIdOf, responseInfo } from '../transport/response-info.js';
import { describeUrl } from './http-url.js';

const PROVIDER = 'http';

/** A request to send. */
export interface HttpMessage {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text; `undefined` for no body. */
  readonly body: string | undefined;
}

/** A parsed answer. */
export interface HttpAnswer {
  readonly json: unknown;
  /** Facts for errors about this answer. */
  readonly facts: ProviderErrorOptions & { readonly status: number };
}

/**
 * Sends one request and parses the JSON of its answer.
 *
 * @throws the signal's reason if it is aborted (the socket is closed then); a `ProviderError` for every other failure.
 */
export async function exchangeJson(
  fetch: typeof globalThis.fetch,
  message: HttpMessage,
  request: ProviderRequest,
): Promise<HttpAnswer> {
  const { signal, model } = request;
  signal.throwIfAborted();
  const linked = linkAbort(signal);
  let response: Response | undefined;
  try {
    response = await fetch(message.url, {
      method: message.method,
      headers: message.headers,
      body: message.body ?? null,
      // Following a redirect would send headers, which may include keys, to wherever the answer says.
      redirect: 'manual',
      signal: linked.controller.signal,
      ...hooksOf(request),
    });
    request.onResponse?.(responseInfo(PROVIDER, model, response.status, response.headers));
    const text = await response.text();
    signal.throwIfAborted();
    return readAnswer(response, text, message, request);
  } catch (thrown) {
    const facts = response === undefined ? {} : { status: response.status };
    throw translateClientError(thrown, { provider: PROVIDER, model, ...facts }, signal);
  } finally {
    linked.dispose();
  }
}

function readAnswer(
  response: Response,
  text: string,
  message: HttpMessage,
  request: ProviderRequest,
): HttpAnswer {
  const facts = {
    provider: PROVIDER,
    model: request.model,
    status: response.status,
    requestId: requestIdOf(response.headers),
    retryAfterMs: parseRetryAfterMs(response.headers),
    details: { url: describeUrl(message.url) },
  };
  if (response.status >= 300 && response.status < 400) throw redirectError(response, message.url, facts);
  if (response.status >= 400)
    throw errorFromAnswer(response.status, readErrorBody(tryJson(text) ?? text), facts);
  if (text.trim() === '') throw notJsonError('an empty body', facts);
  const json = tryJson(text);
  if (json !== undefined) return { json, facts };
  // A server that dies in the middle of a chunked body sometimes ends it cleanly.
  if (/^\s*[[{]/.test(text) && !/[\]}]\s*$/.test(text)) throw cutError(facts);
  throw notJsonError(response.headers.get('content-type') ?? 'no content type', facts);
}

function redirectError(response: Response, from: URL, facts: ProviderErrorOptions): ProviderRequestError {
  const location = response.headers.get('location') ?? '';
  const target = URL.canParse(location, from.href)
    ? describeUrl(new URL(location, from))
    : 'an unreadable address';
  return new ProviderRequestError(
    `${describeUrl(from)} redirects (${response.status}) to ${target}. Redirects are not followed: set url to the final address.`,
    facts,
  );
}

function notJsonError(received: string, facts: ProviderErrorOptions): ProviderResponseError {
  return new ProviderResponseError(
    `The service answered with ${received} instead of JSON. Check the url.`,
    facts,
  );
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

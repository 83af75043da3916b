import type { Dispatcher } from 'undici';
import type { ProviderRequest } from '../../contracts/provider.js';
import { DEFAULT_MAX_RESPONSE_BYTES, guardStream, readText } from './body-guard.js';
import type { PooledHooks, PoolLease } from './connection-pool.js';
import { decoded } from './content-encoding.js';

const readTexts = new WeakMap<object, string>();

/** The text of a body. Known only for responses of {@link pooledFetch} that were read in one piece. */
export function bodyText(response: object): string | undefined {
  return readTexts.get(response);
}

/**
 * The body of a response for reading piece by piece: checked for UTF-8 and for lines without an end. `undefined` if it
 * has none, or is an imitation of a response.
 */
export function bodyOf(response: Response): AsyncIterable<Uint8Array> | undefined {
  const body = response.body as (AsyncIterable<Uint8Array> & object) | null | undefined;
  if (body === null || body === undefined || !(Symbol.asyncIterator in body)) return undefined;
  return (response as object) instanceof PooledResponse
    ? body
    : guardStream(body, DEFAULT_MAX_RESPONSE_BYTES);
}

/** Options of {@link pooledFetch}, with those of `fetch`. */
export interface PooledInit extends RequestInit, PooledHooks {
  /** Called with every response, whatever its status. */
  readonly onResponse?: ((response: object) => void) | undefined;
}

/** What a request reports and wants to know about its connection, for {@link PooledInit}. */
export function hooksOf({ onSent, onWait, logger }: ProviderRequest): PooledHooks {
  return { onSent, onWait, logger };
}

/**
 * Creates a `fetch` over the pool, for clients that accept one. It does only what they need, which makes a call cheaper
 * than with the global one: bodies are text, and redirects are not followed, since they would send the key to wherever
 * the answer says. Bodies that are too large or not UTF-8 end with an error. The bytes of an event stream are read from
 * the socket only on demand.
 */
export function pooledFetch(lease: PoolLease, limitBytes: number): typeof globalThis.fetch {
  const send = async (input: string | URL, init: PooledInit = {}): Promise<PooledResponse> => {
    const { origin, pathname, search, href } = new URL(input);
    const options = {
      origin,
      path: pathname + search,
      method: init.method ?? 'GET',
      headers: toRecord(init.headers),
      body: wellFormed(init.body as string | null | undefined) ?? null,
      signal: init.signal ?? null,
      onSent: init.onSent,
      onWait: init.onWait,
      logger: init.logger,
    };
    try {
      const response = new PooledResponse(await lease.request(options), href, limitBytes);
      init.onResponse?.(response);
      return response;
    } catch (cause) {
      // The error that fetch throws: clients keep the cause of an error, but not always its code.
      throw options.signal?.aborted === true ? cause : failedFetch(cause, origin);
    }
  };
  return send as unknown as typeof globalThis.fetch;
}

/**
 * Replaces halves of surrogate pairs, which text has when it was cut between them: JSON writes them as escapes, and
 * servers reject the request.
 */
function wellFormed(body: string | null | undefined): string | null | undefined {
  if (typeof body !== 'string' || !body.includes('\\ud')) return body;
  return body.replace(/\\(?:ud[89a-f][\da-f]{2}|.)/g, (found) => (found.length > 2 ? '\\ufffd' : found));
}

/** With the address, for the message that the user gets. */
function failedFetch(cause: unknown, origin: string): TypeError {
  return Object.assign(new TypeError('fetch failed', { cause }), { origin });
}

function toRecord(headers: RequestInit['headers']): Record<string, string> {
  if (headers === undefined) return {};
  return Symbol.iterator in headers
    ? Object.fromEntries(headers as Iterable<[string, string]>)
    : (headers as Record<string, string>);
}

/** The part of a `Response` that clients use. */
class PooledResponse {
  readonly status: number;
  readonly statusText = '';
  readonly ok: boolean;
  readonly url: string;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
  /** The body without a check of its lines, which a whole body does not need. */
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #limitBytes: number;
  #text: Promise<string> | undefined;

  constructor(data: Dispatcher.ResponseData, url: string, limitBytes: number) {
    this.status = data.statusCode;
    this.ok = data.statusCode >= 200 && data.statusCode < 300;
    this.url = url;
    this.headers = toHeaders(data.headers);
    this.#limitBytes = limitBytes;
    this.#source = decoded(data.body, this.headers.get('content-encoding'));
    this.body = this.ok ? guardStream(this.#source, limitBytes) : this.#source;
  }

  text(): Promise<string> {
    this.#text ??= this.#readText();
    return this.#text;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async #readText(): Promise<string> {
    const text = await readText(this.#source, this.#limitBytes);
    readTexts.set(this, text);
    return text;
  }
}

function toHeaders(record: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'string') headers.append(name, value);
    else for (const one of value ?? []) headers.append(name, one);
  }
  return headers;
}

import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { ProviderRequest } from '../../contracts/provider.js';
import { guardStream, readText } from './body-guard.js';
import type { PooledHooks, PoolLease } from './connection-pool.js';

const readTexts = new WeakMap<object, string>();

/** Whether a JSON body ended before its value did. Known only for responses of {@link pooledFetch} that were read. */
export function endedEarly(response: object): boolean {
  const text = readTexts.get(response);
  return text !== undefined && !text.trimEnd().endsWith('}');
}

/** Options of {@link pooledFetch}, with those of `fetch`. */
export interface PooledInit extends RequestInit, PooledHooks {}

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
      body: (init.body as string | null | undefined) ?? null,
      signal: init.signal ?? null,
      onSent: init.onSent,
      onWait: init.onWait,
      logger: init.logger,
    };
    try {
      return new PooledResponse(await lease.request(options), href, limitBytes);
    } catch (cause) {
      // The error that fetch throws: clients keep the cause of an error, but not always its code.
      throw options.signal?.aborted === true ? cause : new TypeError('fetch failed', { cause });
    }
  };
  return send as unknown as typeof globalThis.fetch;
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
  readonly #limitBytes: number;
  #text: Promise<string> | undefined;

  constructor(data: Dispatcher.ResponseData, url: string, limitBytes: number) {
    this.status = data.statusCode;
    this.ok = data.statusCode >= 200 && data.statusCode < 300;
    this.url = url;
    this.headers = toHeaders(data.headers);
    this.#limitBytes = limitBytes;
    const body = decoded(data.body, this.headers.get('content-encoding'));
    const isStream = this.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    this.body = isStream && this.ok ? guardStream(body, limitBytes) : body;
  }

  text(): Promise<string> {
    this.#text ??= readText(this.body, this.#limitBytes);
    return this.#text;
  }

  async json(): Promise<unknown> {
    const text = await this.text();
    readTexts.set(this, text);
    return JSON.parse(text);
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

/** Some gateways compress their answers although the request does not ask for it. */
function decoded(body: Readable, encoding: string | null): AsyncIterable<Uint8Array> {
  const decoder =
    encoding === 'gzip'
      ? createGunzip()
      : encoding === 'deflate'
        ? createInflate()
        : encoding === 'br'
          ? createBrotliDecompress()
          : undefined;
  return decoder === undefined ? body : decompressed(body, decoder);
}

async function* decompressed(body: Readable, decoder: NodeJS.ReadWriteStream & Readable) {
  body.once('error', (error) => decoder.destroy(error));
  try {
    yield* body.pipe(decoder) as AsyncIterable<Uint8Array>;
  } finally {
    body.destroy();
  }
}

/** Largest answer taken, unless `maxResponseBytes` says otherwise: 16 MiB. */
export const DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024;

/** Why a body was refused while it was being read. */
export type BodyFaultKind = 'too-large' | 'not-utf8' | 'cut';

/** Thrown into the reader of a body; translated into a provider error by whoever made the request. */
export class BodyFault extends Error {
  override readonly name = 'BodyFault';
  readonly kind: BodyFaultKind;
  readonly limitBytes: number;

  constructor(kind: BodyFaultKind, limitBytes: number) {
    super(`response body: ${kind}`);
    this.kind = kind;
    this.limitBytes = limitBytes;
  }
}

/** What is known about a body that has been read, by its response. */
const lastBytes = new WeakMap<object, { last: number }>();

/** Whether a JSON body ended before its value did. Only known for responses of {@link guardFetch}. */
export function endedEarly(response: object): boolean {
  const seen = lastBytes.get(response);
  return seen !== undefined && seen.last !== CLOSING_BRACE;
}

const CLOSING_BRACE = 0x7d;
const LINE_FEED = 0x0a;

/**
 * A `fetch` whose bodies end with an error when they are larger than the limit (of an event stream: when one
 * line is), when they are not UTF-8, or when they end within a character. Bytes pass through one chunk at a
 * time and only when they are asked for, so a slow reader slows the socket down.
 */
export function guardFetch(fetch: typeof globalThis.fetch, limitBytes: number): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.body === null) return response;
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const seen = { last: 0 };
    const guard = new BodyGuard(limitBytes, isStream, seen);
    const guarded = new Response(guardBody(response.body, guard), {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    });
    lastBytes.set(guarded, seen);
    return guarded;
  };
}

function guardBody(body: ReadableStream<Uint8Array>, guard: BodyGuard): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        try {
          if (done) {
            guard.end();
            controller.close();
          } else {
            guard.take(value);
            controller.enqueue(value);
          }
        } catch (fault) {
          // The socket must not go on delivering what nobody will read.
          reader.cancel().catch(() => {});
          throw fault;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

class BodyGuard {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #limitBytes: number;
  readonly #isStream: boolean;
  readonly #seen: { last: number };
  #countedBytes = 0;

  constructor(limitBytes: number, isStream: boolean, seen: { last: number }) {
    this.#limitBytes = limitBytes;
    this.#isStream = isStream;
    this.#seen = seen;
  }

  take(chunk: Uint8Array): void {
    const lineEnd = this.#isStream ? chunk.lastIndexOf(LINE_FEED) : -1;
    // A stream may go on for ever; what would pile up is a line that does not end.
    this.#countedBytes = lineEnd === -1 ? this.#countedBytes + chunk.length : chunk.length - lineEnd - 1;
    if (this.#countedBytes > this.#limitBytes) throw new BodyFault('too-large', this.#limitBytes);
    this.#decode(chunk);
    this.#noteLast(chunk);
  }

  end(): void {
    try {
      this.#decoder.decode();
    } catch {
      throw new BodyFault('cut', this.#limitBytes);
    }
  }

  #decode(chunk: Uint8Array): void {
    try {
      this.#decoder.decode(chunk, { stream: true });
    } catch {
      throw new BodyFault('not-utf8', this.#limitBytes);
    }
  }

  #noteLast(chunk: Uint8Array): void {
    for (let at = chunk.length - 1; at >= 0; at -= 1) {
      const byte = chunk[at] as number;
      if (byte > 0x20) {
        this.#seen.last = byte;
        return;
      }
    }
  }
}

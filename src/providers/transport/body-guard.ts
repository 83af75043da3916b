import { isUtf8 } from 'node:buffer';

/** Default of `maxResponseBytes`: 16 MiB. */
export const DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024;

/** Why reading a body failed. */
export type BodyFaultKind = 'too-large' | 'not-utf8' | 'cut';

/** Thrown to the reader of a body. `translateClientError` turns it into a provider error. */
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

/**
 * Reads a body to its end.
 *
 * @throws {@link BodyFault} if it exceeds the limit or is not UTF-8.
 */
export async function readText(body: AsyncIterable<Uint8Array>, limitBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limitBytes) throw new BodyFault('too-large', limitBytes);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks, size);
  if (!isUtf8(bytes)) throw new BodyFault(endsWithinCharacter(bytes) ? 'cut' : 'not-utf8', limitBytes);
  return bytes.toString('utf8');
}

const LINE_FEED = 0x0a;

/**
 * Passes on the chunks of an event stream, one at a time and only on demand. A stream may continue indefinitely, but a
 * line without an end would fill the memory, so the limit applies to lines.
 */
export async function* guardStream(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let lineBytes = 0;
  for await (const chunk of body) {
    const lineEnd = chunk.lastIndexOf(LINE_FEED);
    lineBytes = lineEnd === -1 ? lineBytes + chunk.length : chunk.length - lineEnd - 1;
    if (lineBytes > limitBytes) throw new BodyFault('too-large', limitBytes);
    if (!isText(decoder, chunk)) throw new BodyFault('not-utf8', limitBytes);
    yield chunk;
  }
  if (!isText(decoder, undefined)) throw new BodyFault('cut', limitBytes);
}

function endsWithinCharacter(bytes: Uint8Array): boolean {
  return isText(new TextDecoder('utf-8', { fatal: true }), bytes);
}

/** Whether a chunk continues valid UTF-8; `undefined` is the end of the body. */
function isText(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array | undefined): boolean {
  try {
    if (chunk === undefined) decoder.decode();
    else decoder.decode(chunk, { stream: true });
    return true;
  } catch {
    return false;
  }
}

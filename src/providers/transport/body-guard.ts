import { isUtf8 } from 'node:buffer';

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

/** Reads a body to its end; more than the limit, or bytes that are not UTF-8, is a {@link BodyFault}. */
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
 * Passes the chunks of an event stream on, one at a time and only when they are asked for. A stream may go on
 * for ever; what would pile up is a line that does not end, so that is what the limit is for.
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

/** Whether a chunk goes on as UTF-8; `undefined` is the end. */
function isText(decoder: InstanceType<typeof TextDecoder>, chunk: Uint8Array | undefined): boolean {
  try {
    if (chunk === undefined) decoder.decode();
    else decoder.decode(chunk, { stream: true });
    return true;
  } catch {
    return false;
  }
}

import { type Duplex, pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** By the names of RFC 9110, in lower case. */
const DECODERS: ReadonlyMap<string, () => Duplex> = new Map<string, () => Duplex>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/**
 * A body without the encodings that the header `content-encoding` names. Some gateways compress their answers although
 * the request does not ask for it. A body with an encoding that is not known stays as it is.
 */
export function decoded(body: Readable, header: string | null): AsyncIterable<Uint8Array> {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  const applied = names.filter((name) => name !== '' && name !== 'identity');
  const decoders = applied.map((name) => DECODERS.get(name));
  if (decoders.length === 0 || !decoders.every((decoder) => decoder !== undefined)) return body;
  // The header lists them in the order in which they were applied.
  const opened = decoders.toReversed().map((open) => open());
  // What ends one of the streams ends all of them; who reads the last one gets its error.
  pipeline([body, ...opened], () => {});
  return opened.at(-1) as Duplex;
}

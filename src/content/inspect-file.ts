import { isUtf8 } from 'node:buffer';
import type { ContentFile, FileInput, FileKind } from '../contracts/task-content.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { bareMediaType, kindOfMediaType, mediaTypeOfName, sniffMediaType } from './media-type.js';
import type { PreparedFile } from './prepared-content.js';

/** The bytes of a file and what is known about them. */
export interface FileSource {
  readonly bytes: Uint8Array;
  /** What they were given as; `undefined` if nothing was. */
  readonly mediaType: string | undefined;
  readonly name: string;
  /** Where it was read from, as an absolute path. */
  readonly path?: string | undefined;
}

/** Bytes that are in memory already. */
export function sourceOfData({
  data,
  mediaType,
  name,
}: Extract<FileInput, { data: Uint8Array }>): FileSource {
  return { bytes: data, mediaType, name: name ?? (mediaType === 'application/pdf' ? 'file.pdf' : 'file') };
}

/**
 * Finds out what a file is.
 *
 * @throws {@link InvalidArgumentError} if its bytes are not the ones that were expected, or not the text they are
 * given as.
 */
export function inspectFile(file: PreparedFile, source: FileSource, digest: string): ContentFile {
  if (file.facts !== undefined && file.facts.digest !== digest) throw changed(file.field);
  const { bytes, name, path } = source;
  const mediaType = mediaTypeOf(source);
  const kind: FileKind = kindOfMediaType(mediaType);
  if (kind === 'text' && !isUtf8(bytes)) {
    throw new InvalidArgumentError(
      file.field,
      `${file.field}: expected UTF-8, as it is ${mediaType}; convert it, or give its real mediaType.`,
    );
  }
  return { kind, mediaType, name, path, bytes, digest };
}

function mediaTypeOf({ bytes, mediaType, name }: FileSource): string {
  const declared = mediaType === undefined ? undefined : bareMediaType(mediaType);
  // Servers say this of everything that they do not know.
  const given = declared === 'application/octet-stream' ? undefined : declared;
  // A wrong type of an image is an error of the provider: its bytes know better. Text may begin like anything.
  const shown = given?.startsWith('text/') ? undefined : sniffMediaType(bytes);
  return (
    shown ??
    given ??
    mediaTypeOfName(name) ??
    (looksLikeText(bytes) ? 'text/plain' : 'application/octet-stream')
  );
}

function looksLikeText(bytes: Uint8Array): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

function changed(field: string): InvalidArgumentError {
  return new InvalidArgumentError(
    field,
    `${field}: the file was changed while its call was waiting; make the call again.`,
  );
}

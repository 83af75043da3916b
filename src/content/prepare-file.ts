import type { FileInput } from '../contracts/task-content.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { expectObject, mismatch } from '../input/checks.js';
import { describeKind } from '../input/describe-value.js';
import { unknownKeyError } from '../input/unknown-key.js';

const SHAPES = {
  path: ['path'],
  data: ['data', 'mediaType', 'name'],
  url: ['url', 'mediaType'],
} as const;
const EXPECTED = '{ path }, { data, mediaType, name? } or { url, mediaType? }';
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;.*)?$/;

/**
 * Checks and copies a file of a task. Nothing is read.
 *
 * @throws {@link InvalidArgumentError} for what is wrong with it.
 */
export function prepareFile(file: unknown, field: string, maxFileBytes: number): FileInput {
  if (expectObject(file) !== undefined) throw mismatch(field, EXPECTED, file);
  const record = file as Readonly<Record<string, unknown>>;
  const sources = (['path', 'data', 'url'] as const).filter((source) => record[source] !== undefined);
  const [source] = sources;
  if (source === undefined || sources.length > 1) {
    const got = sources.length > 1 ? sources.join(' and ') : 'none of path, data and url';
    throw new InvalidArgumentError(field, `${field}: expected ${EXPECTED}; got ${got}.`);
  }
  const known: readonly string[] = SHAPES[source];
  for (const key of Object.keys(record))
    if (!known.includes(key)) throw unknownKeyError(field, key, known, 'field');
  if (source === 'path') return { path: pathAt(record.path, `${field}.path`) };
  if (source === 'data') return dataFile(record, field, maxFileBytes);
  return { url: urlAt(record.url, `${field}.url`), ...mediaTypeOf(record, field) };
}

function pathAt(path: unknown, field: string): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path;
  const got = typeof path === 'string' && path !== '' ? 'a string with a NUL character' : describeKind(path);
  throw new InvalidArgumentError(field, `${field}: expected a path; got ${got}.`);
}

function dataFile(
  { data, mediaType, name }: Readonly<Record<string, unknown>>,
  field: string,
  maxFileBytes: number,
): FileInput {
  if (!isBytes(data)) {
    const hint = typeof data === 'string' ? ' Decode base64 with Buffer.from(text, "base64").' : '';
    throw new InvalidArgumentError(
      `${field}.data`,
      `${field}.data: expected a Uint8Array; got ${describeKind(data)}.${hint}`,
    );
  }
  checkFileSize(data.length, field, maxFileBytes);
  if (mediaType === undefined) {
    throw mismatch(`${field}.mediaType`, 'a media type, for instance "image/png"', mediaType);
  }
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw mismatch(`${field}.name`, 'a non-empty string', name);
  }
  const type = mediaTypeOf({ mediaType }, field) as { mediaType: string };
  return { data, ...type, ...(name === undefined ? {} : { name }) };
}

/** Of any realm: a test runner's bytes have another class. */
function isBytes(data: unknown): data is Uint8Array {
  return ArrayBuffer.isView(data) && Object.prototype.toString.call(data) === '[object Uint8Array]';
}

function mediaTypeOf({ mediaType }: { readonly mediaType?: unknown }, field: string): { mediaType?: string } {
  if (mediaType === undefined) return {};
  if (typeof mediaType !== 'string' || !MEDIA_TYPE.test(mediaType)) {
    throw mismatch(`${field}.mediaType`, 'a media type, for instance "image/png"', mediaType);
  }
  return { mediaType };
}

function urlAt(url: unknown, field: string): string {
  if (typeof url === 'string' && /^(?:https?|data):/i.test(url) && URL.canParse(url)) return url;
  const hint =
    typeof url === 'string' && /^file:/i.test(url) ? ' Use { path } for a file on this machine.' : '';
  // Not shown: URLs hold keys.
  throw new InvalidArgumentError(
    field,
    `${field}: expected a URL that starts with http://, https:// or data:; got ${describeKind(url)}.${hint}`,
  );
}

/**
 * Checks the size of a file.
 *
 * @throws {@link InvalidArgumentError} if it is empty or too large.
 */
export function checkFileSize(fileBytes: number, field: string, maxFileBytes: number): void {
  if (fileBytes > 0 && fileBytes <= maxFileBytes) return;
  const problem =
    fileBytes === 0
      ? 'expected a file with content; it is empty'
      : `File too large: ${fileBytes} bytes, at most ${maxFileBytes} are allowed; shrink it or raise maxFileBytes`;
  throw new InvalidArgumentError(field, `${field}: ${problem}.`, { details: { fileBytes, maxFileBytes } });
}

import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { ContentFile, FileInput } from '../contracts/task-content.js';
import { fieldOf, messageOf } from '../errors/foreign.js';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { sha256Hex } from '../hashing/digest.js';
import { notAFile, unreadable } from './file-errors.js';
import { imageSizeOf } from './image-size.js';
import { type FileSource, inspectFile, sourceOfData } from './inspect-file.js';
import { countPages } from './pdf-pages.js';
import { checkFileSize } from './prepare-file.js';
import type { PreparedContent, PreparedFile } from './prepared-content.js';

/** From here on hashing is done off the event loop. */
const LARGE_BYTES = 256 * 1024;
/** Answers of a server after which another attempt may succeed. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/**
 * Reads the files of a task that have not been read yet, all at once, and keeps their bytes.
 *
 * @throws {@link InvalidArgumentError} for a file that cannot be used. A failure that may pass has `retryable: true`.
 */
export async function readTaskFiles(
  { files, maxFileBytes }: PreparedContent,
  signal: AbortSignal,
): Promise<void> {
  const load = async (file: PreparedFile): Promise<void> => {
    if (file.loaded === undefined) file.loaded = await read(file, maxFileBytes, signal);
  };
  await Promise.all(files.map(load));
}

/** Reads the files of a task one by one for what identifies them, without keeping their bytes; throws likewise. */
export async function identifyTaskFiles(
  { files, maxFileBytes }: PreparedContent,
  signal: AbortSignal,
): Promise<void> {
  for (const file of files) {
    const { kind, mediaType, digest } = file.facts ?? (await read(file, maxFileBytes, signal));
    file.facts = { kind, mediaType, digest };
  }
}

async function read(file: PreparedFile, maxFileBytes: number, signal: AbortSignal): Promise<ContentFile> {
  const source = await readSource(file, maxFileBytes, signal);
  checkFileSize(source.bytes.length, file.field, maxFileBytes);
  const inspected = inspectFile(file, source, await digestOf(source.bytes));
  if (inspected.kind === 'image') return { ...inspected, sizePx: imageSizeOf(inspected.bytes) };
  return inspected.kind === 'pdf' ? { ...inspected, pages: await countPages(inspected.bytes) } : inspected;
}

async function digestOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length < LARGE_BYTES) return sha256Hex(bytes);
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}

function readSource(file: PreparedFile, maxFileBytes: number, signal: AbortSignal): Promise<FileSource> {
  const { given, field } = file;
  if ('data' in given) return Promise.resolve(sourceOfData(given));
  if ('path' in given) return readPath(given.path, field, maxFileBytes, signal);
  return download(given, field, maxFileBytes, signal);
}

async function readPath(
  path: string,
  field: string,
  maxFileBytes: number,
  signal: AbortSignal,
): Promise<FileSource> {
  try {
    const stats = await stat(path);
    // Reading a pipe or a device may never end.
    if (!stats.isFile()) throw notAFile(path, field);
    checkFileSize(stats.size, field, maxFileBytes);
    const bytes = await readFile(path, { signal });
    return { bytes, mediaType: undefined, name: basename(path), path: resolve(path) };
  } catch (thrown) {
    signal.throwIfAborted();
    throw unreadable(thrown, path, field);
  }
}

async function download(
  { url, mediaType }: Extract<FileInput, { url: string }>,
  field: string,
  maxFileBytes: number,
  signal: AbortSignal,
): Promise<FileSource> {
  const response = await request(url, field, signal);
  const declared = response.headers.get('content-type') ?? undefined;
  const bytes = await readBody(response, field, maxFileBytes, signal);
  return { bytes, mediaType: mediaType ?? declared, name: nameIn(url) };
}

async function request(url: string, field: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const message = `${field}.url: ${shown(url)} could not be reached: ${messageOf(fieldOf(cause, 'cause') ?? cause)}.`;
    throw Object.assign(new Error(message, { cause }), { retryable: true });
  }
  if (response.ok) return response;
  await response.body?.cancel();
  const { status, headers } = response;
  const message = `${field}.url: ${shown(url)} answered with status ${status}.`;
  if (status >= 500 || TRANSIENT_STATUSES.has(status)) {
    throw Object.assign(new Error(message), { retryable: true, status, headers });
  }
  throw new InvalidArgumentError(
    `${field}.url`,
    `${message} Check the address, or pass { data, mediaType }.`,
    {
      details: { status },
    },
  );
}

/** Reads no more than is allowed. */
async function readBody(
  response: Response,
  field: string,
  maxFileBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let fileBytes = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      fileBytes += chunk.length;
      checkFileSize(fileBytes, field, maxFileBytes);
      chunks.push(chunk);
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (fieldOf(cause, 'code') === 'TUTTI_INVALID_ARGUMENT') throw cause;
    throw Object.assign(
      new Error(`${field}.url: the download broke off after ${fileBytes} bytes.`, { cause }),
      {
        retryable: true,
      },
    );
  }
  return Buffer.concat(chunks);
}

/** A URL without what may be secret: signed ones hold a key in their query. */
function shown(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return protocol === 'data:' ? 'the data: URL' : `${protocol}//${host}${pathname}`;
}

function nameIn(url: string): string {
  const { protocol, pathname } = new URL(url);
  if (protocol === 'data:') return 'file';
  const last = pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || 'file';
  } catch {
    return last;
  }
}

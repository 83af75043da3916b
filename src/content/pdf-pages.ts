import { promisify } from 'node:util';
import { inflate } from 'node:zlib';

const inflateLater = promisify(inflate);

/** Pages of a document whose structure cannot be read, for instance an encrypted one, are guessed by its size. */
const BYTES_PER_PAGE = 50_000;
/** As much as a stream of objects may be inflated to, and all of them together, in bytes: a small file may claim anything. */
const MAX_STREAM_BYTES = 16 * 1024 * 1024;
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/**
 * The number of pages of a PDF, for estimates: its page objects, those in compressed streams included. A document that
 * was changed by appending to it may have some twice.
 */
export async function countPages(bytes: Uint8Array): Promise<number> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let pages = countPageObjects(view);
  let inflatedBytes = 0;
  for (const stream of objectStreams(view)) {
    if (inflatedBytes >= MAX_INFLATED_BYTES) break;
    const objects = await inflateObjects(stream);
    inflatedBytes += objects.length;
    pages += countPageObjects(objects);
  }
  return pages > 0 ? pages : Math.max(1, Math.ceil(bytes.length / BYTES_PER_PAGE));
}

/** Objects with `/Type /Page`; `/Pages` are the branches of the tree above them. */
function countPageObjects(view: Buffer): number {
  let pages = 0;
  for (let at = view.indexOf('/Page'); at >= 0; at = view.indexOf('/Page', at + 5)) {
    const after = view.toString('latin1', at + 5, at + 6);
    const before = view.toString('latin1', Math.max(0, at - 12), at);
    if (!/\w/.test(after) && /\/Type\s*$/.test(before)) pages += 1;
  }
  return pages;
}

function* objectStreams(view: Buffer): Generator<Buffer> {
  for (let at = view.indexOf('/ObjStm'); at >= 0; at = view.indexOf('/ObjStm', at)) {
    const keyword = view.indexOf('stream', at + 7);
    const end = keyword < 0 ? -1 : view.indexOf('endstream', keyword);
    if (end < 0) return;
    // The keyword is followed by a line break of one or two characters.
    const start = keyword + 6 + (view[keyword + 6] === 0x0d ? 2 : 1);
    yield view.subarray(start, end);
    at = end;
  }
}

/** An object stream without its compression; nothing if it has another one, or is broken. */
async function inflateObjects(stream: Buffer): Promise<Buffer> {
  try {
    return await inflateLater(stream, { maxOutputLength: MAX_STREAM_BYTES });
  } catch {
    return Buffer.alloc(0);
  }
}

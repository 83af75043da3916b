import type { ImageSize } from '../contracts/task-content.js';
import { sniffMediaType } from './media-type.js';

/** JPEG segments that say the size of the image: start of frame, all kinds of coding. */
const FRAMES: ReadonlySet<number> = new Set([
  0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf,
]);

/** The size of a PNG, JPEG, GIF or WebP image, from its header; `undefined` for anything else, and if it is cut off. */
export function imageSizeOf(bytes: Uint8Array): ImageSize | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const size = readSize(view, sniffMediaType(bytes));
    return size !== undefined && size.widthPx > 0 && size.heightPx > 0 ? size : undefined;
  } catch {
    // Its header says more than there is.
    return undefined;
  }
}

function readSize(view: Buffer, mediaType: string | undefined): ImageSize | undefined {
  switch (mediaType) {
    case 'image/png':
      return { widthPx: view.readUInt32BE(16), heightPx: view.readUInt32BE(20) };
    case 'image/gif':
      return { widthPx: view.readUInt16LE(6), heightPx: view.readUInt16LE(8) };
    case 'image/jpeg':
      return jpegSize(view);
    case 'image/webp':
      return webpSize(view);
    default:
      return undefined;
  }
}

function jpegSize(view: Buffer): ImageSize | undefined {
  for (let at = 2; at + 9 <= view.length; ) {
    if (view[at] !== 0xff) return undefined;
    const marker = view[at + 1] as number;
    if (FRAMES.has(marker))
      return { widthPx: view.readUInt16BE(at + 7), heightPx: view.readUInt16BE(at + 5) };
    // Padding, and segments without a length.
    const isBare = marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += isBare ? 1 + Number(marker !== 0xff) : 2 + view.readUInt16BE(at + 2);
  }
  return undefined;
}

function webpSize(view: Buffer): ImageSize | undefined {
  switch (view.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { widthPx: 1 + view.readUIntLE(24, 3), heightPx: 1 + view.readUIntLE(27, 3) };
    case 'VP8 ':
      return { widthPx: view.readUInt16LE(26) & 0x3fff, heightPx: view.readUInt16LE(28) & 0x3fff };
    case 'VP8L': {
      const bits = view.readUInt32LE(21);
      return { widthPx: 1 + (bits & 0x3fff), heightPx: 1 + ((bits >>> 14) & 0x3fff) };
    }
    default:
      return undefined;
  }
}

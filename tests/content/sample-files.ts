import { deflateSync } from 'node:zlib';

/** A PNG whose header says this size; `salt` makes other bytes of the same image. */
export function png(widthPx = 1, heightPx = 1, salt = 0): Uint8Array {
  const header = Buffer.alloc(33);
  header.write('\x89PNG\r\n\x1a\n', 'latin1');
  header.writeUInt32BE(13, 8);
  header.write('IHDR', 12, 'latin1');
  header.writeUInt32BE(widthPx, 16);
  header.writeUInt32BE(heightPx, 20);
  header[32] = salt;
  return header;
}

/** A JPEG with a comment before its frame. */
export function jpeg(widthPx: number, heightPx: number): Uint8Array {
  const frame = Buffer.from([0xff, 0xc0, 0, 17, 8, 0, 0, 0, 0, 3]);
  frame.writeUInt16BE(heightPx, 5);
  frame.writeUInt16BE(widthPx, 7);
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xfe, 0, 4, 0x68, 0x69]), frame, Buffer.alloc(8)]);
}

export function gif(widthPx: number, heightPx: number): Uint8Array {
  const header = Buffer.from('GIF89a\0\0\0\0', 'latin1');
  header.writeUInt16LE(widthPx, 6);
  header.writeUInt16LE(heightPx, 8);
  return header;
}

/** A WebP in one of its three forms. */
export function webp(form: 'VP8 ' | 'VP8L' | 'VP8X', widthPx: number, heightPx: number): Uint8Array {
  const header = Buffer.alloc(32);
  header.write('RIFF\0\0\0\0WEBP', 'latin1');
  header.write(form, 12, 'latin1');
  if (form === 'VP8X') {
    header.writeUIntLE(widthPx - 1, 24, 3);
    header.writeUIntLE(heightPx - 1, 27, 3);
  } else if (form === 'VP8 ') {
    header.writeUInt16LE(widthPx, 26);
    header.writeUInt16LE(heightPx, 28);
  } else header.writeUInt32LE(((widthPx - 1) | ((heightPx - 1) << 14)) >>> 0, 21);
  return header;
}

/** The objects of a PDF with so many pages; with `isCompressed` they are in an object stream. */
export function pdf(pages: number, isCompressed = false): Uint8Array {
  const kids = Array.from({ length: pages }, (_none, index) => `<< /Type /Page /Parent 2 0 R /N ${index} >>`);
  const objects = `<< /Type /Pages /Count ${pages} >>\n${kids.join('\n')}\n`;
  if (!isCompressed) return Buffer.from(`%PDF-1.7\n${objects}%%EOF\n`);
  return Buffer.concat([
    Buffer.from('%PDF-1.7\n5 0 obj\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\r\n'),
    deflateSync(objects),
    Buffer.from('\nendstream\nendobj\n%%EOF\n'),
  ]);
}

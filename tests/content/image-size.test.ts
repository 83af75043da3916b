import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { imageSizeOf } from '../../src/content/image-size.js';
import { gif, jpeg, png, webp } from './sample-files.js';

const side = fc.integer({ min: 1, max: 16_383 });

describe('the size of an image', () => {
  test.each([
    ['PNG', png],
    ['JPEG', jpeg],
    ['GIF', gif],
    ['WebP (lossy)', (widthPx: number, heightPx: number) => webp('VP8 ', widthPx, heightPx)],
    ['WebP (lossless)', (widthPx: number, heightPx: number) => webp('VP8L', widthPx, heightPx)],
    ['WebP (extended)', (widthPx: number, heightPx: number) => webp('VP8X', widthPx, heightPx)],
  ] as const)('is what the header of a %s says', (_format, make) => {
    fc.assert(
      fc.property(side, side, (widthPx, heightPx) => {
        expect(imageSizeOf(make(widthPx, heightPx))).toEqual({ widthPx, heightPx });
      }),
    );
  });

  test('is unknown for anything else, and for an image that is cut off, whatever its bytes are', () => {
    expect(imageSizeOf(Buffer.from('no image'))).toBeUndefined();
    expect(imageSizeOf(png(0, 5))).toBeUndefined();
    expect(imageSizeOf(webp('VP8X', 1, 1).map((byte, at) => (at === 15 ? 0 : byte)))).toBeUndefined();
    const starts = [png(), jpeg(1, 1), gif(1, 1), webp('VP8L', 1, 1)];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.nat(33), fc.uint8Array(), (start, length, rest) => {
        const size = imageSizeOf(Buffer.concat([start.subarray(0, length), rest]));
        if (size !== undefined) expect(Math.min(size.widthPx, size.heightPx)).toBeGreaterThan(0);
      }),
    );
  });
});

test('a JPEG is read over padding and segments without a length, and not beyond what is no segment', () => {
  const start = Buffer.from([0xff, 0xd8]);
  const frame = Buffer.from([0xff, 0xc0, 0, 17, 8, 0, 20, 0, 30, 3, 0, 0]);
  const bare = Buffer.from([0xff, 0xff, 0xd0]);
  expect(imageSizeOf(Buffer.concat([start, bare, frame]))).toEqual({ widthPx: 30, heightPx: 20 });
  expect(imageSizeOf(Buffer.concat([start, Buffer.from([0xff, 0xd0, 0x12]), frame]))).toBeUndefined();
});

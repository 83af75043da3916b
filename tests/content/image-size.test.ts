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

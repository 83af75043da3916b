import { describe, expect, test } from '@jest/globals';
import { countPages } from '../../src/content/pdf-pages.js';
import { pdf } from './sample-files.js';

describe('the pages of a PDF', () => {
  test.each([1, 3, 250])('are counted where its objects are plain: %i', async (pages) => {
    expect(await countPages(pdf(pages))).toBe(pages);
  });

  test.each([1, 3, 250])('are counted where its objects are compressed: %i', async (pages) => {
    expect(await countPages(pdf(pages, true))).toBe(pages);
  });

  test('are guessed by its size where they cannot be read', async () => {
    const broken = Buffer.from(pdf(3, true)).fill(0, 70, 90);
    expect(await countPages(broken)).toBe(1);
    expect(await countPages(Buffer.concat([broken, Buffer.alloc(120_000)]))).toBe(3);
    expect(await countPages(Buffer.from('%PDF-1.7 /ObjStm stream without an end'))).toBe(1);
  });

  test('are guessed where its object streams hold nothing that can be inflated, whatever ends their lines', async () => {
    for (const lineEnd of ['\r\n', '\n']) {
      const text = `%PDF-1.7 /ObjStm stream${lineEnd}garbage endstream /ObjStm stream${lineEnd}more endstream`;
      expect(await countPages(Buffer.from(text))).toBe(1);
    }
    expect(await countPages(Buffer.from('%PDF-1.7 /ObjStm'))).toBe(1);
  });

  test('do not count branches of the tree, nor other names that begin alike', async () => {
    const text = '%PDF-1.7 /Type /Pages /Type /Page /Kind /Page /Type /PageLabel /Type\n/Page ';
    expect(await countPages(Buffer.from(text))).toBe(2);
  });
});

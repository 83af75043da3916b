import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { documents, links, REPOSITORY, readDocument } from './markdown.js';

/** The anchors of a document's headings, as they are made where it is shown. */
function anchors(path: string): string[] {
  const headings = [...readDocument(path).matchAll(/^#+ (.+)$/gm)].map(([, text]) => text as string);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

describe.each(documents())('%s', (path) => {
  test('links only to files and headings that exist', () => {
    const broken = links(readDocument(path)).filter((target) => {
      if (/^[a-z]+:/.test(target)) return false;
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(REPOSITORY, linked))) return true;
      return anchor !== undefined && !anchors(linked).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

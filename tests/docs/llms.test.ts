import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { documents, links, REPOSITORY, readDocument } from './markdown.js';

// Through a variable, since the type check does not cover plain JavaScript.
const script = '../../scripts/llms.mjs';
const { llmsText } = (await import(script)) as { llmsText(): string };

const index = links(readDocument('docs/README.md')).map((target) => normalize(join('docs', target)));

describe('docs/README.md', () => {
  test('links every page of the documentation; the decisions have an index of their own', () => {
    const pages = documents().filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
    const decisions = links(readDocument('docs/decisions/README.md')).map(
      (target) => `docs/decisions/${target}`,
    );
    const listed = new Set([...index, ...decisions]);
    expect(pages.filter((path) => !listed.has(path))).toEqual([]);
  });
});

describe('llms.txt', () => {
  test('is what docs/README.md makes of it; npm run docs:index writes it', () => {
    expect(readDocument('llms.txt')).toBe(llmsText());
  });

  test('lists the pages of the index that are in the package, by paths from its root', () => {
    const listed = links(readDocument('llms.txt'));
    expect(listed).toEqual(index.filter((path) => path.startsWith('docs/') || path === 'CHANGELOG.md'));
    expect(listed.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { documents, readDocument } from './markdown.js';

describe('the decisions', () => {
  const pages = documents().filter((path) => /^docs\/decisions\/\d/.test(path));

  test('are numbered without gaps', () => {
    const numbers = pages.map((path) => Number(/(\d+)-/.exec(path)?.[1]));
    expect(numbers).toEqual(numbers.map((_number, position) => position + 1));
  });

  test.each(pages)('%s has its number, a date, alternatives and costs', (path) => {
    const page = readDocument(path);
    expect(page).toMatch(
      new RegExp(`^# ${Number(/(\d+)-/.exec(path)?.[1])}\\. .+\n\n\\d{4}-\\d\\d-\\d\\d\n`),
    );
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, text]) => text);
    for (const heading of ['Decision', 'Why', 'Alternatives', 'Costs']) expect(headings).toContain(heading);
  });
});

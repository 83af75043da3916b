import { describe, expect, test } from '@jest/globals';
import { EVENT_NAMES } from '../../src/contracts/events.js';
import { codeIn, readDocument, tableRows } from './markdown.js';
import { TypeProgram } from './type-program.js';

const SOURCE = 'src/contracts/events.ts';
const page = readDocument('docs/reference/events.md');
const headings = [...page.matchAll(/^### `([^`]+)`$/gm)].map(([, name]) => name as string);

describe('docs/reference/events.md', () => {
  const program = TypeProgram.ofModules([SOURCE]);

  test('has a section for every event, and none for an event that does not exist', () => {
    expect([...headings].sort()).toEqual([...EVENT_NAMES].sort());
  });

  test.each(EVENT_NAMES)('names every field of %s, and none that does not exist', (name) => {
    const documented = tableRows(page, `\`${name}\``).map(([field]) => codeIn(field));
    const fields = program.properties(SOURCE, 'TuttiEvents', name).map((field) => field.name);
    expect(fields.length).toBeGreaterThan(1);
    expect(documented.sort()).toEqual(fields.sort());
  });
});

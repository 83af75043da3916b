import { describe, expect, test } from '@jest/globals';
import { codeIn, readDocument, tableRows } from './markdown.js';
import { TypeProgram } from './type-program.js';

const ENDED_BECAUSE = 'src/calls/ended-because.ts';
const LANE = 'src/resilience/lane/lane-options.ts';
const page = readDocument('docs/concepts/trouble.md');
const program = TypeProgram.ofFiles([ENDED_BECAUSE, LANE]);

const firstCells = (heading: string): string[] => tableRows(page, heading).map(([cell]) => codeIn(cell));

describe('docs/concepts/trouble.md', () => {
  const reasons = program.literals(ENDED_BECAUSE, 'EndedBecause');

  test('explains every reason for the end of a call, and none that does not exist', () => {
    expect(reasons).toHaveLength(9);
    expect(firstCells('Why a call ended').sort()).toEqual([...reasons].sort());
  });

  test('names for each kind of trouble reasons that exist, and each reason for some kind', () => {
    const ends = tableRows(page, 'Each kind of trouble').flatMap((cells) =>
      [...(cells[3] ?? '').matchAll(/`([^`]+)`/g)].map(([, reason]) => reason),
    );
    expect([...new Set(ends)].sort()).toEqual([...reasons].sort());
  });

  test('explains everything that a call waits for, and nothing that does not exist', () => {
    const waits = program.literals(LANE, 'LaneWaitReason');
    expect(waits.length).toBeGreaterThan(3);
    expect(firstCells('What a call waits for').sort()).toEqual([...waits, 'budget'].sort());
  });
});

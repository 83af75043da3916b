import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LoopTurn } from '../../src/lifecycle/loop-turn.js';
import { priorityOrder } from '../../src/runs/priority-order.js';

const priority = fc.oneof(
  fc.integer({ min: -2, max: 2 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constant(undefined),
);

describe('the order of a list', () => {
  test('is that of its priorities, equal ones as they stand, for lists of every length', async () => {
    const lists = fc.array(priority, { maxLength: 5_000, size: 'max' });
    await fc.assert(
      fc.asyncProperty(lists, fc.integer({ min: -2, max: 2 }), async (priorities, otherwise) => {
        const tasks = priorities.map((given) => ({ agent: 'a', task: 't', priority: given }));
        const places = Array.from(tasks.keys());
        const of = (place: number): number => priorities[place] ?? otherwise;
        const expected = places.toSorted((a, b) => of(b) - of(a) || a - b);
        const order = await new LoopTurn().runSteps(
          priorityOrder(tasks.length, (place) => tasks[place], otherwise),
        );
        expect([...(order ?? places)]).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

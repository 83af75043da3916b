import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InFlight, type InFlightNode } from '../../src/lifecycle/in-flight.js';

interface Work extends InFlightNode {
  id: number;
}

const work = (id: number): Work => ({ id, addedBefore: undefined, addedAfter: undefined });

describe('InFlight', () => {
  test('holds exactly what was added and not removed, latest first', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(30)), { maxLength: 200 }), (steps) => {
        const inFlight = new InFlight<Work>();
        const model: Work[] = [];
        let nextId = 0;
        for (const at of steps) {
          if (at === null) {
            const added = work(nextId++);
            inFlight.add(added);
            model.unshift(added);
          } else if (model.length > 0) {
            inFlight.delete(model.splice(at % model.length, 1)[0] as Work);
          }
          expect(inFlight.size).toBe(model.length);
          expect(inFlight.all().map(({ id }) => id)).toEqual(model.map(({ id }) => id));
        }
      }),
    );
  });

  test('notifies all waiting callers when nothing is left', async () => {
    const inFlight = new InFlight<Work>();
    await inFlight.whenEmpty();
    const [one, two] = [work(1), work(2)];
    inFlight.add(one);
    inFlight.add(two);
    let notified = 0;
    const waiting = [inFlight.whenEmpty(), inFlight.whenEmpty()].map((each) =>
      each.then(() => {
        notified += 1;
      }),
    );
    inFlight.delete(one);
    await Promise.resolve();
    expect(notified).toBe(0);
    inFlight.delete(two);
    await Promise.all(waiting);
    expect(notified).toBe(2);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IndexedHeap } from '../../src/collections/indexed-heap.js';
import { expectSame } from '../expectations/expect-same.js';

type Step =
  | { do: 'push'; priority: number }
  | { do: 'update'; pick: number; priority: number }
  | { do: 'remove'; pick: number }
  | { do: 'pop' };

const priority = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), priority }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('update' as const), pick: fc.nat(), priority }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pop' as const) }) },
);

describe('IndexedHeap', () => {
  test('agrees with a plain map after any sequence of operations', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const heap = new IndexedHeap();
        const model = new Map<number, number>();
        for (const one of steps) {
          const handles = [...model.keys()];
          const picked = 'pick' in one ? handles[one.pick % Math.max(1, handles.length)] : undefined;
          if (one.do === 'push') {
            const handle = heap.push(one.priority);
            expectSame(model.has(handle), false);
            model.set(handle, one.priority);
          } else if (one.do === 'pop') {
            const least = Math.min(...model.values());
            const handle = heap.peek();
            expectSame(handle === undefined ? Number.POSITIVE_INFINITY : model.get(handle), least);
            if (handle !== undefined) expectSame(heap.remove(handle) && model.delete(handle), true);
          } else if (picked !== undefined) {
            if (one.do === 'update') {
              expectSame(heap.update(picked, one.priority), true);
              model.set(picked, one.priority);
            } else {
              expectSame(heap.remove(picked), true);
              model.delete(picked);
            }
          }
          expectSame(heap.size, model.size);
          const top = heap.peek();
          if (top !== undefined) expectSame(heap.priorityOf(top), Math.min(...model.values()));
          for (const [handle, expected] of model) expectSame(heap.priorityOf(handle), expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('gives thousands of members back in order', () => {
    const heap = new IndexedHeap();
    const priorities = Array.from({ length: 5_000 }, (_, index) => (index * 7_919) % 5_003);
    const byHandle = new Map(priorities.map((one) => [heap.push(one), one]));
    const popped: number[] = [];
    for (let handle = heap.peek(); handle !== undefined; handle = heap.peek()) {
      popped.push(byHandle.get(handle) as number);
      heap.remove(handle);
    }
    expect(popped).toEqual([...priorities].sort((a, b) => a - b));
  });

  test('refuses handles it did not give or that are gone', () => {
    const heap = new IndexedHeap();
    const handle = heap.push(1);
    heap.remove(handle);
    for (const unknown of [handle, 12, -1, 0.5, Number.NaN]) {
      expect(heap.update(unknown, 2)).toBe(false);
      expect(heap.remove(unknown)).toBe(false);
      expect(heap.priorityOf(unknown)).toBeUndefined();
    }
    expect(heap.size).toBe(0);
  });

  test('is empty and usable after clear', () => {
    const heap = new IndexedHeap();
    for (let count = 0; count < 100; count += 1) heap.push(count);
    heap.clear();
    expect([heap.size, heap.peek()]).toEqual([0, undefined]);
    expect(heap.priorityOf(heap.push(3))).toBe(3);
  });
});

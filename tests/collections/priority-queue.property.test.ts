import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IndexedHeap } from '../../src/collections/indexed-heap.js';
import { PriorityQueue, QueueNode } from '../../src/collections/priority-queue.js';
import { expectSame } from '../expectations/expect-same.js';

class Waiting extends QueueNode {
  readonly priority: number;
  readonly queuedAtMs: number;
  readonly id: number;

  constructor(id: number, priority: number, queuedAtMs: number) {
    super();
    this.id = id;
    this.priority = priority;
    this.queuedAtMs = queuedAtMs;
  }
}

type Step = { do: 'push'; priority: number } | { do: 'take' } | { do: 'remove'; at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('push' as const), priority: fc.integer({ min: -3, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), at: fc.nat(50) }) },
);

describe('PriorityQueue', () => {
  test('behaves like a sorted list, whatever is pushed, taken and removed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new PriorityQueue<Waiting>();
        // The model: always in order of priority, then of arrival.
        let model: Waiting[] = [];
        const gone: Waiting[] = [];
        let nextId = 0;
        for (const each of steps) {
          if (each.do === 'push') {
            const node = new Waiting(nextId, each.priority, nextId);
            nextId += 1;
            queue.push(node);
            model = [...model, node].sort((a, b) => b.priority - a.priority || a.id - b.id);
          } else if (each.do === 'take') {
            const first = queue.peek();
            expectSame(first?.id, model[0]?.id);
            if (first !== undefined) {
              expectSame(queue.delete(first), true);
              gone.push(first);
              model.shift();
            }
          } else if (model.length > 0) {
            const [removed] = model.splice(each.at % model.length, 1) as [Waiting];
            expectSame(queue.delete(removed), true);
            gone.push(removed);
          }
          const oldest = Math.min(...model.map((node) => node.queuedAtMs));
          expectSame(queue.size, model.length);
          expectSame(queue.peek()?.id, model[0]?.id);
          expectSame(queue.peekOldest()?.queuedAtMs, model.length === 0 ? undefined : oldest);
        }
        for (const node of gone) expectSame(queue.delete(node), false);
      }),
      { numRuns: 200 },
    );
  });

  test('lets a node come back after it has left', () => {
    const queue = new PriorityQueue<Waiting>();
    const node = new Waiting(1, 0, 0);
    for (let round = 0; round < 3; round += 1) {
      queue.push(node);
      expect(queue.peek()).toBe(node);
      expect(queue.delete(node)).toBe(true);
      expect(queue.peek()).toBeUndefined();
    }
  });
});

describe('IndexedHeap', () => {
  const heapStep = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('push' as const), value: fc.double({ noNaN: true }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pop' as const), value: fc.constant(0) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('update' as const),
        value: fc.double({ noNaN: true }),
        at: fc.nat(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('remove' as const), value: fc.constant(0), at: fc.nat() }),
    },
  );

  test('behaves like a map whose smallest value is known', () => {
    fc.assert(
      fc.property(fc.array(heapStep, { maxLength: 400 }), (steps) => {
        const heap = new IndexedHeap();
        const model = new Map<number, number>();
        const pick = (at: number): number => [...model.keys()][at % model.size] as number;
        for (const each of steps) {
          if (each.do === 'push') model.set(heap.push(each.value), each.value);
          else if (each.do === 'pop') {
            const top = heap.peek();
            if (model.size === 0) expectSame(top, undefined);
            else {
              expectSame(model.get(top as number), Math.min(...model.values()));
              expectSame(heap.remove(top as number) && model.delete(top as number), true);
            }
          } else if (model.size > 0) {
            const handle = pick(each.at);
            if (each.do === 'update') {
              expectSame(heap.update(handle, each.value), true);
              model.set(handle, each.value);
            } else {
              expectSame(heap.remove(handle), true);
              expectSame(heap.remove(handle), false);
              expectSame(heap.update(handle, 1), false);
              expectSame(heap.priorityOf(handle), undefined);
              model.delete(handle);
            }
          }
          expectSame(heap.size, model.size);
          const top = heap.peek();
          if (top !== undefined) expectSame(model.get(top), Math.min(...model.values()));
        }
        for (const [handle, value] of model) expectSame(heap.priorityOf(handle), value);
        heap.clear();
        expect([heap.size, heap.peek()]).toEqual([0, undefined]);
      }),
      { numRuns: 200 },
    );
  });

  test('sorts a hundred thousand', () => {
    const heap = new IndexedHeap();
    for (let index = 0; index < 100_000; index += 1) heap.push((index * 7_919) % 100_003);
    let last = Number.NEGATIVE_INFINITY;
    for (let top = heap.peek(); top !== undefined; top = heap.peek()) {
      const priority = heap.priorityOf(top) as number;
      if (priority < last) throw new Error('out of order');
      last = priority;
      heap.remove(top);
    }
    expect(heap.size).toBe(0);
  });
});

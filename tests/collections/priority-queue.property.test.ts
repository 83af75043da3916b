import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IndexedHeap } from '../../src/collections/indexed-heap.js';
import { PriorityQueue, QueueNode } from '../../src/collections/priority-queue.js';

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
            expect(first?.id).toBe(model[0]?.id);
            if (first !== undefined) {
              expect(queue.delete(first)).toBe(true);
              gone.push(first);
              model.shift();
            }
          } else if (model.length > 0) {
            const [removed] = model.splice(each.at % model.length, 1) as [Waiting];
            expect(queue.delete(removed)).toBe(true);
            gone.push(removed);
          }
          const eldest = Math.min(...model.map((node) => node.queuedAtMs));
          expect(queue.size).toBe(model.length);
          expect(queue.peek()?.id).toBe(model[0]?.id);
          expect(queue.peekEldest()?.queuedAtMs).toBe(model.length === 0 ? undefined : eldest);
        }
        for (const node of gone) expect(queue.delete(node)).toBe(false);
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
            const top = heap.pop();
            if (model.size === 0) expect(top).toBeUndefined();
            else {
              expect(model.get(top as number)).toBe(Math.min(...model.values()));
              model.delete(top as number);
            }
          } else if (model.size > 0) {
            const handle = pick(each.at);
            if (each.do === 'update') {
              expect(heap.update(handle, each.value)).toBe(true);
              model.set(handle, each.value);
            } else {
              expect(heap.remove(handle)).toBe(true);
              expect(heap.remove(handle)).toBe(false);
              expect(heap.update(handle, 1)).toBe(false);
              expect(heap.priorityOf(handle)).toBeUndefined();
              model.delete(handle);
            }
          }
          expect(heap.size).toBe(model.size);
          const top = heap.peek();
          if (top !== undefined) expect(model.get(top)).toBe(Math.min(...model.values()));
        }
        for (const [handle, value] of model) expect(heap.priorityOf(handle)).toBe(value);
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
      heap.pop();
    }
    expect(heap.size).toBe(0);
  });
});

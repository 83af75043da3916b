// Covers: src/resilience/permits/ageing-queue.ts, src/resilience/permits/fair-shares.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FairnessSettings } from '../../../src/contracts/traffic.js';
import { parseOptions } from '../../../src/input/parse-options.js';
import {
  FairQueue,
  type FairQueueHandle,
  type FairQueueKey,
} from '../../../src/resilience/permits/fair-queue.js';
import { fairnessSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { expectSame } from '../../expectations/expect-same.js';

function queueOf<Item = string>(settings: FairnessSettings): FairQueue<Item> {
  return new FairQueue(new FakeClock(), parseOptions(fairnessSchema(), settings, 'options'));
}

function drain<Item>(queue: FairQueue<Item>, times = Number.POSITIVE_INFINITY): Item[] {
  const items: Item[] = [];
  while (items.length < times) {
    const item = queue.pop();
    if (item === undefined) break;
    items.push(item);
  }
  return items;
}

describe('FairQueue', () => {
  test('with one tenant it is a stable priority queue', () => {
    const queue = new FairQueue<string>(new FakeClock());
    queue.push('low');
    queue.push('first high', { priority: 1 });
    queue.push('second high', { priority: 1, agent: 'other' });
    expect(queue.peek()).toBe('first high');
    expect(drain(queue)).toEqual(['first high', 'second high', 'low']);
    expect(queue.peek()).toBeUndefined();
    expect(queue.size).toBe(0);
  });

  test('a tenant that arrives with 10 behind 10,000 of another has them served within 20', () => {
    const queue = new FairQueue<string>(new FakeClock());
    for (let index = 0; index < 10_000; index += 1) queue.push('large', { tenant: 'large', priority: 9 });
    drain(queue, 500);
    for (let index = 0; index < 10; index += 1) queue.push('small', { tenant: 'small' });
    const served = drain(queue, 21);
    expect(served.filter((item) => item === 'small')).toHaveLength(10);
  });

  test('shares follow the weights of tenants, and of agents where they have some', () => {
    const queue = queueOf({ tenantWeights: { big: 3 }, agentWeights: { fast: 2 } });
    for (let index = 0; index < 1_000; index += 1) {
      queue.push('big/fast', { tenant: 'big', agent: 'fast' });
      queue.push('big/slow', { tenant: 'big', agent: 'slow' });
      queue.push('small', { tenant: 'small' });
    }
    const served = drain(queue, 400);
    const count = (name: string) => served.filter((item) => item === name).length;
    expect(count('small')).toBeGreaterThanOrEqual(99);
    expect(count('small')).toBeLessThanOrEqual(101);
    expect(count('big/fast')).toBeGreaterThanOrEqual(198);
    expect(count('big/fast')).toBeLessThanOrEqual(202);
  });

  test('a tenant that always has one waiting gets its share and no more', () => {
    const queue = queueOf({ tenantWeights: { big: 4 } });
    for (let index = 0; index < 1_000; index += 1) queue.push('big', { tenant: 'big' });
    let single = 0;
    for (let served = 0; served < 500; served += 1) {
      if (queue.size === 1_000 - served + single) queue.push('single', { tenant: 'single' });
      if (queue.pop() === 'single') single += 1;
    }
    expect(single).toBeGreaterThanOrEqual(99);
    expect(single).toBeLessThanOrEqual(101);
  });

  test('a tenant that was idle cannot claim past service', () => {
    const queue = new FairQueue<string>(new FakeClock());
    for (let index = 0; index < 100; index += 1) queue.push('busy', { tenant: 'busy' });
    drain(queue, 90);
    for (let index = 0; index < 10; index += 1) queue.push('idle', { tenant: 'idle' });
    const served = drain(queue, 10);
    expect(served.filter((item) => item === 'busy').length).toBeGreaterThanOrEqual(4);
  });

  test('the lowest priority starts within its ageing bound under a saturating higher one', async () => {
    const clock = new FakeClock();
    const queue = new FairQueue<string>(clock, { ageingMs: 1_000 });
    queue.push('low', { priority: 0 });
    let startedAtMs: number | undefined;
    for (let served = 0; served < 1_000 && startedAtMs === undefined; served += 1) {
      queue.push('high', { priority: 5 });
      queue.push('high', { priority: 5 });
      if (queue.pop() === 'low') startedAtMs = clock.now();
      await clock.advance(100);
    }
    // 5 priorities × 1 s, then the 50 that had arrived before that and still wait, one every 100 ms.
    expect(startedAtMs).toBeGreaterThan(5_000);
    expect(startedAtMs).toBeLessThanOrEqual(10_100);
  });

  test('a removed item is gone, its tenant is not charged, and a second removal does nothing', () => {
    const queue = new FairQueue<string>(new FakeClock());
    const handle = queue.push('first', { tenant: 'a' });
    queue.push('second', { tenant: 'b' });
    expect(queue.remove(handle)).toBe(true);
    expect(queue.remove(handle)).toBe(false);
    queue.push('third', { tenant: 'a' });
    expect(drain(queue).sort()).toEqual(['second', 'third']);
  });

  test('forgets tenants that are gone', () => {
    const queue = new FairQueue<number>(new FakeClock());
    for (let index = 0; index < 5_000; index += 1) {
      queue.push(index, { tenant: `t${index}` });
      expectSame(queue.pop(), index);
    }
    expect(queue.size).toBe(0);
  });

  test('any finite priority is taken, and huge ones keep the order of arrival', () => {
    const queue = new FairQueue<string>(new FakeClock());
    for (const name of ['a', 'b', 'c']) queue.push(name, { priority: 1e300 });
    queue.push('last', { priority: -1e300 });
    expect(drain(queue)).toEqual(['a', 'b', 'c', 'last']);
  });

  test('loses and doubles nothing, whatever is pushed, popped and removed', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('push' as const),
        tenant: fc.constantFrom('a', 'b', 'c'),
        agent: fc.constantFrom('x', 'y'),
        priority: fc.integer({ min: -3, max: 3 }),
      }),
      fc.record({ kind: fc.constant('pop' as const) }),
      fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = queueOf<number>({ agentWeights: { x: 2 } });
        const waiting = new Map<number, FairQueueHandle<number>>();
        let next = 0;
        for (const one of steps) {
          if (one.kind === 'push') waiting.set(next, queue.push(next++, one satisfies FairQueueKey));
          else if (one.kind === 'pop') {
            const item = queue.pop();
            expect(item === undefined).toBe(waiting.size === 0);
            if (item !== undefined) expect(waiting.delete(item)).toBe(true);
          } else {
            const item = [...waiting.keys()][one.which % Math.max(1, waiting.size)];
            if (item === undefined) continue;
            expect(queue.remove(waiting.get(item) as FairQueueHandle<number>)).toBe(true);
            waiting.delete(item);
          }
          expect(queue.size).toBe(waiting.size);
        }
        expect(drain(queue).sort((a, b) => a - b)).toEqual([...waiting.keys()]);
      }),
    );
  });
});

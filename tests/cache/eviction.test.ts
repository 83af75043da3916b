import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createEvictionOrder, type EvictionKind } from '../../src/cache/eviction.js';
import { makeTrace, type RequestTrace } from '../../src/testing/request-trace.js';

/** Money saved by a cache of the given size over a trace. */
function savedUsd(kind: EvictionKind, trace: RequestTrace, limitBytes: number): number {
  const order = createEvictionOrder(kind);
  const held = new Set<string>();
  let [usedBytes, saved] = [0, 0];
  for (const request of trace.requests) {
    const key = `${request}`;
    const [sizeBytes, costUsd] = [trace.sizeBytes[request] as number, trace.costUsd[request] as number];
    if (held.has(key)) {
      saved += costUsd;
      order.touch(key);
    } else if (sizeBytes <= limitBytes) {
      while (usedBytes + sizeBytes > limitBytes) {
        const victim = order.victim() as string;
        order.remove(victim);
        held.delete(victim);
        usedBytes -= trace.sizeBytes[Number(victim)] as number;
      }
      order.add(key, sizeBytes, costUsd, 0);
      held.add(key);
      usedBytes += sizeBytes;
    }
  }
  return saved;
}

describe.each(['lru', 'cost-aware'] as const)('eviction order %s', (kind) => {
  test('holds exactly the keys that were added and not removed', () => {
    const key = fc.integer({ min: 0, max: 20 }).map(String);
    const action = fc.constantFrom('add', 'touch', 'remove');
    fc.assert(
      fc.property(fc.array(fc.tuple(action, key), { maxLength: 200 }), (steps) => {
        const order = createEvictionOrder(kind);
        const held = new Set<string>();
        for (const [what, name] of steps) {
          if (what === 'add') {
            order.add(name, 100, 0.01, 0);
            held.add(name);
          } else if (what === 'remove') {
            order.remove(name);
            held.delete(name);
          } else order.touch(name);
          expect(order.size).toBe(held.size);
          const victim = order.victim();
          expect(victim === undefined ? held.size === 0 : held.has(victim)).toBe(true);
        }
      }),
    );
  });

  test('prefers the key that is not used among equals', () => {
    const order = createEvictionOrder(kind);
    for (const key of ['a', 'b', 'c']) order.add(key, 100, 0.01, 0);
    order.touch('a');
    order.touch('c');
    expect(order.victim()).toBe('b');
  });

  test('is empty after clear', () => {
    const order = createEvictionOrder(kind);
    for (const key of ['a', 'b', 'c']) order.add(key, 100, 0.01, 0);
    order.remove('a');
    order.clear();
    expect([order.size, order.victim()]).toEqual([0, undefined]);
    order.add('d', 1, 0, 0);
    expect(order.victim()).toBe('d');
  });
});

describe('eviction order lru', () => {
  test('gives up keys in the order of their last use', () => {
    const order = createEvictionOrder('lru');
    for (const key of ['a', 'b', 'c', 'd']) order.add(key, 1, 1, 100);
    order.touch('b');
    order.add('a', 1, 1, 0);
    const given: string[] = [];
    for (let victim = order.victim(); victim !== undefined; victim = order.victim()) {
      given.push(victim);
      order.remove(victim);
    }
    expect(given).toEqual(['c', 'd', 'b', 'a']);
  });
});

describe('eviction order cost-aware', () => {
  test('keeps what is dear for its size', () => {
    const order = createEvictionOrder('cost-aware');
    order.add('dear', 1_000, 1, 0);
    order.add('cheap', 1_000, 0.001, 0);
    order.add('large', 10_000_000, 1, 0);
    expect(order.victim()).toBe('large');
    order.remove('large');
    expect(order.victim()).toBe('cheap');
  });

  test('orders entries of unknown price by their use', () => {
    const order = createEvictionOrder('cost-aware');
    for (const key of ['a', 'b', 'c']) order.add(key, key === 'b' ? 5_000 : 100, 0, 0);
    for (const key of ['a', 'c', 'c']) order.touch(key);
    expect(order.victim()).toBe('b');
  });

  test('places an unknown price between cheap and dear ones', () => {
    const order = createEvictionOrder('cost-aware');
    for (let index = 0; index < 50; index += 1) order.add(`cheap${index}`, 100, 0.000_1, 0);
    for (let index = 0; index < 50; index += 1) order.add(`dear${index}`, 100, 1, 0);
    order.add('unknown', 100, 0, 0);
    const given: string[] = [];
    for (let victim = order.victim(); victim !== undefined; victim = order.victim()) {
      given.push(victim);
      order.remove(victim);
    }
    expect(given.indexOf('unknown')).toBe(50);
  });

  test('remembers how often a key was used that left and comes back', () => {
    const order = createEvictionOrder('cost-aware');
    order.add('known', 100, 0.01, 0);
    for (let count = 0; count < 10; count += 1) order.touch('known');
    order.remove('known');
    order.add('known', 100, 0.01, 0);
    order.add('new', 100, 0.01, 0);
    order.touch('new');
    expect(order.victim()).toBe('new');
  });

  test('lets a once popular key go when the world has moved on', () => {
    const order = createEvictionOrder('cost-aware');
    order.add('old', 100, 0.01, 0);
    for (let count = 0; count < 100; count += 1) order.touch('old');
    for (let index = 0; index < 64; index += 1) order.add(`new${index}`, 100, 0.01, 0);
    for (let count = 0; count < 10_000; count += 1) order.touch(`new${count % 64}`);
    expect(order.victim()).toBe('old');
  });

  test.each([
    [0.7, 0, 0.05],
    [0.9, 0.02, 0.02],
    [0.9, 0, 0.2],
    [1.1, 0.02, 0.1],
  ])('saves more money than lru: skew %d, drift %d, room for %d of the bytes', (skew, drift, share) => {
    const trace = makeTrace({ requests: 15_000, keys: 1_500, skew, drift, askedOnce: 0.3, seed: 7 });
    const limitBytes = trace.totalBytes * share;
    const lru = savedUsd('lru', trace, limitBytes);
    expect(savedUsd('cost-aware', trace, limitBytes)).toBeGreaterThan(lru);
  });
});

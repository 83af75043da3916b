import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { StoredEntry } from '../../../../src/cache/cache-entry.js';
import { type PendingWrite, WriteQueue } from '../../../../src/cache/tiers/disk/write-queue.js';

const entry = (key: string, sizeBytes: number) => ({ key, sizeBytes }) as StoredEntry;

describe('WriteQueue', () => {
  test('counts only the newest write of a key', () => {
    const queue = new WriteQueue();
    queue.put('a', entry('a', 10));
    queue.put('b', entry('b', 5));
    queue.put('a', entry('a', 3));
    expect([queue.length, queue.sizeBytes]).toEqual([2, 8]);
    queue.put('b', null);
    expect([queue.length, queue.sizeBytes, queue.get('b')]).toEqual([2, 3, null]);
    expect(queue.get('c')).toBeUndefined();
  });

  test('still gives what is being written, unless something newer waits', () => {
    const queue = new WriteQueue();
    const old = entry('a', 1);
    queue.put('a', old);
    queue.put('b', entry('b', 1));
    queue.take(1_000, 1e9);
    expect([queue.length, queue.sizeBytes, queue.isEmpty]).toEqual([0, 0, false]);
    expect(queue.get('a')).toBe(old);
    queue.put('a', null);
    expect(queue.get('a')).toBeNull();
    expect([...queue.pending()].map(([key]) => key)).toEqual(['b', 'a']);
    queue.done();
    expect(queue.get('b')).toBeUndefined();
    expect(queue.isEmpty).toBe(false);
  });

  test('puts back what could not be written, in front of and beneath what came meanwhile', () => {
    const queue = new WriteQueue();
    for (const key of ['a', 'b', 'c']) queue.put(key, entry(key, 10));
    queue.put('d', null);
    queue.take(1_000, 1e9);
    const newer = entry('b', 7);
    queue.put('b', newer);
    queue.put('e', entry('e', 1));
    queue.putBack();
    expect([...queue.take(1_000, 1e9).keys()]).toEqual(['a', 'c', 'd', 'b', 'e']);
    expect(queue.get('b')).toBe(newer);
  });

  test('knows after any operations what a plain map knows', () => {
    const operation: fc.Arbitrary<string | [string, number | null]> = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.oneof(fc.nat(100), fc.constant(null))),
      },
      { weight: 1, arbitrary: fc.constantFrom('take', 'done', 'putBack') },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const queue = new WriteQueue();
        const known = new Map<string, PendingWrite>();
        let isTaken = false;
        for (const step of operations) {
          if (typeof step !== 'string') {
            const [key, sizeBytes] = step;
            const write = sizeBytes === null ? null : entry(key, sizeBytes);
            queue.put(key, write);
            known.set(key, write);
          } else if (step === 'take' && !isTaken) {
            queue.take(1_000, 1e9);
            isTaken = true;
          } else if (step === 'putBack' && isTaken) {
            queue.putBack();
            isTaken = false;
          }
        }
        for (const key of ['a', 'b', 'c', 'd']) expect(queue.get(key)).toBe(known.get(key));
        expect(new Map(queue.pending())).toEqual(known);
        if (isTaken) return;
        const sizes = [...known.values()].map((write) => write?.sizeBytes ?? 0);
        expect(queue.sizeBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      }),
    );
  });
});

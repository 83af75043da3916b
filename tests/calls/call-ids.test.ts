import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CallIds } from '../../src/calls/call-ids.js';

describe('CallIds', () => {
  test('gives numbers from 1, and each its own text', () => {
    const ids = new CallIds();
    const texts = Array.from({ length: 5_000 }, () => ids.textOf(ids.next()));
    expect(new Set(texts).size).toBe(5_000);
    expect(ids.next()).toBe(5_001);
  });

  test('is what only this process begins with, and the number in base 36, in whatever order it is asked for', () => {
    const ids = new CallIds();
    const prefix = ids.textOf(1).slice(0, -1);
    expect(prefix).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-$/);
    expect(new CallIds().textOf(1)).not.toBe(ids.textOf(1));
    fc.assert(
      fc.property(fc.oneof(fc.nat(100), fc.maxSafeNat()), (number) => {
        expect(ids.textOf(number)).toBe(prefix + number.toString(36));
      }),
    );
  });
});

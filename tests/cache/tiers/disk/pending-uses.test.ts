import { describe, expect, test } from '@jest/globals';
import type { PendingTouch } from '../../../../src/cache/tiers/disk/disk-table.js';
import { PendingUses } from '../../../../src/cache/tiers/disk/pending-uses.js';

const use = (key: string, hits: number): PendingTouch => ({ key, usedAt: 1, hits });

describe('PendingUses', () => {
  test('hands out the last use of each key once, and knows it until it is written', () => {
    const uses = new PendingUses(10);
    for (const each of [use('a', 1), use('b', 1), use('a', 2)]) uses.note(each);
    expect([uses.hitsOf('a'), uses.hitsOf('c')]).toEqual([2, 0]);
    expect(uses.take()).toEqual([use('a', 2), use('b', 1)]);
    expect([uses.isEmpty, uses.hitsOf('a')]).toEqual([true, 2]);
    uses.done();
    expect([uses.hitsOf('a'), uses.take()]).toEqual([0, []]);
  });

  test('accepts no new key when it is full, but later uses of those it has', () => {
    const uses = new PendingUses(2);
    expect([uses.note(use('a', 1)), uses.note(use('b', 1)), uses.note(use('c', 1))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(uses.note(use('a', 5))).toBe(true);
    expect([uses.isFull, uses.hitsOf('a'), uses.hitsOf('c')]).toEqual([true, 5, 0]);
    uses.forget('a');
    expect(uses.isFull).toBe(false);
  });

  test('keeps what could not be written, unless a newer use has come', () => {
    const uses = new PendingUses(10);
    uses.note(use('a', 1));
    uses.note(use('b', 1));
    uses.take();
    uses.note(use('a', 2));
    uses.putBack();
    expect(uses.take()).toEqual([use('a', 2), use('b', 1)]);
  });
});

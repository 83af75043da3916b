import { describe, expect, test } from '@jest/globals';
import type { DiskTable, PendingTouch } from '../../../../src/cache/tiers/disk/disk-table.js';
import { PendingUses } from '../../../../src/cache/tiers/disk/pending-uses.js';

function table(failure?: Error) {
  const written: PendingTouch[] = [];
  const touch = async (uses: readonly PendingTouch[]) => {
    if (failure !== undefined) throw failure;
    written.push(...uses);
  };
  return { written, table: { touch } as unknown as DiskTable };
}

const use = (key: string, hits: number): PendingTouch => ({ key, usedAt: 1, hits });

describe('PendingUses', () => {
  test('writes the last use of each key once', async () => {
    const uses = new PendingUses(10);
    for (const each of [use('a', 1), use('b', 1), use('a', 2)]) uses.note(each);
    expect([uses.hitsOf('a'), uses.hitsOf('c')]).toEqual([2, 0]);
    const { written, table: to } = table();
    await uses.writeTo(to);
    await uses.writeTo(to);
    expect(written).toEqual([use('a', 2), use('b', 1)]);
    expect(uses.isEmpty).toBe(true);
  });

  test('takes no new key when it is full, but news of those it has', () => {
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

  test('keeps what could not be written, beneath what came meanwhile', async () => {
    const uses = new PendingUses(10);
    uses.note(use('a', 1));
    uses.note(use('b', 1));
    const writing = uses.writeTo(table(new Error('disk full')).table);
    uses.note(use('a', 2));
    await expect(writing).rejects.toThrow('disk full');
    const { written, table: to } = table();
    await uses.writeTo(to);
    expect(written).toEqual([use('a', 2), use('b', 1)]);
  });
});

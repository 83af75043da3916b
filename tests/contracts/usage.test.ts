import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  addUsage,
  completeUsage,
  isUsage,
  totalTokensOf,
  type Usage,
  usageFromCounts,
  validUsage,
} from '../../src/contracts/usage.js';

const count = fc.nat(1_000_000);
const partialUsage: fc.Arbitrary<Partial<Usage>> = fc.record(
  { inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count },
  { requiredKeys: [] },
);

const tokensIn = (usage: Partial<Usage>): number => {
  let sum = 0;
  for (const tokens of Object.values(usage)) sum += tokens ?? 0;
  return sum;
};

describe('addUsage', () => {
  test('is commutative, and its parts add up', () => {
    fc.assert(
      fc.property(partialUsage, partialUsage, (left, right) => {
        const sum = addUsage(left, right);
        expect(sum).toEqual(addUsage(right, left));
        const known = totalTokensOf(sum);
        if (known === undefined) return;
        expect(known).toBe(tokensIn(left) + tokensIn(right));
      }),
    );
  });

  test('leaves a total out that one side does not know', () => {
    expect(addUsage({ totalTokens: 3 }, { inputTokens: 1 })).toEqual({ inputTokens: 1 });
    expect(addUsage({}, { totalTokens: 3 })).toEqual({ totalTokens: 3 });
    expect(addUsage({ totalTokens: 3 }, { totalTokens: 4 })).toEqual({ totalTokens: 7 });
  });
});

describe('completeUsage', () => {
  test('has every count that was reported, and the total that was reported or else the sum', () => {
    const unknown = { inputTokens: undefined, outputTokens: undefined, totalTokens: undefined };
    expect(completeUsage(undefined)).toStrictEqual(unknown);
    expect(completeUsage({})).toStrictEqual(unknown);
    expect(completeUsage({ outputTokens: 2, cacheReadTokens: 3 })).toStrictEqual({
      ...unknown,
      outputTokens: 2,
      cacheReadTokens: 3,
    });
    expect(completeUsage({ inputTokens: 0, outputTokens: 2, cacheReadTokens: 3 }).totalTokens).toBe(5);
    expect(completeUsage({ inputTokens: 1, totalTokens: 9 }).totalTokens).toBe(9);
  });
});

describe('usageFromCounts', () => {
  test('leaves out cache counts of 0, and what was not reported', () => {
    expect(usageFromCounts(undefined, undefined, 0, 0)).toEqual({});
    expect(usageFromCounts(1, undefined, 0, 0)).toEqual({ inputTokens: 1 });
    expect(usageFromCounts(1, 2, 0, 0)).toEqual({ inputTokens: 1, outputTokens: 2, totalTokens: 3 });
    expect(usageFromCounts(1, 2, 3, 4)).toEqual({
      inputTokens: 1,
      outputTokens: 2,
      cacheReadTokens: 3,
      cacheWriteTokens: 4,
      totalTokens: 10,
    });
  });
});

describe('isUsage', () => {
  test.each([[undefined], [{}], [{ inputTokens: 0 }], [{ totalTokens: 1.5, other: 'x' }]])(
    'accepts %j',
    (usage) => {
      expect(isUsage(usage)).toBe(true);
    },
  );

  test.each([
    [null],
    ['many'],
    [{ inputTokens: Number.NaN }],
    [{ outputTokens: -1 }],
    [{ totalTokens: Number.POSITIVE_INFINITY }],
    [{ cacheReadTokens: '3' }],
  ])('refuses %j', (usage) => {
    expect(isUsage(usage)).toBe(false);
    expect(validUsage(usage as never)).toBeUndefined();
  });
});

import type { Usage } from './usage.js';

const COUNTS = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'] as const;

/** Adds two usages; a count that neither knows stays absent. */
export function addUsage(left: Partial<Usage>, right: Partial<Usage>): Partial<Usage> {
  const sum: Partial<Usage> = {};
  for (const count of COUNTS) {
    const value = right[count] === undefined ? left[count] : (left[count] ?? 0) + right[count];
    if (value !== undefined) sum[count] = value;
  }
  const total = addTotals(left, right);
  if (total !== undefined) sum.totalTokens = total;
  return sum;
}

/** A total of which one part is unknown is not a total. */
function addTotals(left: Partial<Usage>, right: Partial<Usage>): number | undefined {
  if (Object.keys(left).length === 0) return right.totalTokens;
  if (Object.keys(right).length === 0) return left.totalTokens;
  if (left.totalTokens === undefined || right.totalTokens === undefined) return undefined;
  return left.totalTokens + right.totalTokens;
}

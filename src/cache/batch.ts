import pLimit from 'p-limit';
import { InvalidArgumentError } from '../errors/input-errors.js';

/** Settings of {@link batch}. */
export interface BatchOptions {
  /** How many run at once, at least 1. @default 10 */
  maxConcurrent?: number | undefined;
}

/**
 * Runs a function for every item, several at a time, and returns all outcomes in the order of the items: one failure
 * neither loses nor delays the others.
 *
 * @throws `InvalidArgumentError` when `maxConcurrent` is not a whole number of at least 1.
 */
export async function batch<Item, Result>(
  items: Iterable<Item>,
  fn: (item: Item, index: number) => Result | Promise<Result>,
  options: BatchOptions = {},
): Promise<Array<PromiseSettledResult<Awaited<Result>>>> {
  const limit = pLimit(checkMaxConcurrent(options.maxConcurrent ?? 10));
  return await Promise.allSettled(
    Array.from(items, (item, index) => limit(async () => await fn(item, index))),
  );
}

/** @throws `InvalidArgumentError` when it is not a whole number of at least 1. */
export function checkMaxConcurrent(maxConcurrent: number): number {
  if (Number.isInteger(maxConcurrent) && maxConcurrent >= 1) return maxConcurrent;
  throw new InvalidArgumentError(
    'maxConcurrent',
    `maxConcurrent: expected a whole number of at least 1; got ${String(maxConcurrent)}.`,
  );
}

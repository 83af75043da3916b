/** Money is counted in whole billionths of a dollar: sums of them are exact. */
const NANO_USD = 1_000_000_000;
/** Up to here a number of dollars tells neighbouring billionths apart. */
export const MAX_BUDGET_USD = 1_000_000;

/** Dollars as whole nano-dollars. What floating point adds in the last digits is not rounded up to one more. */
export function toNanoUsd(usd: number): number {
  const nano = usd * NANO_USD;
  const nearest = Math.round(nano);
  return Math.abs(nano - nearest) <= nano * Number.EPSILON * 4 ? nearest : Math.ceil(nano);
}

/** Nano-dollars as dollars. */
export function toUsd(nanoUsd: number): number {
  return nanoUsd / NANO_USD;
}

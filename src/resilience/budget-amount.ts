/** Money is counted in whole billionths of a dollar: sums of them are exact, up to nine million dollars. */
const NANO_USD = 1_000_000_000;
/** Above this a number of dollars times a billion is no whole number any more. */
export const MAX_BUDGET_USD = 9_000_000;

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

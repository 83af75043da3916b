/** Money is counted in whole billionths of a dollar, so that sums are exact. */
const NANO_USD = 1_000_000_000;
/** Up to this many dollars, a floating-point number distinguishes neighbouring billionths. */
export const MAX_BUDGET_USD = 1_000_000;

/** Dollars as whole nano-dollars, rounded up, except for rounding errors of floating-point sums. */
export function toNanoUsd(usd: number): number {
  const nano = usd * NANO_USD;
  const nearest = Math.round(nano);
  return Math.abs(nano - nearest) <= nano * Number.EPSILON * 4 ? nearest : Math.ceil(nano);
}

/** Nano-dollars as dollars. */
export function toUsd(nanoUsd: number): number {
  return nanoUsd / NANO_USD;
}

/** Tokens of one request: estimated before it is sent, actual afterwards. */
export interface TokenCost {
  /** Tokens sent. */
  readonly inputTokens: number;
  /** Tokens received; before the answer, the maximum. */
  readonly outputTokens: number;
}

/** The cost of a request that used nothing. */
export const NO_TOKENS: TokenCost = Object.freeze({ inputTokens: 0, outputTokens: 0 });

/** Tokens sent and received together. */
export function totalOf({ inputTokens, outputTokens }: TokenCost): number {
  return inputTokens + outputTokens;
}

/** Whole tokens, rounded up, so that sums stay exact. Anything but a positive finite number counts as 0. */
export function wholeCost(cost: TokenCost): TokenCost {
  const { inputTokens, outputTokens } = cost;
  if (isWhole(inputTokens) && isWhole(outputTokens)) return cost;
  return { inputTokens: wholeTokens(inputTokens), outputTokens: wholeTokens(outputTokens) };
}

function isWhole(tokens: number): boolean {
  return Number.isSafeInteger(tokens) && tokens >= 0;
}

function wholeTokens(tokens: number): number {
  return tokens > 0 && Number.isFinite(tokens) ? Math.ceil(tokens) : 0;
}

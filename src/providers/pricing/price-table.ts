/** Prices of a model's tokens, in US dollars per million. */
export interface ModelPrice {
  /** Input tokens that were neither read from nor written to the prompt cache. */
  readonly inputUsd: number;
  /** Output tokens, reasoning included. */
  readonly outputUsd: number;
  /** Input tokens read from the prompt cache. @default `inputUsd` */
  readonly cacheReadUsd?: number | undefined;
  /** Input tokens written to the prompt cache (kept for five minutes, where lengths differ). @default `inputUsd` */
  readonly cacheWriteUsd?: number | undefined;
  /** Input tokens written to the prompt cache and kept for an hour. @default twice `inputUsd` */
  readonly cacheWrite1hUsd?: number | undefined;
  /**
   * Most input tokens of a request, cached ones included, at these prices. For a larger request the `above` prices apply
   * to all its tokens; without them its price is unknown.
   */
  readonly upToInputTokens?: number | undefined;
  /** Prices of a request with more than `upToInputTokens` input tokens. */
  readonly above?: Omit<ModelPrice, 'upToInputTokens' | 'above'> | undefined;
}

/** Prices by model name. */
export type PriceTable = Readonly<Record<string, ModelPrice>>;

/** The date of the price lists that the built-in prices are from. Later changes are not included. */
export const PRICES_AS_OF = '2026-10-24';

/**
 * The sources of the built-in prices: list prices of the standard tier, in US dollars, without batch, priority, regional
 * or negotiated terms.
 */
export const PRICE_SOURCES = [
  'https://platform.claude.com/docs/en/about-claude/pricing',
  'https://developers.openai.com/api/docs/pricing',
] as const;

function anthropic(
  inputUsd: number,
  outputUsd: number,
  cacheReadUsd: number,
  cacheWriteUsd: number,
): ModelPrice {
  return { inputUsd, outputUsd, cacheReadUsd, cacheWriteUsd };
}

function openai(inputUsd: number, cacheReadUsd: number, outputUsd: number): ModelPrice {
  return { inputUsd, outputUsd, cacheReadUsd };
}

/** The built-in prices. The `prices` option extends or overrides them. */
export const PRICE_TABLE: PriceTable = {
  'claude-fable-5-1': anthropic(10, 50, 0.25, 12.5),
  'claude-fable-5': anthropic(10, 50, 1, 12.5),
  'claude-opus-5-5': anthropic(4, 20, 0.2, 5),
  'claude-opus-5': anthropic(5, 25, 0.5, 6.25),
  'claude-opus-4-8': anthropic(5, 25, 0.5, 6.25),
  'claude-opus-4-7': anthropic(5, 25, 0.5, 6.25),
  'claude-opus-4-6': anthropic(5, 25, 0.5, 6.25),
  'claude-opus-4-5': anthropic(5, 25, 0.5, 6.25),
  'claude-opus-4-1': anthropic(15, 75, 1.5, 18.75),
  'claude-opus-4': anthropic(15, 75, 1.5, 18.75),
  'claude-sonnet-5-5': anthropic(2, 10, 0.1, 2.5),
  'claude-sonnet-5': anthropic(2, 10, 0.2, 2.5),
  'claude-sonnet-4-6': anthropic(3, 15, 0.3, 3.75),
  'claude-sonnet-4-5': anthropic(3, 15, 0.3, 3.75),
  'claude-sonnet-4': anthropic(3, 15, 0.3, 3.75),
  'claude-3-7-sonnet': anthropic(3, 15, 0.3, 3.75),
  'claude-haiku-5-5': {
    ...anthropic(0.1, 0.5, 0.01, 0.125),
    upToInputTokens: 100_000,
    above: anthropic(0.5, 2.5, 0.05, 0.625),
  },
  'claude-haiku-4-5': anthropic(1, 5, 0.1, 1.25),
  'claude-3-5-haiku': anthropic(0.8, 4, 0.08, 1),
  'claude-3-haiku': anthropic(0.25, 1.25, 0.03, 0.3),

  'gpt-5.5': { ...openai(5, 0.5, 30), upToInputTokens: 272_000, above: openai(10, 1, 45) },
  'gpt-5.4': { ...openai(2.5, 0.25, 15), upToInputTokens: 272_000, above: openai(5, 0.5, 22.5) },
  'gpt-5.4-mini': openai(0.75, 0.075, 4.5),
  'gpt-5.4-nano': openai(0.2, 0.02, 1.25),
  'gpt-5.2': openai(1.75, 0.175, 14),
  'gpt-5.1': openai(1.25, 0.125, 10),
  'gpt-5': openai(1.25, 0.125, 10),
  'gpt-5-mini': openai(0.25, 0.025, 2),
  'gpt-5-nano': openai(0.05, 0.005, 0.4),
  'gpt-4.1': openai(2, 0.5, 8),
  'gpt-4.1-mini': openai(0.4, 0.1, 1.6),
  'gpt-4.1-nano': openai(0.1, 0.025, 0.4),
  'gpt-4o': openai(2.5, 1.25, 10),
  'gpt-4o-2024-05-13': { inputUsd: 5, outputUsd: 15 },
  'gpt-4o-mini': openai(0.15, 0.075, 0.6),
  'o4-mini': openai(1.1, 0.275, 4.4),
  'o3-mini': openai(1.1, 0.55, 4.4),
};

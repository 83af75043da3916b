import type { Usage } from '../../contracts/usage.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { Logger } from '../../logging/logger.js';
import { type ModelPrice, PRICE_TABLE, type PriceTable } from './price-table.js';

/**
 * Prices of the user's: laid over the built-in table model by model, or with `replace: true` used alone.
 * A model here matches like a built-in one: exactly, else without a prefix such as `anthropic/`, else without a dated
 * suffix.
 */
export type PricesOption =
  | PriceTable
  | {
      /** Leaves the built-in table out. */
      readonly replace: true;
      /** The prices, by model. */
      readonly models: PriceTable;
    };

/** Says what a call cost. */
export interface Pricing {
  /**
   * Cost in US dollars; `undefined` where no usage was reported, and for a model without a known price, with one
   * warning for each such model.
   */
  costUsd(model: string | undefined, usage: Partial<Usage>, logger?: Logger): number | undefined;
  /** The price of a model, where it is known. */
  price(model: string): ModelPrice | undefined;
}

/** The table that a provider charges by. Throws {@link InvalidArgumentError} on prices that are not numbers from 0 up. */
export function createPricing(prices: PricesOption | undefined): Pricing {
  const table = resolveTable(prices);
  const warned = new Set<string>();
  const price = (model: string) => findPrice(table, model);
  return {
    price,
    costUsd(model, usage, logger) {
      const found = model === undefined ? undefined : price(model);
      // Nothing reported is not nothing used.
      if (found !== undefined) return Object.keys(usage).length === 0 ? undefined : costOf(found, usage);
      const name = model ?? 'unknown';
      if (logger !== undefined && !warned.has(name)) {
        warned.add(name);
        logger.warn(
          { model: name },
          `No price is known for the model "${name}": its cost is reported as undefined. Pass it in the provider's "prices" option.`,
        );
      }
      return undefined;
    },
  };
}

/**
 * The price under the model's name. Names match exactly, else without a prefix such as `anthropic/`, else
 * without a dated suffix (`-20250929`, `-2025-04-14`), `-latest` or `-0`. Nothing is guessed: `gpt-5-turbo` is
 * not `gpt-5`.
 */
export function findPrice(table: PriceTable, model: string): ModelPrice | undefined {
  const bare = model.slice(model.lastIndexOf('/') + 1);
  const undated = bare.replace(/-(\d{8}|\d{4}-\d{2}-\d{2}|latest|0)$/, '');
  for (const name of [model, bare, undated]) {
    if (Object.hasOwn(table, name)) return table[name];
  }
  return undefined;
}

/** What the tokens cost at the price, in US dollars; `undefined` where a long request has no known price. */
export function costOf(price: ModelPrice, usage: Partial<Usage>): number | undefined {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage;
  const prompt = inputTokens + cacheReadTokens + cacheWriteTokens;
  const isLong = price.upToInputTokens !== undefined && prompt > price.upToInputTokens;
  const rate = isLong ? price.above : price;
  if (rate === undefined) return undefined;
  const { inputUsd, outputUsd, cacheReadUsd = inputUsd, cacheWriteUsd = inputUsd } = rate;
  return sumOfProducts([
    [inputTokens, inputUsd],
    [outputTokens, outputUsd],
    [cacheReadTokens, cacheReadUsd],
    [cacheWriteTokens, cacheWriteUsd],
  ]);
}

/** Prices are exact to this part of a dollar per million tokens; finer ones are rounded. */
const PRICE_SCALE = 1_000_000;

/**
 * Multiplies and adds in whole numbers and divides once, so that no rounding piles up: dollars per million
 * become millionths of a dollar per million, and tokens are whole. Beyond 2^53 (thousands of dollars a call)
 * the sum is right to sixteen digits.
 */
function sumOfProducts(pairs: ReadonlyArray<readonly [tokens: number, usdPerMillion: number]>): number {
  let total = 0;
  for (const [tokens, usd] of pairs) total += tokens * Math.round(usd * PRICE_SCALE);
  return total / (PRICE_SCALE * 1_000_000);
}

function resolveTable(prices: PricesOption | undefined): PriceTable {
  if (prices === undefined) return PRICE_TABLE;
  const replaces = (prices as { replace?: unknown }).replace === true;
  const own = (replaces ? (prices as { models: PriceTable }).models : prices) as PriceTable;
  for (const [model, price] of Object.entries(own)) checkPrice(`prices.${model}`, price);
  return replaces ? own : { ...PRICE_TABLE, ...own };
}

function checkPrice(field: string, price: ModelPrice): void {
  if (typeof price !== 'object' || price === null) {
    throw new InvalidArgumentError(
      field,
      `${field} must be { inputUsd, outputUsd, … }, in dollars per million tokens.`,
    );
  }
  for (const name of ['inputUsd', 'outputUsd', 'cacheReadUsd', 'cacheWriteUsd'] as const) {
    const value = price[name];
    const isOptional = name.startsWith('cache');
    if (value === undefined && isOptional) continue;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new InvalidArgumentError(
        `${field}.${name}`,
        `${field}.${name} must be a number of dollars per million tokens, 0 or more; got ${String(value)}.`,
      );
    }
  }
  if (price.above !== undefined) checkPrice(`${field}.above`, price.above);
}

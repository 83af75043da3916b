import { RecentMap } from '../../collections/recent-map.js';
import type { Usage } from '../../contracts/usage.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { Logger } from '../../logging/logger.js';
import { type ModelPrice, PRICE_TABLE, type PriceTable } from './price-table.js';

/**
 * Your own prices: they override the built-in table model by model, or replace it with `replace: true`. A model matches
 * as in the built-in table: exactly, else without a prefix such as `anthropic/`, else without a dated suffix.
 */
export type PricesOption =
  | PriceTable
  | {
      /** Ignores the built-in table. */
      readonly replace: true;
      /** The prices, by model. */
      readonly models: PriceTable;
    };

/** Models whose warning is remembered. Of more models than that, one may be warned of again. */
const MOST_WARNED = 1_000;

/** Calculates costs. */
export interface Pricing {
  /**
   * The cost in US dollars; `undefined` if no usage was reported or the model has no known price, with one warning for
   * each such model.
   */
  costUsd(model: string | undefined, usage: Partial<Usage>, logger?: Logger): number | undefined;
  /** The cost if the provider writes the whole input to its prompt cache and keeps it for `lifetime`. */
  writingCostUsd(
    model: string | undefined,
    tokens: Partial<Usage>,
    lifetime: '5m' | '1h',
  ): number | undefined;
  /** The price of a model, if it is known. */
  price(model: string): ModelPrice | undefined;
}

/**
 * Creates the pricing of a provider.
 *
 * @throws {@link InvalidArgumentError} if a price is not a number from 0.
 */
export function createPricing(prices: PricesOption | undefined): Pricing {
  const table = resolveTable(prices);
  const warned = new RecentMap<true>();
  const price = (model: string) => findPrice(table, model);
  return {
    price,
    writingCostUsd(model, { inputTokens: written = 0, outputTokens }, lifetime) {
      const found = model === undefined ? undefined : price(model);
      const cacheWrite1hTokens = lifetime === '1h' ? written : 0;
      return found && costOf(found, { outputTokens, cacheWriteTokens: written, cacheWrite1hTokens });
    },
    costUsd(model, usage, logger) {
      const found = model === undefined ? undefined : price(model);
      // No reported usage does not mean that nothing was used.
      if (found !== undefined) return Object.keys(usage).length === 0 ? undefined : costOf(found, usage);
      const name = model ?? 'unknown';
      if (logger !== undefined && warned.get(name) === undefined) {
        warned.set(name, true, MOST_WARNED);
        logger.warn(
          { model: name },
          `The price of the model "${name}" is unknown, so its cost is undefined. Set it in the provider's "prices" option.`,
        );
      }
      return undefined;
    },
  };
}

/**
 * The price of a model by its name. Names match exactly, else without a prefix such as `anthropic/`, else without a dated
 * suffix (`-20250929`, `-2025-04-14`, `@20250929`), `-latest` or `-0`. Of a name of Bedrock, `us.anthropic.` and `-v1:0`
 * are left out too. There is no guessing: `gpt-5-turbo` is not `gpt-5`.
 */
export function findPrice(table: PriceTable, model: string): ModelPrice | undefined {
  const bare = model.slice(model.lastIndexOf('/') + 1);
  const own = bare.replace(/^(?:[a-z-]+\.)?anthropic\.(.+?)(?:-v\d+(?::\d+)?)?$/, '$1');
  const undated = own.replace(/[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest|0)$/, '');
  for (const name of [model, bare, own, undated]) {
    if (Object.hasOwn(table, name)) return table[name];
  }
  return undefined;
}

/** The cost of the tokens, in US dollars; `undefined` for a long request without a known price. */
export function costOf(price: ModelPrice, usage: Partial<Usage>): number | undefined {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage;
  const { cacheWrite1hTokens = 0 } = usage;
  const prompt = inputTokens + cacheReadTokens + cacheWriteTokens;
  const isLong = price.upToInputTokens !== undefined && prompt > price.upToInputTokens;
  const rate = isLong ? price.above : price;
  if (rate === undefined) return undefined;
  const { inputUsd, outputUsd, cacheReadUsd = inputUsd, cacheWriteUsd = inputUsd } = rate;
  const { cacheWrite1hUsd = 2 * inputUsd } = rate;
  return sumOfProducts([
    [inputTokens, inputUsd],
    [outputTokens, outputUsd],
    [cacheReadTokens, cacheReadUsd],
    [Math.max(0, cacheWriteTokens - cacheWrite1hTokens), cacheWriteUsd],
    [cacheWrite1hTokens, cacheWrite1hUsd],
  ]);
}

/** Prices are rounded to this fraction of a dollar per million tokens. */
const PRICE_SCALE = 1_000_000;

/**
 * Multiplies and adds whole numbers and divides once, so that rounding errors do not add up: prices are in millionths of
 * a dollar per million tokens, and tokens are whole. Above 2^53 (thousands of dollars per call) the sum has sixteen
 * correct digits.
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

const PRICE_FIELDS = ['inputUsd', 'outputUsd', 'cacheReadUsd', 'cacheWriteUsd', 'cacheWrite1hUsd'] as const;

function checkPrice(field: string, price: ModelPrice): void {
  if (typeof price !== 'object' || price === null) {
    throw new InvalidArgumentError(
      field,
      `${field} must be { inputUsd, outputUsd, … }, in dollars per million tokens.`,
    );
  }
  for (const name of PRICE_FIELDS) {
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

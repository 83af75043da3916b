import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { silentLogger } from '../../../src/logging/logger.js';
import { PRICE_SOURCES, PRICE_TABLE, PRICES_AS_OF } from '../../../src/providers/pricing/price-table.js';
import { costOf, createPricing, findPrice } from '../../../src/providers/pricing/pricing.js';

describe('costOf', () => {
  test('is exact: a million input tokens at 3 dollars cost 3 dollars', () => {
    const price = { inputUsd: 3, outputUsd: 15, cacheReadUsd: 0.3, cacheWriteUsd: 3.75 };
    expect(costOf(price, { inputTokens: 1_000_000 })).toBe(3);
    expect(costOf(price, { outputTokens: 1_000_000 })).toBe(15);
    expect(costOf(price, { cacheReadTokens: 1_000_000 })).toBe(0.3);
    expect(costOf(price, { cacheWriteTokens: 1_000_000 })).toBe(3.75);
    expect(costOf(price, { inputTokens: 100, outputTokens: 10 })).toBe(0.00045);
    expect(costOf(price, {})).toBe(0);
  });

  test('charges cached tokens as input where the price does not name them', () => {
    expect(
      costOf({ inputUsd: 2, outputUsd: 8 }, { cacheReadTokens: 500_000, cacheWriteTokens: 500_000 }),
    ).toBe(2);
  });

  test('charges what is kept for an hour twice the input, or as the price says', () => {
    const price = { inputUsd: 3, outputUsd: 15, cacheWriteUsd: 3.75 };
    const hour = { cacheWriteTokens: 1_000_000, cacheWrite1hTokens: 1_000_000 };
    expect(costOf(price, hour)).toBe(6);
    expect(costOf({ ...price, cacheWrite1hUsd: 7 }, hour)).toBe(7);
    expect(costOf(price, { ...hour, cacheWrite1hTokens: 400_000 })).toBe(0.6 * 3.75 + 0.4 * 6);
  });

  test('charges the whole of a long request at the higher price', () => {
    const price = { inputUsd: 1, outputUsd: 2, upToInputTokens: 100, above: { inputUsd: 10, outputUsd: 20 } };
    expect(costOf(price, { inputTokens: 100, outputTokens: 1_000_000 })).toBe(2.0001);
    expect(costOf(price, { inputTokens: 100, cacheReadTokens: 1, outputTokens: 1_000_000 })).toBe(20.00101);
    expect(costOf({ inputUsd: 1, outputUsd: 2, upToInputTokens: 100 }, { inputTokens: 101 })).toBeUndefined();
  });

  test('is the nearest number to the exact sum', () => {
    const micro = fc.integer({ min: 0, max: 200_000_000 });
    const tokens = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(micro, tokens, micro, tokens, (inputPrice, inputTokens, outputPrice, outputTokens) => {
        const price = { inputUsd: inputPrice / 1e6, outputUsd: outputPrice / 1e6 };
        const exact = BigInt(inputPrice) * BigInt(inputTokens) + BigInt(outputPrice) * BigInt(outputTokens);
        expect(costOf(price, { inputTokens, outputTokens })).toBe(Number(exact) / 1e12);
      }),
    );
  });
});

describe('findPrice', () => {
  test.each([
    ['claude-sonnet-4-5', 3],
    ['claude-sonnet-4-5-20250929', 3],
    ['anthropic/claude-sonnet-4-5', 3],
    ['claude-opus-4-0', 15],
    ['claude-sonnet-4-5@20250929', 3],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 3],
    ['anthropic.claude-opus-4-5-20251101-v1:0', 5],
    ['global.anthropic.claude-opus-4-7', 5],
    ['claude-3-5-haiku-latest', 0.8],
    ['gpt-4.1-2025-04-14', 2],
    ['gpt-4o-2024-05-13', 5],
    ['gpt-4o-2024-08-06', 2.5],
  ])('knows %s', (model, inputUsd) => {
    expect(findPrice(PRICE_TABLE, model)?.inputUsd).toBe(inputUsd);
  });

  test.each(['gpt-5-turbo', 'claude-sonnet', 'llama3', '', 'constructor', '__proto__', 'gpt-4.1-20250'])(
    'guesses nothing for %j',
    (model) => {
      expect(findPrice(PRICE_TABLE, model)).toBeUndefined();
    },
  );
});

describe('PRICE_TABLE', () => {
  test('is dated and names its sources', () => {
    expect(PRICES_AS_OF).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    for (const source of PRICE_SOURCES) expect(source).toMatch(/^https:/);
  });

  test('holds prices that make sense: cached input is no dearer than input, output no cheaper', () => {
    for (const { inputUsd, outputUsd, cacheReadUsd = 0 } of Object.values(PRICE_TABLE)) {
      expect(inputUsd).toBeGreaterThan(0);
      expect(outputUsd).toBeGreaterThanOrEqual(inputUsd);
      expect(cacheReadUsd).toBeLessThanOrEqual(inputUsd);
    }
  });
});

describe('createPricing', () => {
  test('warns once for each model without a price and gives no cost', () => {
    const warn = jest.fn();
    const logger = { ...silentLogger, warn };
    const pricing = createPricing(undefined);
    for (let call = 0; call < 3; call += 1) {
      expect(pricing.costUsd('llama3', { inputTokens: 1 }, logger)).toBeUndefined();
      expect(pricing.costUsd(undefined, { inputTokens: 1 }, logger)).toBeUndefined();
    }
    expect(pricing.costUsd('llama3', {})).toBeUndefined();
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn).toHaveBeenCalledWith({ model: 'llama3' }, expect.stringContaining('"llama3"'));
  });

  test('lays own prices over the built-in ones', () => {
    const pricing = createPricing({
      llama3: { inputUsd: 0, outputUsd: 0 },
      'gpt-4o': { inputUsd: 1, outputUsd: 1 },
    });
    expect(pricing.costUsd('llama3', { inputTokens: 5 })).toBe(0);
    expect(pricing.price('gpt-4o')?.inputUsd).toBe(1);
    expect(pricing.price('claude-sonnet-4-5')?.inputUsd).toBe(3);
  });

  test('replaces the built-in ones on request', () => {
    const pricing = createPricing({ replace: true, models: { mine: { inputUsd: 1, outputUsd: 1 } } });
    expect(pricing.price('mine')).toBeDefined();
    expect(pricing.price('gpt-4o')).toBeUndefined();
  });

  test.each([
    ['prices.m', null],
    ['prices.m.inputUsd', { outputUsd: 1 }],
    ['prices.m.outputUsd', { inputUsd: 1, outputUsd: -1 }],
    ['prices.m.cacheReadUsd', { inputUsd: 1, outputUsd: 1, cacheReadUsd: Number.NaN }],
    ['prices.m.above.inputUsd', { inputUsd: 1, outputUsd: 1, above: { inputUsd: 'x', outputUsd: 1 } }],
  ])('refuses a wrong price, naming %s', (field, price) => {
    expect(() => createPricing({ m: price } as never)).toThrow(expect.objectContaining({ field }));
  });
});

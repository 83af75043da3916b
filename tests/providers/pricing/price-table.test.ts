import { expect, test } from '@jest/globals';
import { type ModelPrice, PRICE_TABLE } from '../../../src/providers/pricing/price-table.js';

/**
 * Input, output, read from and written to the prompt cache, in US dollars per million tokens; then the most input tokens
 * at these prices, and the prices above. Copied a second time: a figure that is changed by mistake is money.
 */
const PRICES = {
  'claude-fable-5-1': '10 50 0.25 12.5',
  'claude-fable-5': '10 50 1 12.5',
  'claude-opus-5-5': '4 20 0.2 5',
  'claude-opus-5': '5 25 0.5 6.25',
  'claude-opus-4-8': '5 25 0.5 6.25',
  'claude-opus-4-7': '5 25 0.5 6.25',
  'claude-opus-4-6': '5 25 0.5 6.25',
  'claude-opus-4-5': '5 25 0.5 6.25',
  'claude-opus-4-1': '15 75 1.5 18.75',
  'claude-opus-4': '15 75 1.5 18.75',
  'claude-sonnet-5-5': '2 10 0.1 2.5',
  'claude-sonnet-5': '2 10 0.2 2.5',
  'claude-sonnet-4-6': '3 15 0.3 3.75',
  'claude-sonnet-4-5': '3 15 0.3 3.75',
  'claude-sonnet-4': '3 15 0.3 3.75',
  'claude-3-7-sonnet': '3 15 0.3 3.75',
  'claude-haiku-5-5': '0.1 0.5 0.01 0.125 | 100000 | 0.5 2.5 0.05 0.625',
  'claude-haiku-4-5': '1 5 0.1 1.25',
  'claude-3-5-haiku': '0.8 4 0.08 1',
  'claude-3-haiku': '0.25 1.25 0.03 0.3',
  'gpt-5.5': '5 30 0.5 - | 272000 | 10 45 1 -',
  'gpt-5.4': '2.5 15 0.25 - | 272000 | 5 22.5 0.5 -',
  'gpt-5.4-mini': '0.75 4.5 0.075 -',
  'gpt-5.4-nano': '0.2 1.25 0.02 -',
  'gpt-5.2': '1.75 14 0.175 -',
  'gpt-5.1': '1.25 10 0.125 -',
  'gpt-5': '1.25 10 0.125 -',
  'gpt-5-mini': '0.25 2 0.025 -',
  'gpt-5-nano': '0.05 0.4 0.005 -',
  'gpt-4.1': '2 8 0.5 -',
  'gpt-4.1-mini': '0.4 1.6 0.1 -',
  'gpt-4.1-nano': '0.1 0.4 0.025 -',
  'gpt-4o': '2.5 10 1.25 -',
  'gpt-4o-2024-05-13': '5 15 - -',
  'gpt-4o-mini': '0.15 0.6 0.075 -',
  'o4-mini': '1.1 4.4 0.275 -',
  'o3-mini': '1.1 4.4 0.55 -',
};

const figures = (price: Partial<ModelPrice>): string =>
  [price.inputUsd, price.outputUsd, price.cacheReadUsd, price.cacheWriteUsd]
    .map((usd) => usd ?? '-')
    .join(' ');
const written = (price: ModelPrice): string =>
  price.above === undefined
    ? figures(price)
    : `${figures(price)} | ${price.upToInputTokens} | ${figures(price.above)}`;

test('the built-in prices are these', () => {
  const found = Object.entries(PRICE_TABLE).map(([model, price]) => [model, written(price)]);
  expect(Object.fromEntries(found)).toEqual(PRICES);
});

export { type AiSdkOptions, aiSdk } from './ai-sdk/ai-sdk.js';
export type { AiSdkModel } from './ai-sdk/language-model.js';
export { type AnthropicOptions, anthropic } from './anthropic/anthropic.js';
export type { ModelAgentOptions } from './model-agent-options.js';
export type { ModelClientOptions } from './model-client-options.js';
export { type OpenAIOptions, openai } from './openai/openai.js';
export { type ModelPrice, PRICE_SOURCES, PRICE_TABLE, PRICES_AS_OF, type PriceTable } from './price-table.js';
export type { PricesOption } from './pricing.js';

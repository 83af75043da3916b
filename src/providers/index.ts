export type { AgentSettings } from './agent-settings.js';
export { type AgentToolInput, type AgentToolOptions, asTool, type ToolOrchestrator } from './agent-tool.js';
export { type AiSdkOptions, aiSdk } from './ai-sdk/ai-sdk.js';
export type { AiSdkModel } from './ai-sdk/language-model.js';
export { type AnthropicOptions, anthropic } from './anthropic/anthropic.js';
export type { CommandOptions } from './command/command-options.js';
export { command } from './command/command-provider.js';
export {
  type FetchGuard,
  type GuardedFetchOptions,
  guardedFetch,
} from './fetch/guarded-fetch.js';
export { httpAgent } from './http/http-agent.js';
export type { HttpAgentContext, HttpAgentOptions } from './http/http-options.js';
export type { ApiKey, ApiKeys } from './model/accounts.js';
export type { ModelAgentOptions } from './model/model-agent-options.js';
export type { ModelClientOptions } from './model/model-client-options.js';
export { type OpenAIOptions, openai } from './openai/openai.js';
export {
  type ModelPrice,
  PRICE_SOURCES,
  PRICE_TABLE,
  PRICES_AS_OF,
  type PriceTable,
} from './pricing/price-table.js';
export type { PricesOption } from './pricing/pricing.js';
export type { RequestDispatcher } from './transport/dispatcher.js';

import type { ToolSet } from '../../contracts/tool.js';
import { expectObject, expectText, expectWholeNumber } from '../../input/checks.js';
import { AGENT_SETTINGS, type AgentSettings } from '../agent-settings.js';
import type { OptionChecks } from '../check-options.js';
import type { PricesOption } from '../pricing/pricing.js';

/** Options of all model providers, besides their own. */
export interface ModelAgentOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends AgentSettings<string, Data> {
  /** Functions that the model may call. The tool loop runs within one attempt. */
  readonly tools?: ToolSet<Inputs> | undefined;
  /**
   * Most requests to the model in one attempt. At the limit the reply has `finishReason: 'tool-calls'`.
   *
   * @default 8
   */
  readonly maxSteps?: number | undefined;
  /** Longest answer, in tokens (`max_tokens` and the like). `params.maxTokens` overrides it. */
  readonly maxTokens?: number | undefined;
  /** Prices of models that are missing in the built-in table or differ from it. */
  readonly prices?: PricesOption | undefined;
}

/** Checks of {@link ModelAgentOptions}. Tools and steps are checked when they are prepared. */
export const MODEL_AGENT_CHECKS: OptionChecks = {
  ...AGENT_SETTINGS,
  model: expectText,
  params: expectObject,
  tools: true,
  maxSteps: true,
  maxTokens: expectWholeNumber(1, 1_000_000_000),
  prices: expectObject,
};

/** The settings with `maxTokens` among the parameters, so that it is part of the agent's identity. */
export function settingsWithParams<Data>(options: ModelAgentOptions<Data>): AgentSettings<string, Data> {
  const { maxTokens, params } = options;
  return maxTokens === undefined ? options : { ...options, params: { maxTokens, ...params } };
}

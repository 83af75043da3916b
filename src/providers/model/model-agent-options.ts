import type { ToolSet } from '../../contracts/tool.js';
import { expectObject, expectText, expectWholeNumber } from '../../input/checks.js';
import { AGENT_SETTINGS, type AgentSettings } from '../agent-settings.js';
import type { OptionChecks } from '../check-options.js';
import type { PricesOption } from '../pricing/pricing.js';

/** What every provider that talks to a model takes, besides its own options. */
export interface ModelAgentOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends AgentSettings<string, Data> {
  /** Functions that the model may ask for. The loop of asking and answering runs inside one attempt. */
  readonly tools?: ToolSet<Inputs> | undefined;
  /**
   * Most round trips to the model in one attempt. At the limit the reply has `finishReason: 'tool-calls'`.
   *
   * @default 8
   */
  readonly maxSteps?: number | undefined;
  /** Longest answer, in tokens: `max_tokens` and its like. `params.maxTokens` goes first. */
  readonly maxTokens?: number | undefined;
  /** Prices of models that the built-in table does not know, or knows differently. */
  readonly prices?: PricesOption | undefined;
}

/** Checks of {@link ModelAgentOptions}; tools and steps are checked where they are prepared. */
export const MODEL_AGENT_CHECKS: OptionChecks = {
  ...AGENT_SETTINGS,
  model: expectText,
  params: expectObject,
  tools: true,
  maxSteps: true,
  maxTokens: expectWholeNumber(1, 1_000_000_000),
  prices: expectObject,
};

/** The settings with `maxTokens` among the parameters, where it takes part in the agent's identity. */
export function settingsWithParams<Data>(options: ModelAgentOptions<Data>): AgentSettings<string, Data> {
  const { maxTokens, params } = options;
  return maxTokens === undefined ? options : { ...options, params: { maxTokens, ...params } };
}

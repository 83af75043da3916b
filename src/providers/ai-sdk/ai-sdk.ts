import type { AgentDefinition } from '../../contracts/agent.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { expectBoolean } from '../../input/checks.js';
import { describeKind } from '../../input/describe-value.js';
import { toDefinition } from '../agent-settings.js';
import { checkOptions } from '../check-options.js';
import {
  MODEL_AGENT_CHECKS,
  type ModelAgentOptions,
  settingsWithParams,
} from '../model/model-agent-options.js';
import { createModelProvider } from '../model/model-provider.js';
import { resolveMaxSteps } from '../model/tool-loop.js';
import { prepareTools } from '../model/tool-set.js';
import { createPricing } from '../pricing/pricing.js';
import { aiSdkDialect } from './ai-sdk-dialect.js';
import type { AiSdkModel } from './language-model.js';

/** Options of {@link aiSdk}. */
export interface AiSdkOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends Omit<ModelAgentOptions<Data, Inputs>, 'model'> {
  /**
   * Whether an `output` schema is sent to the model as its response format. Set it to `false` for models without
   * response formats: the schema is then part of the instructions.
   *
   * @default true
   */
  readonly structuredOutput?: boolean | undefined;
}

const SUPPORTED: ReadonlySet<unknown> = new Set(['v2', 'v3', 'v4']);

/**
 * Creates an agent from a language model object of the AI SDK, as `anthropic('…')` of `@ai-sdk/anthropic`,
 * `google('…')` of `@ai-sdk/google` and the like return. The object is recognised by its shape and called directly: its
 * streams are read no faster than they are consumed, and only the orchestrator retries.
 *
 * `params` become call settings (`temperature`, `topP`, `seed`, `providerOptions`, …).
 *
 * @throws `InvalidArgumentError` if the model is not a language model, or an option is unknown or invalid.
 */
export function aiSdk<Data = undefined, Inputs extends Record<string, unknown> = Record<string, unknown>>(
  model: AiSdkModel,
  options: AiSdkOptions<Data, Inputs> = {},
): AgentDefinition<string, Data> {
  checkModel(model);
  const { model: _fixed, ...checks } = MODEL_AGENT_CHECKS;
  checkOptions('aiSdk', options, { ...checks, structuredOutput: expectBoolean });
  const tools = prepareTools((options as AiSdkOptions).tools);
  const provider = createModelProvider(aiSdkDialect(model, options.structuredOutput ?? true), {
    tools,
    maxSteps: resolveMaxSteps(options.maxSteps),
    pricing: createPricing(options.prices),
    identity: { provider: model.provider, tools: tools?.definitions ?? [] },
  });
  return toDefinition({ ...settingsWithParams(options), model: model.modelId }, provider);
}

function checkModel(model: unknown): void {
  const candidate = (typeof model === 'object' && model !== null ? model : {}) as Partial<AiSdkModel>;
  if (typeof candidate.doGenerate !== 'function' || typeof candidate.doStream !== 'function') {
    throw new InvalidArgumentError(
      'model',
      `aiSdk takes a language model object of the AI SDK, for instance aiSdk(anthropic('claude-sonnet-4-5')) with anthropic from @ai-sdk/anthropic; got ${describeKind(model)}.`,
    );
  }
  if (!SUPPORTED.has(candidate.specificationVersion)) {
    throw new InvalidArgumentError(
      'model',
      `aiSdk supports language models of specification v2, v3 and v4; this one says ${String(candidate.specificationVersion)}.`,
    );
  }
}

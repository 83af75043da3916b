import type { AgentDefinition } from '../../contracts/agent.js';
import { expectOneOf } from '../../input/checks.js';
import { toDefinition } from '../agent-settings.js';
import { withAccounts } from '../model/accounts.js';
import { settingsWithParams } from '../model/model-agent-options.js';
import { type ModelClientOptions, resolveClientOptions } from '../model/model-client-options.js';
import { createModelProvider } from '../model/model-provider.js';
import { resolveMaxSteps } from '../model/tool-loop.js';
import { prepareTools } from '../model/tool-set.js';
import { createPricing } from '../pricing/pricing.js';
import type { ClientRequestOptions } from '../transport/client-exchange.js';
import { quietUnless } from '../transport/client-logging.js';
import type { ClientSource } from '../transport/client-source.js';
import { peerLoader } from '../transport/load-peer.js';
import { PooledClient, type PooledClientOptions } from '../transport/pooled-client.js';
import { type AnthropicClient, anthropicDialect } from './anthropic-dialect.js';

/** Options of {@link anthropic}. */
export interface AnthropicOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends ModelClientOptions<Data, Inputs> {
  /** The model, for instance `claude-sonnet-4-5`. Required; a call can choose another one. */
  readonly model?: string | undefined;
  /**
   * How long the provider keeps what calls have in common, so that later ones pay less for it: `'5m'`, `'1h'`, or `false`
   * to cache nothing. Tools, system prompt and the last turn are marked, if the prompt up to there has the model's
   * minimum length. `params` with marks of their own (`cache_control`) turn it off.
   *
   * @default '5m'
   */
  readonly promptCache?: false | '5m' | '1h' | undefined;
}

const loadSdk = peerLoader('@anthropic-ai/sdk', 'anthropic()', async (toMissing) => {
  try {
    return await import('@anthropic-ai/sdk');
  } catch (cause) {
    throw toMissing(cause);
  }
});

/**
 * Creates an agent that uses a model of Anthropic, through the official client `@anthropic-ai/sdk` and the Messages
 * API. The client is loaded on first use; without `apiKey` it reads `ANTHROPIC_API_KEY`.
 *
 * `params` are sent unchanged (`temperature`, `thinking`, `metadata`, …). `maxTokens` is 4,096 by default.
 *
 * @throws `InvalidArgumentError` if an option is unknown or invalid.
 */
export function anthropic<Data = undefined, Inputs extends Record<string, unknown> = Record<string, unknown>>(
  options: AnthropicOptions<Data, Inputs>,
): AgentDefinition<string, Data> {
  const resolved = resolveClientOptions('anthropic', options, { promptCache: expectPromptCache });
  const promptCache = options.promptCache ?? '5m';
  const tools = prepareTools(options.tools);
  const parts = {
    tools,
    maxSteps: resolveMaxSteps(options.maxSteps),
    pricing: createPricing(options.prices),
    paidCacheWrites: promptCache === false ? undefined : promptCache,
    identity: { api: 'messages', baseURL: options.baseURL ?? null, tools: tools?.definitions ?? [] },
  };
  const provider = withAccounts<AnthropicOptions>(options, (account) =>
    createModelProvider(
      anthropicDialect(openClient(account, resolved), resolved.structuredOutput, promptCache),
      parts,
    ),
  );
  return toDefinition(settingsWithParams(options), provider);
}

const isLifetime = expectOneOf('5m', '1h');

function expectPromptCache(value: unknown): string | undefined {
  const wrong = value === false ? undefined : isLifetime(value);
  return wrong && `${wrong}, or false`;
}

function openClient(options: AnthropicOptions, resolved: PooledClientOptions): ClientSource<AnthropicClient> {
  const { client, apiKey, baseURL, headers } = options;
  if (client !== undefined) {
    return { get: async () => client as AnthropicClient, close: async () => {} };
  }
  return new PooledClient<AnthropicClient>(async (fetch) => {
    const { Anthropic } = await loadSdk();
    const client = new Anthropic({
      fetch,
      maxRetries: 0,
      ...quietUnless('ANTHROPIC_LOG'),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(baseURL === undefined ? {} : { baseURL }),
      ...(headers === undefined ? {} : { defaultHeaders: headers }),
    });
    // Not client.messages.create, which prints to the console at every call for some models.
    const create = (body: { stream?: boolean }, requestOptions: ClientRequestOptions) =>
      client.post('/v1/messages', { body, stream: body.stream === true, ...requestOptions });
    return { messages: { create } };
  }, resolved);
}

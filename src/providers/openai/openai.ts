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
import { quietUnless } from '../transport/client-logging.js';
import type { ClientSource } from '../transport/client-source.js';
import { peerLoader } from '../transport/load-peer.js';
import { PooledClient, type PooledClientOptions } from '../transport/pooled-client.js';
import { type ChatClient, chatDialect } from './chat-dialect.js';
import { type ResponsesClient, responsesDialect } from './responses-dialect.js';

/** Options of {@link openai}. */
export interface OpenAIOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends ModelClientOptions<Data, Inputs> {
  /** The model, for instance `gpt-4.1-mini`. Required; a call can choose another one. */
  readonly model?: string | undefined;
  /**
   * The API to use: `chat` (Chat Completions, which other servers support too) or `responses`.
   *
   * @default 'chat'
   */
  readonly api?: 'chat' | 'responses' | undefined;
}

type OpenAIClient = ChatClient & ResponsesClient;

const loadSdk = peerLoader(
  'openai',
  'openai()',
  async (toMissing) => {
    try {
      return await import('openai');
    } catch (cause) {
      throw toMissing(cause);
    }
  },
  'openai@6',
);

/**
 * Creates an agent that uses a model of OpenAI, through the official client `openai`: with Chat Completions or, with
 * `api: 'responses'`, the Responses API. With `baseURL` it works with every server that supports the same protocol, for
 * instance Ollama, vLLM and LM Studio, and needs no key. Otherwise the client reads `OPENAI_API_KEY` and
 * `OPENAI_BASE_URL`.
 *
 * `params` are sent unchanged (`temperature`, `reasoning_effort`, `seed`, …).
 *
 * @throws `InvalidArgumentError` if an option is unknown or invalid.
 */
export function openai<Data = undefined, Inputs extends Record<string, unknown> = Record<string, unknown>>(
  options: OpenAIOptions<Data, Inputs>,
): AgentDefinition<string, Data> {
  const resolved = resolveClientOptions('openai', options, {
    api: expectOneOf('chat', 'responses'),
  });
  const tools = prepareTools(options.tools);
  const api = options.api ?? 'chat';
  const openDialect = api === 'chat' ? chatDialect : responsesDialect;
  const parts = {
    tools,
    maxSteps: resolveMaxSteps(options.maxSteps),
    pricing: createPricing(options.prices),
    identity: { api, baseURL: options.baseURL ?? null, tools: tools?.definitions ?? [] },
  };
  const provider = withAccounts<OpenAIOptions>(options, (account) =>
    createModelProvider(openDialect(openClient(account, resolved), resolved.structuredOutput), parts),
  );
  return toDefinition(settingsWithParams(options), provider);
}

function openClient(options: OpenAIOptions, resolved: PooledClientOptions): ClientSource<OpenAIClient> {
  const { client, baseURL, headers } = options;
  if (client !== undefined) return { get: async () => client as OpenAIClient, close: async () => {} };
  return new PooledClient<OpenAIClient>(async (fetch) => {
    const { OpenAI } = await loadSdk();
    const apiKey = keyFor(options);
    return new OpenAI({
      fetch,
      maxRetries: 0,
      ...quietUnless('OPENAI_LOG'),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(baseURL === undefined ? {} : { baseURL }),
      ...(headers === undefined ? {} : { defaultHeaders: headers }),
    });
  }, resolved);
}

/** Local servers need no key, but the client requires one and gets a placeholder. */
function keyFor({ apiKey, baseURL }: OpenAIOptions): string | undefined {
  if (apiKey !== undefined) return apiKey;
  const isLocal = baseURL !== undefined && !process.env.OPENAI_API_KEY;
  return isLocal ? 'none' : undefined;
}

import { fieldOf } from '../../errors/foreign.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { rememberSecret, rememberSecretsIn, rememberSecretsInUrl } from '../../errors/redact.js';
import {
  expectBoolean,
  expectObject,
  expectStrings,
  expectText,
  expectUrl,
  expectWholeNumber,
} from '../../input/checks.js';
import { checkOptions, type OptionChecks } from '../check-options.js';
import { DEFAULT_MAX_RESPONSE_BYTES } from '../transport/body-guard.js';
import { DEFAULT_CONNECTIONS } from '../transport/connection-pool.js';
import { expectDispatcher, type RequestDispatcher } from '../transport/dispatcher.js';
import { type ApiKeys, expectApiKeys } from './accounts.js';
import { MODEL_AGENT_CHECKS, type ModelAgentOptions } from './model-agent-options.js';

/** Options of providers that use an official client. */
export interface ModelClientOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends ModelAgentOptions<Data, Inputs> {
  /** Base URL of the API, for instance of a gateway or a local server. @default the official client's */
  readonly baseURL?: string | undefined;
  /** The API key. @default the environment variable that the official client reads */
  readonly apiKey?: string | undefined;
  /**
   * Several keys in place of `apiKey`, each an account with a lane of its own. Calls take turns; what a key cannot take
   * because of its limits, its `requestsPerDay` or a rejection goes to the next one at once.
   *
   * @default none
   */
  readonly apiKeys?: ApiKeys | undefined;
  /** Additional headers for every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * A client of the official package, or of one of its relatives (`AnthropicBedrock`, `AnthropicVertex`, `AzureOpenAI`),
   * used as it is, but without its retries. It has its own connections: `baseURL`,
   * `apiKey`, `headers`, `connections`, `dispatcher` and `maxResponseBytes` cannot be set together with it. What its requests wait
   * for a connection counts towards `timeoutMs`.
   */
  readonly client?: object | undefined;
  /**
   * Most sockets to one origin. Providers with the same number share them across the process. Calls that wait for one
   * are still in the queue; the number should not be below `maxConcurrent`.
   *
   * @default 64
   */
  readonly connections?: number | undefined;
  /**
   * A dispatcher of undici that sends the requests, for instance a `ProxyAgent`. It is not closed. Without it, a global
   * dispatcher that the process has set is used, else the proxy in `HTTPS_PROXY` and `HTTP_PROXY`, with the exceptions
   * in `NO_PROXY`.
   */
  readonly dispatcher?: RequestDispatcher | undefined;
  /**
   * Largest accepted answer, in bytes; for a stream, the longest line. A larger one is a `ProviderResponseError`.
   *
   * @default 16_777_216
   */
  readonly maxResponseBytes?: number | undefined;
  /**
   * Whether the provider's structured output enforces an `output` schema. Set it to `false` for models and servers that
   * do not support it: the schema is then part of the instructions.
   *
   * @default true
   */
  readonly structuredOutput?: boolean | undefined;
}

const CHECKS: OptionChecks = {
  ...MODEL_AGENT_CHECKS,
  baseURL: expectUrl,
  apiKey: expectText,
  apiKeys: expectApiKeys,
  headers: expectStrings,
  client: expectObject,
  connections: expectWholeNumber(1, 10_000),
  dispatcher: expectDispatcher,
  maxResponseBytes: expectWholeNumber(1, Number.MAX_SAFE_INTEGER),
  structuredOutput: expectBoolean,
};

/** Checked {@link ModelClientOptions}, with defaults. */
export interface ResolvedClientOptions {
  readonly connections: number;
  readonly dispatcher: RequestDispatcher | undefined;
  readonly maxResponseBytes: number;
  readonly structuredOutput: boolean;
}

/** Checks the options, including a provider's own, and fills in defaults. */
export function resolveClientOptions(
  where: string,
  options: ModelClientOptions,
  more: OptionChecks = {},
): ResolvedClientOptions {
  checkOptions(where, options, { ...CHECKS, ...more });
  if (options.model === undefined) throw noModel(where);
  if (options.client !== undefined) refuseBesideClient(where, options);
  if (options.apiKey !== undefined && options.apiKeys !== undefined) {
    throw new InvalidArgumentError('options.apiKeys', `${where}: expected apiKey or apiKeys, not both.`);
  }
  rememberKeys(options);
  return {
    connections: options.connections ?? DEFAULT_CONNECTIONS,
    dispatcher: options.dispatcher,
    maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
    structuredOutput: options.structuredOutput ?? true,
  };
}

/** The variables from which official clients read their keys. */
const KEY_VARIABLES = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'AZURE_OPENAI_API_KEY',
  'OPENAI_API_KEY',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_BEARER_TOKEN_BEDROCK',
] as const;
const KEY_FIELDS = ['apiKey', 'authToken', 'accessToken', 'awsSecretKey', 'awsSessionToken'] as const;

/** Whatever a server or client says in an error, the keys it was called with are not part of it. */
function rememberKeys({
  apiKey,
  apiKeys = [],
  headers = {},
  baseURL,
  client = {},
}: ModelClientOptions): void {
  rememberSecret(apiKey);
  for (const one of apiKeys) rememberSecret(typeof one === 'string' ? one : one.key);
  rememberSecretsIn(Object.entries(headers));
  if (baseURL !== undefined) rememberSecretsInUrl(baseURL);
  for (const name of KEY_VARIABLES) rememberSecret(process.env[name]);
  for (const name of KEY_FIELDS) rememberSecret(fieldOf(client, name));
}

function noModel(where: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'options.model',
    `${where}: model must be the name of a model, as in ${where}({ model: '…' }); got nothing. A call can still choose another one.`,
  );
}

function refuseBesideClient(where: string, options: ModelClientOptions): void {
  for (const name of [
    'baseURL',
    'apiKey',
    'apiKeys',
    'headers',
    'connections',
    'dispatcher',
    'maxResponseBytes',
  ] as const) {
    if (options[name] !== undefined) {
      throw new InvalidArgumentError(
        `options.${name}`,
        `${where}: ${name} has no effect together with client; set it on the client, or leave out the client.`,
      );
    }
  }
}

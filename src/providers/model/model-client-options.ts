import { InvalidArgumentError } from '../../errors/input-errors.js';
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
import { MODEL_AGENT_CHECKS, type ModelAgentOptions } from './model-agent-options.js';

/** How a provider over an official client is reached. */
export interface ModelClientOptions<
  Data = unknown,
  Inputs extends Record<string, unknown> = Record<string, unknown>,
> extends ModelAgentOptions<Data, Inputs> {
  /** Where the API is, for instance of a gateway or a local server. @default the official client's */
  readonly baseURL?: string | undefined;
  /** The API key. @default the environment variable that the official client reads */
  readonly apiKey?: string | undefined;
  /** More headers for every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * A ready client of the official package, used as it is except that its retries are off. It brings its own
   * connections: `baseURL`, `apiKey`, `headers`, `connections` and `maxResponseBytes` cannot be given beside it.
   */
  readonly client?: object | undefined;
  /**
   * Most sockets to one origin. Providers with the same number share them, in the whole process.
   *
   * @default 64
   */
  readonly connections?: number | undefined;
  /**
   * Largest answer taken, in bytes; of a stream, the largest single line. More is a `ProviderResponseError`.
   *
   * @default 16_777_216
   */
  readonly maxResponseBytes?: number | undefined;
  /**
   * Whether an `output` schema is enforced by the provider's own structured output. Switch it off for models
   * and servers that do not have it: the schema is then asked for in the instructions.
   *
   * @default true
   */
  readonly structuredOutput?: boolean | undefined;
}

const CHECKS: OptionChecks = {
  ...MODEL_AGENT_CHECKS,
  baseURL: expectUrl,
  apiKey: expectText,
  headers: expectStrings,
  client: expectObject,
  connections: expectWholeNumber(1, 10_000),
  maxResponseBytes: expectWholeNumber(1, Number.MAX_SAFE_INTEGER),
  structuredOutput: expectBoolean,
};

/** What is used of {@link ModelClientOptions} after it was checked. */
export interface ResolvedClientOptions {
  readonly connections: number;
  readonly maxResponseBytes: number;
  readonly structuredOutput: boolean;
}

/** Checks the options, a provider's own ones among them, and fills in what was left out. */
export function resolveClientOptions(
  where: string,
  options: ModelClientOptions,
  more: OptionChecks = {},
): ResolvedClientOptions {
  checkOptions(where, options, { ...CHECKS, ...more });
  if (options.client !== undefined) refuseBesideClient(where, options);
  return {
    connections: options.connections ?? DEFAULT_CONNECTIONS,
    maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
    structuredOutput: options.structuredOutput ?? true,
  };
}

function refuseBesideClient(where: string, options: ModelClientOptions): void {
  for (const name of ['baseURL', 'apiKey', 'headers', 'connections', 'maxResponseBytes'] as const) {
    if (options[name] !== undefined) {
      throw new InvalidArgumentError(
        `options.${name}`,
        `${where}: ${name} has no effect beside client, which brings its own; set it on the client, or leave the client out.`,
      );
    }
  }
}

import type { ProviderRequest } from '../../contracts/provider.js';
import type { AgentReply } from '../../contracts/reply.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import { expectFunction, expectOneOf, expectStrings, expectWholeNumber } from '../../input/checks.js';
import { AGENT_SETTINGS, type AgentSettings } from '../agent-settings.js';
import { checkOptions, type OptionChecks } from '../check-options.js';
import { DEFAULT_MAX_RESPONSE_BYTES } from '../transport/body-guard.js';
import { DEFAULT_CONNECTIONS } from '../transport/connection-pool.js';
import { requireHttpUrl } from './http-url.js';

/** What the mapping functions know about the call. */
export type HttpAgentContext = Pick<
  ProviderRequest,
  'agent' | 'callId' | 'attempt' | 'model' | 'instructions' | 'params' | 'signal'
>;

/** Where a service is, what it is sent and what its answer means. */
export interface HttpAgentOptions<Name extends string = string, Data = unknown>
  extends AgentSettings<Name, Data> {
  /**
   * The endpoint, `http:` or `https:`. A task never changes it, unless it is a function that puts the task into
   * it; such a function has to encode what it puts in (`encodeURIComponent`).
   */
  url: string | URL | ((task: string, context: HttpAgentContext) => string | URL);
  /** HTTP method. With `GET` no body is sent. @default 'POST' */
  method?: 'POST' | 'PUT' | 'PATCH' | 'GET' | undefined;
  /** Headers for every request, or a function that makes them anew, for instance with a fresh token. */
  headers?:
    | Readonly<Record<string, string>>
    | ((
        context: HttpAgentContext,
      ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>)
    | undefined;
  /**
   * Makes the body, which is sent as JSON.
   *
   * @default `{ task }`, with `model`, `instructions` and `params` where the call has them
   */
  request?: ((task: string, context: HttpAgentContext) => unknown) | undefined;
  /**
   * Makes the reply from the answer's JSON. What it throws fails the call.
   *
   * @default a string is the answer; of an object, `output` and the other fields of a reply
   */
  response?: ((json: unknown, context: HttpAgentContext) => AgentReply | Promise<AgentReply>) | undefined;
  /** Largest answer taken, in bytes. @default 16_777_216 */
  maxResponseBytes?: number | undefined;
  /** Most sockets to one origin. Providers with the same number share them, in the whole process. @default 64 */
  connections?: number | undefined;
}

/** {@link HttpAgentOptions} with every default filled in, but for the mappings. */
export interface ResolvedHttpOptions {
  readonly url: string | ((task: string, context: HttpAgentContext) => string | URL);
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'GET';
  readonly headers: NonNullable<HttpAgentOptions['headers']>;
  readonly request: HttpAgentOptions['request'];
  readonly response: HttpAgentOptions['response'];
  readonly maxResponseBytes: number;
  readonly connections: number;
}

const CHECKS: OptionChecks = {
  ...AGENT_SETTINGS,
  url: true,
  method: expectOneOf('POST', 'PUT', 'PATCH', 'GET'),
  headers: (value) =>
    typeof value === 'function' ? undefined : expectStrings(value) && 'an object of strings or a function',
  request: expectFunction,
  response: expectFunction,
  maxResponseBytes: expectWholeNumber(1, Number.MAX_SAFE_INTEGER),
  connections: expectWholeNumber(1, 10_000),
};

/** Checks the options and fills in their defaults. */
export function resolveHttpOptions(options: HttpAgentOptions): ResolvedHttpOptions {
  checkOptions('httpAgent', options, CHECKS);
  const { url, method = 'POST', request } = options;
  if (method === 'GET' && request !== undefined) {
    throw new InvalidArgumentError(
      'options.request',
      'httpAgent: request makes a body, and GET has none; leave it out, or use POST.',
    );
  }
  return {
    url: typeof url === 'function' ? url : requireHttpUrl(url).href,
    method,
    headers: options.headers ?? {},
    request,
    response: options.response,
    maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
    connections: options.connections ?? DEFAULT_CONNECTIONS,
  };
}

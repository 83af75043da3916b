import type { AcceptedContent, ProviderRequest } from '../../contracts/provider.js';
import type { AgentReply } from '../../contracts/reply.js';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import {
  type Check,
  expectFunction,
  expectOneOf,
  expectStrings,
  expectWholeNumber,
} from '../../input/checks.js';
import { AGENT_SETTINGS, type AgentSettings } from '../agent-settings.js';
import { checkOptions, type OptionChecks } from '../check-options.js';
import { DEFAULT_MAX_RESPONSE_BYTES } from '../transport/body-guard.js';
import { DEFAULT_CONNECTIONS } from '../transport/connection-pool.js';
import { expectDispatcher, type RequestDispatcher } from '../transport/dispatcher.js';
import { requireHttpUrl } from './http-url.js';

/** The call, as the functions of {@link HttpAgentOptions} receive it. */
export type HttpAgentContext = Pick<
  ProviderRequest,
  'agent' | 'callId' | 'attempt' | 'messages' | 'model' | 'instructions' | 'params' | 'signal'
>;

/** Options of `httpAgent`: where the service is, what it receives and what its answer means. */
export interface HttpAgentOptions<Name extends string = string, Data = unknown>
  extends AgentSettings<Name, Data> {
  /**
   * The endpoint, `http:` or `https:`. A task cannot change it, unless it is a function that inserts the task; such a
   * function must encode it (`encodeURIComponent`).
   */
  url: string | URL | ((task: string, context: HttpAgentContext) => string | URL);
  /** The HTTP method. With `GET` no body is sent. @default 'POST' */
  method?: 'POST' | 'PUT' | 'PATCH' | 'GET' | undefined;
  /** Headers for every request, or a function that returns them for each request, for instance with a fresh token. */
  headers?:
    | Readonly<Record<string, string>>
    | ((
        context: HttpAgentContext,
      ) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>)
    | undefined;
  /**
   * Returns the body, which is sent as JSON.
   *
   * @default `{ task }`, with `messages`, `model`, `instructions` and `params` if the call has them; a file in
   * `messages` is `{ name, mediaType, data }` with its bytes in base64
   */
  request?: ((task: string, context: HttpAgentContext) => unknown) | undefined;
  /**
   * What `request`, or `url` of a `GET`, makes use of besides the task's text: conversations, and files of these media
   * types, in `context.messages`. A task with anything else is refused before anything is sent.
   *
   * @default everything with the default body, else text alone
   */
  accepts?: AcceptedContent | undefined;
  /**
   * Converts the answer's JSON to a reply. If it throws, the call fails.
   *
   * @default a string is the reply; from an object, `output` and the other fields of a reply are used
   */
  response?: ((json: unknown, context: HttpAgentContext) => AgentReply | Promise<AgentReply>) | undefined;
  /**
   * Whether the JSON of a response with a status below 400 is a failure: `true`, or a text that says why. It is asked
   * before `response`. An error in the JSON is read for the message and for whether a retry helps.
   *
   * @default without `response`: an object with an `error`, or with `success` or `ok` set to `false`
   */
  isFailure?: ((json: unknown) => boolean | string) | undefined;
  /** Largest accepted answer, in bytes. @default 16_777_216 */
  maxResponseBytes?: number | undefined;
  /**
   * Most sockets to one origin. Providers with the same number share them across the process. Calls that wait for one
   * are still in the queue; the number should not be below `maxConcurrent`.
   *
   * @default 64
   */
  connections?: number | undefined;
  /**
   * A dispatcher of undici that sends the requests, for instance a `ProxyAgent`. It is not closed. Without it, a global
   * dispatcher that the process has set is used, else the proxy in `HTTPS_PROXY` and `HTTP_PROXY`, with the exceptions
   * in `NO_PROXY`.
   */
  dispatcher?: RequestDispatcher | undefined;
}

/** {@link HttpAgentOptions} with defaults, except for `request` and `response`. */
export interface ResolvedHttpOptions {
  readonly url: string | ((task: string, context: HttpAgentContext) => string | URL);
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'GET';
  readonly headers: NonNullable<HttpAgentOptions['headers']>;
  readonly request: HttpAgentOptions['request'];
  readonly response: HttpAgentOptions['response'];
  readonly isFailure: HttpAgentOptions['isFailure'];
  readonly accepts: AcceptedContent;
  readonly maxResponseBytes: number;
  readonly connections: number;
  readonly dispatcher: RequestDispatcher | undefined;
}

const EVERYTHING: AcceptedContent = { conversations: true, files: ['*'] };

const expectAccepted: Check = (value) => {
  const { conversations, files, ...others } = (value ?? {}) as AcceptedContent;
  const isList =
    files === undefined || (Array.isArray(files) && files.every((type) => typeof type === 'string'));
  const fits = (conversations === undefined || typeof conversations === 'boolean') && isList;
  return fits && Object.keys(others).length === 0
    ? undefined
    : 'an object { conversations, files } with true or false and a list of media types';
};

const CHECKS: OptionChecks = {
  ...AGENT_SETTINGS,
  url: true,
  method: expectOneOf('POST', 'PUT', 'PATCH', 'GET'),
  headers: (value) =>
    typeof value === 'function' ? undefined : expectStrings(value) && 'an object of strings or a function',
  request: expectFunction,
  accepts: expectAccepted,
  response: expectFunction,
  isFailure: expectFunction,
  maxResponseBytes: expectWholeNumber(1, Number.MAX_SAFE_INTEGER),
  connections: expectWholeNumber(1, 10_000),
  dispatcher: expectDispatcher,
};

/** Checks the options and fills in their defaults. */
export function resolveHttpOptions(options: HttpAgentOptions): ResolvedHttpOptions {
  checkOptions('httpAgent', options, CHECKS);
  const { url, method = 'POST', request } = options;
  if (method === 'GET' && request !== undefined) {
    throw new InvalidArgumentError(
      'options.request',
      'httpAgent: request makes a body, but GET sends none; leave it out, or use POST.',
    );
  }
  return {
    url: typeof url === 'function' ? url : requireHttpUrl(url).href,
    method,
    headers: options.headers ?? {},
    request,
    response: options.response,
    isFailure: options.isFailure,
    accepts: options.accepts ?? (method === 'GET' || request !== undefined ? {} : EVERYTHING),
    maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
    connections: options.connections ?? DEFAULT_CONNECTIONS,
    dispatcher: options.dispatcher,
  };
}

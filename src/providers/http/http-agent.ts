import type { AgentDefinition } from '../../contracts/agent.js';
import type { Provider, ProviderRequest } from '../../contracts/provider.js';
import type { AgentReplyObject } from '../../contracts/reply.js';
import { ProviderResponseError } from '../../errors/provider-errors.js';
import { rememberSecretsIn, rememberSecretsInUrl } from '../../errors/redact.js';
import { toDefinition } from '../agent-settings.js';
import { errorFromAnswer } from '../transport/http-status.js';
import { PooledClient } from '../transport/pooled-client.js';
import { exchangeJson, type HttpAnswer, type HttpMessage } from './http-exchange.js';
import { defaultBody, isReply, judgedBody, readDefaultAnswer, toReplyObject } from './http-mapping.js';
import {
  type HttpAgentContext,
  type HttpAgentOptions,
  type ResolvedHttpOptions,
  resolveHttpOptions,
} from './http-options.js';
import { requireHttpUrl } from './http-url.js';

/**
 * Creates an agent that uses an HTTP service: one request with a JSON body, one JSON answer. The functions `request` and
 * `response` convert them. Failures are classified by status and body, and `retry-after` is respected; redirects are
 * not followed. When the call is cancelled or times out, its socket is closed.
 *
 * @example
 * ```ts
 * const search = httpAgent({
 *   url: 'https://search.example.com/v1/query',
 *   headers: { authorization: `Bearer ${process.env.SEARCH_KEY}` },
 *   request: (task) => ({ query: task, limit: 5 }),
 *   response: (json) => JSON.stringify((json as { hits: unknown[] }).hits),
 * });
 * ```
 *
 * @throws `InvalidArgumentError` if an option is unknown or invalid.
 */
export function httpAgent<const Name extends string = string, Data = unknown>(
  options: HttpAgentOptions<Name, Data>,
): AgentDefinition<Name, Data> {
  return toDefinition(options, createHttpProvider(resolveHttpOptions(options)));
}

function createHttpProvider(options: ResolvedHttpOptions): Provider {
  const client = new PooledClient(async (fetch) => fetch, options);
  return {
    specificationVersion: 1,
    name: 'http',
    identity: { method: options.method, ...(typeof options.url === 'string' ? { url: options.url } : {}) },
    accepts: options.accepts,
    async generate(request) {
      const message = await toMessage(request, options);
      const answer = await exchangeJson(await client.get(request.onWait), message, request);
      return toReply(answer, request, options);
    },
    close: () => client.close(),
  };
}

async function toMessage(request: ProviderRequest, options: ResolvedHttpOptions): Promise<HttpMessage> {
  const { url, method, headers } = options;
  const context = contextOf(request);
  const body =
    method === 'GET' ? undefined : JSON.stringify((options.request ?? defaultBody)(request.task, context));
  const target = requireHttpUrl(typeof url === 'function' ? url(request.task, context) : url);
  const own = typeof headers === 'function' ? await headers(context) : headers;
  rememberSecretsInUrl(target);
  rememberSecretsIn(Object.entries(own));
  return {
    url: target,
    method,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...lowerCaseNames(own),
    },
    body,
  };
}

/** Lower-cases the names, so that a header of the user replaces a default one however it is spelt. */
function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

async function toReply(
  { json, facts }: HttpAnswer,
  request: ProviderRequest,
  options: ResolvedHttpOptions,
): Promise<AgentReplyObject> {
  const failure = options.isFailure?.(json) ?? false;
  if (failure !== false) throw errorFromAnswer(facts.status, judgedBody(json, failure), facts);
  if (options.response !== undefined) {
    const reply = await options.response(json, contextOf(request));
    if (isReply(reply)) return toReplyObject(reply);
    throw new ProviderResponseError(
      'httpAgent: response() must return a string, or an object with a string `output`.',
      facts,
    );
  }
  const answer = readDefaultAnswer(json);
  if (answer === undefined) {
    throw new ProviderResponseError(
      'The answer is neither a string nor an object with a string `output`; convert it with response: (json) => ….',
      facts,
    );
  }
  if ('error' in answer) throw errorFromAnswer(facts.status, answer.error, facts);
  return answer.reply;
}

function contextOf(request: ProviderRequest): HttpAgentContext {
  const { agent, callId, attempt, messages, model, instructions, params, signal } = request;
  return { agent, callId, attempt, messages, model, instructions, params, signal };
}

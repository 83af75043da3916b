import type { AgentDefinition } from '../../contracts/agent.js';
import type { CallFunction, CallOptions, FunctionCallOptions } from '../../contracts/call.js';
import { fieldOf } from '../../errors/foreign.js';
import { type Check, expectFunction, expectObject, expectText, mismatch } from '../../input/checks.js';
import { unknownKeyError } from '../../input/unknown-key.js';
import { createPricing, type PricesOption } from '../pricing/pricing.js';
import { linkAbort } from '../transport/link-signal.js';
import { FetchExchange } from './fetch-exchange.js';
import { type FetchInput, type FetchRequest, readFetchRequest } from './fetch-request.js';

/** The orchestrator that guards requests: the part of an `AsyncOrchestrator` that {@link guardedFetch} uses. */
export interface FetchGuard {
  /** As that of an `AsyncOrchestrator`. */
  run<Value>(fn: CallFunction<Value>, options?: FunctionCallOptions): Promise<unknown>;
}

/** What the orchestrator offers to this package alone. */
interface UnregisteredCalls {
  callUnregistered(
    agent: { definition: AgentDefinition; lane: string; isHedgeable: boolean },
    task: string,
    options: CallOptions,
  ): Promise<unknown>;
}

/** Settings of {@link guardedFetch}: how its requests are made. They override the orchestrator's. */
export interface GuardedFetchOptions
  extends Pick<
    CallOptions,
    'timeoutMs' | 'timeouts' | 'deadlineMs' | 'maxRetries' | 'priority' | 'tenant' | 'metadata'
  > {
  /**
   * The lane of all requests, whose limits, pauses and breaker they share.
   *
   * @default the request's host, with the model that its body names: `api.openai.com/gpt-4.1-mini`
   */
  lane?: string | undefined;
  /** Prices of models, for budgets: they extend or replace the built-in table. */
  prices?: PricesOption | undefined;
  /** The function that sends. @default the global fetch */
  fetch?: typeof globalThis.fetch | undefined;
}

const OWN_CHECKS = new Map<string, Check>([
  ['lane', expectText],
  ['prices', expectObject],
  ['fetch', expectFunction],
]);
// Their values are checked with each call.
const CALL_OPTIONS = ['timeoutMs', 'timeouts', 'deadlineMs', 'maxRetries', 'priority', 'tenant', 'metadata'];

/**
 * Returns a `fetch` whose requests are calls of the orchestrator: they wait for its permits and their lane, keep to
 * the limits that responses report, are paused and retried after a 429 or 5xx, fit into its budgets, and end with its
 * `close()`. Pass it to a client that exists already, and leave the rest of the program as it is.
 *
 * The response is the client's as it is, error statuses included, once no retry is left. It rejects as `fetch` does
 * when the client's own signal is aborted, and with the `TuttiError` of a request that got no response. A stream
 * is passed on as it comes; until it ends, its request holds its permit. Set the client's own retries to 0.
 *
 * @example
 * ```ts
 * const client = new OpenAI({ fetch: guardedFetch(orchestrator, { lane: 'openai' }), maxRetries: 0 });
 * ```
 *
 * @throws `InvalidArgumentError` for an unknown or invalid option.
 */
export function guardedFetch(
  orchestrator: FetchGuard,
  options: GuardedFetchOptions = {},
): typeof globalThis.fetch {
  if (typeof fieldOf(orchestrator, 'callUnregistered') !== 'function') {
    throw mismatch('orchestrator', 'an AsyncOrchestrator', orchestrator);
  }
  checkOptions(options);
  const { lane, prices, fetch, ...callOptions } = options;
  const pricing = createPricing(prices);
  const calls = orchestrator as unknown as UnregisteredCalls;
  return async (input: FetchInput, init?: RequestInit): Promise<Response> => {
    const request = await readFetchRequest(input, init);
    const linked = request.signal && linkAbort(request.signal);
    const controller = linked?.controller ?? new AbortController();
    const exchange = new FetchExchange(
      { request, pricing, lane: lane ?? laneOf(request), fetch: fetch ?? globalThis.fetch },
      controller,
    );
    const retries = request.isRepeatable ? {} : { maxRetries: 0 };
    const agent = { definition: exchange.definition, lane: lane ?? laneOf(request), isHedgeable: false };
    const settled = calls.callUnregistered(agent, request.text, {
      ...callOptions,
      ...retries,
      signal: controller.signal,
    });
    settled
      .then(
        () => exchange.succeeded(),
        (error: unknown) => exchange.failed(request.signal?.aborted === true ? request.signal.reason : error),
      )
      .finally(() => linked?.dispose());
    return await exchange.response;
  };
}

function checkOptions(options: unknown): void {
  const wrong = expectObject(options);
  if (wrong !== undefined) throw mismatch('guardedFetch options', wrong, options);
  for (const [key, value] of Object.entries(options as object)) {
    const check = OWN_CHECKS.get(key);
    if (check === undefined && !CALL_OPTIONS.includes(key)) {
      throw unknownKeyError('', key, [...OWN_CHECKS.keys(), ...CALL_OPTIONS]);
    }
    const expected = value === undefined ? undefined : check?.(value);
    if (expected !== undefined) throw mismatch(key, expected, value);
  }
}

function laneOf({ url, model }: FetchRequest): string {
  const host = URL.canParse(url) ? new URL(url).host : '';
  const service = host === '' ? 'fetch' : host;
  return model === undefined ? service : `${service}/${model}`;
}

import type { Spending } from '../resilience/budget.js';
import type { Lane } from '../resilience/lane.js';
import type { TokenCost } from '../resilience/rate-limit-usage.js';
import type { Call } from './call.js';
import type { RegisteredAgent } from './registered-agent.js';

/** What an attempt can take at worst. */
export interface AttemptCost {
  /** Bytes of UTF-8 that are sent: the instructions and the task. */
  readonly sizeBytes: number;
  /** Tokens, as the lane estimates them. */
  readonly tokens: TokenCost;
  /** Money and tokens, for the budgets; `undefined` where nobody can tell. */
  readonly spending: Spending;
}

/** UTF-8 bytes a token where no lane has observed any: text has about four, code fewer. */
const BYTES_PER_TOKEN = 3.5;

/** Parameters that bound an answer's length, by the names that providers give them. */
const MAX_TOKENS_NAMES = ['maxTokens', 'max_tokens', 'max_completion_tokens', 'max_output_tokens'] as const;

/** What an attempt of the call by `target` can take at worst. */
export function worstCase(call: Call, target: RegisteredAgent, lane: Lane | undefined): AttemptCost {
  const sizeBytes = sizeOf(call, target);
  const maxTokens = maxTokensOf(call, target);
  const tokens = lane?.estimate(sizeBytes, maxTokens) ?? {
    inputTokens: Math.ceil(sizeBytes / BYTES_PER_TOKEN),
    outputTokens: maxTokens ?? 0,
  };
  return { sizeBytes, tokens, spending: spendingOf(call, target, tokens, maxTokens) };
}

function spendingOf(
  call: Call,
  target: RegisteredAgent,
  { inputTokens }: TokenCost,
  maxTokens: number | undefined,
): Spending {
  const { maxCostUsd, provider } = target.definition;
  const isBounded = maxTokens !== undefined;
  const priced = isBounded
    ? provider?.costUsd?.(call.modelOf(target), { inputTokens, outputTokens: maxTokens })
    : undefined;
  return { usd: maxCostUsd ?? priced, tokens: isBounded ? inputTokens + maxTokens : undefined };
}

function maxTokensOf(call: Call, target: RegisteredAgent): number | undefined {
  const params = call.paramsOf(target);
  const identity = target.definition.provider?.identity ?? {};
  for (const source of [params, identity]) {
    for (const name of MAX_TOKENS_NAMES) {
      const value = source[name];
      if (typeof value === 'number' && value > 0) return value;
    }
  }
  return undefined;
}

function sizeOf(call: Call, { definition }: RegisteredAgent): number {
  const { instructions } = definition;
  return Buffer.byteLength(call.task) + (instructions === undefined ? 0 : Buffer.byteLength(instructions));
}

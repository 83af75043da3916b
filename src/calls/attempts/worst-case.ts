import type { CallCost } from '../../resilience/budget/budget.js';
import type { Lane } from '../../resilience/lane/lane.js';
import type { TokenCost } from '../../resilience/rate-limit/token-cost.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';

/** UTF-8 bytes a token where no lane has observed any: text has about four, code fewer. */
const BYTES_PER_TOKEN = 3.5;

/** Bytes of UTF-8 that an attempt of the call by `target` sends: the instructions and the task. */
export function sizeOf(call: Call, { definition }: RegisteredAgent): number {
  const { instructions } = definition;
  return Buffer.byteLength(call.task) + (instructions === undefined ? 0 : Buffer.byteLength(instructions));
}

/** Tokens that it can take at worst, as its lane estimates them. */
export function worstTokens(
  call: Call,
  target: RegisteredAgent,
  lane: Lane | undefined,
  sizeBytes: number,
): TokenCost {
  const maxTokens = maxTokensOf(call, target);
  if (lane !== undefined) return lane.estimate(sizeBytes, maxTokens);
  return { inputTokens: Math.ceil(sizeBytes / BYTES_PER_TOKEN), outputTokens: maxTokens ?? 0 };
}

/** Money and tokens that it can take at worst, for the budgets; `undefined` where nobody can tell. */
export function spendingAtWorst(call: Call, target: RegisteredAgent, { inputTokens }: TokenCost): CallCost {
  const { maxCostUsd, provider } = target.definition;
  const maxTokens = maxTokensOf(call, target);
  if (maxTokens === undefined) return { usd: maxCostUsd, tokens: undefined };
  const priced = (): number | undefined =>
    provider?.costUsd?.(call.modelOf(target), { inputTokens, outputTokens: maxTokens });
  return { usd: maxCostUsd ?? priced(), tokens: inputTokens + maxTokens };
}

/** The longest answer that it asks for, by its provider's reading of the parameters; `undefined` where nothing limits it. */
function maxTokensOf(call: Call, target: RegisteredAgent): number | undefined {
  const { provider } = target.definition;
  const params = call.paramsOf(target);
  const tokens: unknown =
    provider?.maxOutputTokens === undefined
      ? params.maxTokens
      : provider.maxOutputTokens(call.modelOf(target), params);
  return typeof tokens === 'number' && tokens > 0 ? tokens : undefined;
}

import type { PreparedContent } from '../../content/prepared-content.js';
import type { Provider } from '../../contracts/provider.js';
import type { ContentFile } from '../../contracts/task-content.js';
import type { CallCost } from '../../resilience/budget/budget.js';
import type { Lane } from '../../resilience/lane/lane.js';
import type { TokenCost } from '../../resilience/rate-limit/token-cost.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';

/** UTF-8 bytes a token where no lane has observed any: text has about four, code fewer. */
const BYTES_PER_TOKEN = 3.5;

/** Tokens of a file where its provider knows no rule: those of a large image, and of one page of a PDF. */
const TOKENS_PER_FILE = 1_600;
const TOKENS_PER_PAGE = 3_000;

/** What an attempt sends. */
export interface SentSize {
  /** UTF-8 bytes of the instructions and the task. */
  readonly textBytes: number;
  /** Tokens of images and PDFs. */
  readonly fileTokens: number;
}

/** What an attempt of the call by `target` sends. */
export function sizeOf(call: Call, target: RegisteredAgent): SentSize {
  const { instructions } = target.definition;
  const { task } = call;
  const isText = typeof task === 'string';
  const taskBytes = isText ? Buffer.byteLength(task) : task.textBytes;
  return {
    textBytes: taskBytes + (instructions === undefined ? 0 : Buffer.byteLength(instructions)),
    fileTokens: isText ? 0 : fileTokensOf(call, task, target),
  };
}

function fileTokensOf(call: Call, { files }: PreparedContent, target: RegisteredAgent): number {
  const { provider } = target.definition;
  const model = call.modelOf(target);
  let tokens = 0;
  for (const { loaded } of files) {
    if (loaded === undefined || loaded.kind === 'text') continue;
    tokens += provider?.fileTokens?.(model, loaded) ?? usualTokens(loaded);
  }
  return tokens;
}

function usualTokens({ kind, pages = 1 }: ContentFile): number {
  return kind === 'pdf' ? pages * TOKENS_PER_PAGE : TOKENS_PER_FILE;
}

/** The most tokens that it can take, as its lane estimates them. */
export function worstTokens(
  call: Call,
  target: RegisteredAgent,
  lane: Lane | undefined,
  { textBytes, fileTokens }: SentSize,
): TokenCost {
  const maxTokens = maxTokensOf(call, target);
  const { inputTokens, outputTokens } = lane?.estimate(textBytes, maxTokens) ?? {
    inputTokens: usualTextTokens(textBytes),
    outputTokens: maxTokens ?? 0,
  };
  return { inputTokens: inputTokens + fileTokens, outputTokens };
}

function usualTextTokens(textBytes: number): number {
  return Math.ceil(textBytes / BYTES_PER_TOKEN);
}

/** The maximum cost in money and tokens, for the budgets; `undefined` where it is unknown. */
export function spendingAtWorst(
  call: Call,
  target: RegisteredAgent,
  lane: Lane | undefined,
  { textBytes, fileTokens }: SentSize,
): CallCost {
  const { maxCostUsd, provider } = target.definition;
  // In the worst case nothing is in the provider's prompt cache.
  const inputTokens = (lane?.promptTokens(textBytes) ?? usualTextTokens(textBytes)) + fileTokens;
  // What the provider asks for where the parameters do not say may be spent as well.
  const outputTokens = maxTokensOf(call, target) ?? provider?.defaultMaxOutputTokens;
  const tokens = outputTokens === undefined ? undefined : inputTokens + outputTokens;
  const model = call.modelOf(target);
  const usd =
    maxCostUsd ??
    (outputTokens === undefined ? undefined : maxCostOf(provider, model, { inputTokens, outputTokens }));
  if (usd !== undefined) return { usd, tokens };
  return { usd, tokens, missing: missingFor(provider, model, outputTokens) };
}

function maxCostOf(
  provider: Provider | undefined,
  model: string | undefined,
  tokens: TokenCost,
): number | undefined {
  return provider?.maxCostUsd === undefined
    ? provider?.costUsd?.(model, tokens)
    : provider.maxCostUsd(model, tokens);
}

/** The settings that would make a maximum cost known. */
function missingFor(
  provider: Provider | undefined,
  model: string | undefined,
  outputTokens: number | undefined,
): string {
  const otherwise = 'maxCostUsd on the agent or perCallUsd on the budget';
  if (provider?.costUsd === undefined) return otherwise;
  const isPriced = provider.costUsd(model, { inputTokens: 1, outputTokens: 1 }) !== undefined;
  const parts = [
    outputTokens === undefined ? 'maxTokens' : '',
    isPriced ? '' : 'a price for the model (prices)',
  ];
  return `${parts.filter((part) => part !== '').join(' and ')}; or ${otherwise}`;
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

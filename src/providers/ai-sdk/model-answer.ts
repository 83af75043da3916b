import { type Usage, usageFromCounts } from '../../contracts/usage.js';
import { fieldOf } from '../../errors/foreign.js';
import { endFields } from '../model/finish-reason.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';
import { objectInput, parseToolInput } from '../model/tool-input.js';
import { promptParts } from './call-options.js';
import type { AnswerPart, ModelFinishReason, ModelUsage } from './language-model.js';

/** A whole answer, from `doGenerate` or from a stream. */
export interface WholeAnswer {
  readonly content: readonly AnswerPart[];
  readonly finishReason: ModelFinishReason | undefined;
  readonly usage: ModelUsage | undefined;
  readonly modelId: string | undefined;
  /** What the provider says besides the answer. */
  readonly providerMetadata?: unknown;
}

/** An answer as a step. */
export function stepFromAnswer(answer: WholeAnswer): ModelStep {
  const { content, finishReason } = answer;
  return {
    text: content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join(''),
    toolCalls: content.filter(isOurToolCall).map(toolCallFromPart),
    usage: usageFromModel(answer.usage, answer.providerMetadata),
    ...endFields(reasonOf(finishReason), undefined),
    model: answer.modelId,
    raw: promptParts(content, objectInput),
  };
}

/** The reason of either version; the model's own word where the unified one says only that it is another. */
function reasonOf(reason: ModelFinishReason | undefined): string | undefined {
  if (typeof reason !== 'object') return reason;
  return reason.unified === 'error' || reason.unified === 'other'
    ? (reason.raw ?? reason.unified)
    : reason.unified;
}

/** Whether a part calls a tool of the agent; the provider runs its own tools itself. */
export function isOurToolCall(part: AnswerPart): boolean {
  return part.type === 'tool-call' && part.providerExecuted !== true;
}

/** A part that calls a tool, as a tool call. */
export function toolCallFromPart(part: AnswerPart): ModelToolCall {
  return { id: part.toolCallId ?? '', name: part.toolName ?? '', input: parseToolInput(part.input) };
}

/** Usage of either version of the interface. */
export function usageFromModel(usage: ModelUsage | undefined, providerMetadata?: unknown): Partial<Usage> {
  const output = usage?.outputTokens;
  const outputTokens = typeof output === 'object' ? output.total : output;
  const { total, read, written } = inputCounts(usage, fieldOf(providerMetadata, 'anthropic'));
  const inputTokens = total === undefined ? undefined : Math.max(0, total - read - written);
  return usageFromCounts(inputTokens, outputTokens, read, written);
}

function inputCounts(
  usage: ModelUsage | undefined,
  anthropic: unknown,
): {
  total: number | undefined;
  read: number;
  written: number;
} {
  const input = usage?.inputTokens;
  if (typeof input !== 'object') {
    const read = usage?.cachedInputTokens ?? 0;
    if (typeof anthropic !== 'object' || input === undefined) return { total: input, read, written: 0 };
    // In v2 the models of Anthropic count cached tokens apart, and written ones only here.
    const created = fieldOf(anthropic, 'cacheCreationInputTokens');
    const written = typeof created === 'number' ? created : 0;
    return { total: input + read + written, read, written };
  }
  const read = input.cacheRead ?? 0;
  const written = input.cacheWrite ?? 0;
  const total = input.total ?? (input.noCache === undefined ? undefined : input.noCache + read + written);
  return { total, read, written };
}

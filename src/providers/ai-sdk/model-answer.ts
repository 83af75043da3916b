import { type FinishReason, type Usage, usageFromCounts } from '../../contracts/usage.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';
import { parseToolInput } from '../model/params.js';
import { promptParts } from './call-options.js';
import type { ContentPart, ModelFinishReason, ModelUsage } from './language-model.js';

/** A whole answer, from `doGenerate` or from a stream. */
export interface WholeAnswer {
  readonly content: readonly ContentPart[];
  readonly finishReason: ModelFinishReason | undefined;
  readonly usage: ModelUsage | undefined;
  readonly modelId: string | undefined;
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content-filter',
  'tool-calls': 'tool-calls',
  error: 'error',
};

/** An answer as a step. */
export function stepFromAnswer(answer: WholeAnswer): ModelStep {
  const { content, finishReason } = answer;
  const reason = typeof finishReason === 'string' ? finishReason : finishReason?.unified;
  return {
    text: content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join(''),
    toolCalls: content.filter(isOurToolCall).map(toolCallFromPart),
    usage: usageFromModel(answer.usage),
    finishReason: FINISH_REASONS[reason ?? ''] ?? 'other',
    model: answer.modelId,
    raw: promptParts(content, parseToolInput),
  };
}

/** Whether a part calls a tool of the agent; the provider runs its own tools itself. */
export function isOurToolCall(part: ContentPart): boolean {
  return part.type === 'tool-call' && part.providerExecuted !== true;
}

/** A part that calls a tool, as a tool call. */
export function toolCallFromPart(part: ContentPart): ModelToolCall {
  return { id: part.toolCallId ?? '', name: part.toolName ?? '', input: parseToolInput(part.input ?? '') };
}

/** Usage of either version of the interface. */
export function usageFromModel(usage: ModelUsage | undefined): Partial<Usage> {
  const output = usage?.outputTokens;
  const outputTokens = typeof output === 'object' ? output.total : output;
  const { total, read, written } = inputCounts(usage);
  if (total === undefined && outputTokens === undefined) return {};
  return usageFromCounts(Math.max(0, (total ?? 0) - read - written), outputTokens ?? 0, read, written);
}

function inputCounts(usage: ModelUsage | undefined): {
  total: number | undefined;
  read: number;
  written: number;
} {
  const input = usage?.inputTokens;
  if (typeof input !== 'object') return { total: input, read: usage?.cachedInputTokens ?? 0, written: 0 };
  const read = input.cacheRead ?? 0;
  const written = input.cacheWrite ?? 0;
  const total = input.total ?? (input.noCache === undefined ? undefined : input.noCache + read + written);
  return { total, read, written };
}

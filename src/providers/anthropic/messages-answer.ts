import { type FinishReason, type Usage, usageFromCounts } from '../../contracts/usage.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';

/** A block of an answer: the fields that are read. */
export interface AnswerBlock {
  readonly type: string;
  text?: string;
  thinking?: string;
  signature?: string;
  readonly id?: string;
  readonly name?: string;
  input?: unknown;
}

/** Usage in the form of the Messages API: `input_tokens` does not include cached tokens. */
export interface MessageUsage {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
}

/** An answer of the Messages API: the fields that are read. */
export interface MessageAnswer {
  readonly model?: string;
  readonly content: readonly AnswerBlock[];
  readonly stop_reason?: string | null;
  readonly usage?: MessageUsage | null;
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'refusal',
};

/** An answer as a step. */
export function stepFromMessage(answer: MessageAnswer): ModelStep {
  return {
    text: answer.content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join(''),
    toolCalls: answer.content.filter((block) => block.type === 'tool_use').map(toolCallFromBlock),
    usage: messageUsage(answer.usage),
    finishReason: FINISH_REASONS[answer.stop_reason ?? ''] ?? 'other',
    model: answer.model,
    raw: answer.content,
  };
}

/** A block that calls a tool, as a tool call. */
export function toolCallFromBlock(block: AnswerBlock): ModelToolCall {
  return { id: block.id ?? '', name: block.name ?? '', input: block.input };
}

/** Usage of an answer; empty if the answer reports none. */
export function messageUsage(usage: MessageUsage | null | undefined): Partial<Usage> {
  const { input_tokens: input, output_tokens: output } = usage ?? {};
  if (typeof input !== 'number' && typeof output !== 'number') return {};
  const read = usage?.cache_read_input_tokens ?? 0;
  const written = usage?.cache_creation_input_tokens ?? 0;
  return usageFromCounts(input ?? 0, output ?? 0, read, written);
}

import type { FinishReason, Usage } from '../../contracts/usage.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';

/** A block of an answer, as far as it is read. */
export interface AnswerBlock {
  readonly type: string;
  text?: string;
  thinking?: string;
  signature?: string;
  readonly id?: string;
  readonly name?: string;
  input?: unknown;
}

/** Tokens as the Messages API counts them: `input_tokens` without the cached ones. */
export interface MessageUsage {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
}

/** An answer of the Messages API, as far as it is read. */
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
    toolCalls: answer.content.filter((block) => block.type === 'tool_use').map(toToolCall),
    usage: usageOf(answer.usage),
    finishReason: FINISH_REASONS[answer.stop_reason ?? ''] ?? 'other',
    model: answer.model,
    raw: answer.content,
  };
}

/** A block that asks for a tool, as a tool call. */
export function toToolCall(block: AnswerBlock): ModelToolCall {
  return { id: block.id ?? '', name: block.name ?? '', input: block.input };
}

/** Counts that were not told stay absent. */
export function usageOf(usage: MessageUsage | null | undefined): Partial<Usage> {
  const counts: Partial<Usage> = {};
  const input = usage?.input_tokens;
  const output = usage?.output_tokens;
  if (typeof input !== 'number' && typeof output !== 'number') return counts;
  counts.inputTokens = input ?? 0;
  counts.outputTokens = output ?? 0;
  const read = usage?.cache_read_input_tokens ?? 0;
  const written = usage?.cache_creation_input_tokens ?? 0;
  if (read > 0) counts.cacheReadTokens = read;
  if (written > 0) counts.cacheWriteTokens = written;
  counts.totalTokens = counts.inputTokens + counts.outputTokens + read + written;
  return counts;
}

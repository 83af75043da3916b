import { type Usage, usageFromCounts } from '../../contracts/usage.js';
import { endFields } from '../model/finish-reason.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';
import { objectInput, parseToolInput } from '../model/tool-input.js';

/** A block of an answer: the fields that are read. */
export interface AnswerBlock {
  readonly type: string;
  text?: string | null;
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
  /** The tokens written to the prompt cache, by how long they are kept. */
  readonly cache_creation?: { readonly ephemeral_1h_input_tokens?: number | null } | null;
}

/** An answer of the Messages API: the fields that are read. */
export interface MessageAnswer {
  readonly model?: string;
  /** Blocks; some gateways send one string. */
  readonly content: readonly AnswerBlock[] | string;
  readonly stop_reason?: string | null;
  readonly usage?: MessageUsage | null;
}

/** Whether a response is an answer. */
export function isMessageAnswer({ content }: Partial<MessageAnswer>): boolean {
  return Array.isArray(content) || typeof content === 'string';
}

/** An answer as a step. */
export function stepFromMessage(answer: MessageAnswer): ModelStep {
  const blocks = blocksOf(answer);
  return {
    text: blocks.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join(''),
    toolCalls: blocks.filter((block) => block.type === 'tool_use').map(toolCallFromBlock),
    usage: messageUsage(answer.usage),
    ...endFields(answer.stop_reason, undefined),
    model: answer.model,
    raw: blocks.filter(isAccepted).map(blockToReturn),
  };
}

/** A block that calls a tool, as a tool call. */
export function toolCallFromBlock(block: AnswerBlock): ModelToolCall {
  return { id: block.id ?? '', name: block.name ?? '', input: parseToolInput(block.input) };
}

function blocksOf({ content }: MessageAnswer): readonly AnswerBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content.filter((block) => typeof block === 'object' && block !== null);
}

/** The API rejects text blocks without text, although it sends them. */
function isAccepted({ type, text }: AnswerBlock): boolean {
  return type !== 'text' || (text ?? '').trim() !== '';
}

/** The API takes no input but an object in the history. */
function blockToReturn(block: AnswerBlock): AnswerBlock {
  if (!block.type.endsWith('tool_use')) return block;
  const input = objectInput(block.input);
  return input === block.input ? block : { ...block, input };
}

/** Usage of an answer; empty if the answer reports none. */
export function messageUsage(usage: MessageUsage | null | undefined): Partial<Usage> {
  const { input_tokens: input, output_tokens: output } = usage ?? {};
  const read = usage?.cache_read_input_tokens ?? 0;
  const written = usage?.cache_creation_input_tokens ?? 0;
  const writtenFor1h = Math.min(written, usage?.cache_creation?.ephemeral_1h_input_tokens ?? 0);
  return usageFromCounts(input ?? undefined, output ?? undefined, read, written, writtenFor1h);
}

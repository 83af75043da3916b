import type { FinishReason, Usage } from '../../contracts/usage.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';
import { parseToolInput } from '../model/params.js';
import { type PromptDetails, usageFrom } from './openai-usage.js';

/** An item of an answer: the fields that are read. */
export interface ResponseItem {
  readonly type?: string | undefined;
  readonly call_id?: string | undefined;
  readonly name?: string | undefined;
  readonly arguments?: string | undefined;
  readonly content?: ReadonlyArray<{
    readonly type?: string | undefined;
    readonly text?: string | undefined;
    readonly refusal?: string | undefined;
  }>;
}

/** An answer of the Responses API: the fields that are read. */
export interface ResponseAnswer {
  readonly model?: string | undefined;
  readonly status?: string | undefined;
  readonly error?: unknown;
  readonly incomplete_details?: { readonly reason?: string | undefined } | null | undefined;
  readonly output: readonly ResponseItem[];
  readonly usage?: {
    readonly input_tokens?: number | null;
    readonly output_tokens?: number | null;
    readonly input_tokens_details?: PromptDetails | null;
  } | null;
}

/** An answer as a step. */
export function stepFromResponse(answer: ResponseAnswer): ModelStep {
  const parts = answer.output.flatMap((item) => (item.type === 'message' ? (item.content ?? []) : []));
  const toolCalls = answer.output.filter((item) => item.type === 'function_call').map(toolCallFromItem);
  const refused = parts.some((part) => part.type === 'refusal');
  return {
    text: parts.map((part) => part.text ?? part.refusal ?? '').join(''),
    toolCalls,
    usage: responseUsage(answer),
    finishReason: refused ? 'refusal' : finishReasonOf(answer, toolCalls.length > 0),
    model: answer.model,
    raw: answer.output,
  };
}

/** An item that calls a tool, as a tool call. */
export function toolCallFromItem(item: ResponseItem): ModelToolCall {
  return { id: item.call_id ?? '', name: item.name ?? '', input: parseToolInput(item.arguments ?? '') };
}

function responseUsage({ usage }: ResponseAnswer): Partial<Usage> {
  return usageFrom(usage?.input_tokens, usage?.output_tokens, usage?.input_tokens_details);
}

function finishReasonOf(answer: ResponseAnswer, asksForTools: boolean): FinishReason {
  if (answer.status === 'incomplete') {
    const reason = answer.incomplete_details?.reason;
    if (reason === 'max_output_tokens') return 'length';
    return reason === 'content_filter' ? 'content-filter' : 'other';
  }
  if (asksForTools) return 'tool-calls';
  return answer.status === 'completed' ? 'stop' : 'other';
}

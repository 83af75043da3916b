import type { FinishReason, Usage } from '../../contracts/usage.js';
import { answerEnd } from '../model/finish-reason.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';
import { objectText, parseToolInput } from '../model/tool-input.js';
import { type PromptDetails, usageFrom } from './openai-usage.js';

/** An item of an answer: the fields that are read. */
export interface ResponseItem {
  readonly type?: string | undefined;
  readonly id?: string | undefined;
  readonly call_id?: string | undefined;
  readonly name?: string | undefined;
  readonly arguments?: unknown;
  readonly content?: readonly ResponsePart[] | null | undefined;
}

/** A part of a message. */
interface ResponsePart {
  readonly type?: string | undefined;
  readonly text?: string | undefined;
  readonly refusal?: string | undefined;
}

/** An answer of the Responses API: the fields that are read. */
export interface ResponseAnswer {
  readonly model?: string | undefined;
  readonly status?: string | undefined;
  readonly error?: unknown;
  readonly incomplete_details?: { readonly reason?: string | undefined } | null | undefined;
  readonly output?: readonly ResponseItem[] | null | undefined;
  /** The text of all messages; some servers send nothing else. */
  readonly output_text?: string | null | undefined;
  readonly usage?: {
    readonly input_tokens?: number | null;
    readonly output_tokens?: number | null;
    readonly input_tokens_details?: PromptDetails | null;
  } | null;
}

/** States in which an answer is not there yet, or never will be. */
const UNFINISHED: ReadonlySet<string> = new Set(['failed', 'cancelled', 'queued', 'in_progress']);

/** Whether a response is an answer. */
export function isResponseAnswer({ output, output_text: text, status }: ResponseAnswer): boolean {
  return (Array.isArray(output) || typeof text === 'string') && !UNFINISHED.has(status ?? '');
}

/** An answer as a step. */
export function stepFromResponse(answer: ResponseAnswer): ModelStep {
  const items = answer.output ?? [];
  const parts = items.flatMap((item) => (item.type === 'message' ? (item.content ?? []) : []));
  const toolCalls = items.filter((item) => item.type === 'function_call').map(toolCallFromItem);
  const refused = parts.some((part) => part.type === 'refusal');
  const text = parts.map((part) => part.text ?? part.refusal ?? '').join('');
  return {
    text: text === '' && parts.length === 0 ? (answer.output_text ?? '') : text,
    toolCalls,
    usage: responseUsage(answer),
    finishReason: refused ? 'refusal' : finishReasonOf(answer, toolCalls.length > 0),
    model: answer.model,
    raw: items.map(itemToReturn),
  };
}

/** An item that calls a tool, as a tool call. */
export function toolCallFromItem(item: ResponseItem): ModelToolCall {
  return { id: item.call_id ?? item.id ?? '', name: item.name ?? '', input: parseToolInput(item.arguments) };
}

/** The API takes no arguments but the text of an object in the history. */
function itemToReturn(item: ResponseItem): ResponseItem {
  if (item.type !== 'function_call') return item;
  const input = objectText(item.arguments);
  return input === item.arguments ? item : { ...item, arguments: input };
}

function responseUsage({ usage }: ResponseAnswer): Partial<Usage> {
  return usageFrom(usage?.input_tokens, usage?.output_tokens, usage?.input_tokens_details);
}

function finishReasonOf(answer: ResponseAnswer, asksForTools: boolean): FinishReason {
  if (answer.status === 'incomplete') {
    const end = answerEnd(answer.incomplete_details?.reason);
    return end === 'length' || end === 'content-filter' || end === 'refusal' ? end : 'other';
  }
  if (asksForTools) return 'tool-calls';
  return answer.status === 'completed' ? 'stop' : 'other';
}

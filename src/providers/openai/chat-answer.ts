import type { FinishReason, Usage } from '../../contracts/usage.js';
import type { ModelStep } from '../model/model-step.js';
import { parseToolInput } from '../model/params.js';
import { type PromptDetails, usageFrom } from './openai-usage.js';

/** A tool call of a chat answer. */
export interface ChatToolCall {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  readonly function?:
    | { readonly name?: string | undefined; readonly arguments?: string | undefined }
    | undefined;
}

/** An answer of the Chat Completions API: the fields that are read. */
export interface ChatAnswer {
  readonly model?: string | undefined;
  readonly choices: ReadonlyArray<{
    readonly message: ChatMessage;
    readonly finish_reason?: string | null | undefined;
  }>;
  readonly usage?: ChatUsage | null | undefined;
}

/** The assistant's message. */
export interface ChatMessage {
  readonly role?: string | undefined;
  readonly content?: string | null | undefined;
  readonly refusal?: string | null | undefined;
  readonly tool_calls?: readonly ChatToolCall[] | null | undefined;
}

/** Usage in the form of the Chat Completions API. */
export interface ChatUsage {
  readonly prompt_tokens?: number | null;
  readonly completion_tokens?: number | null;
  readonly prompt_tokens_details?: PromptDetails | null;
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
};

/** An answer as a step. */
export function stepFromChat(answer: ChatAnswer): ModelStep {
  const [choice] = answer.choices;
  const message = choice?.message ?? {};
  const { content, refusal, tool_calls: calls } = message;
  return {
    text: content || refusal || '',
    toolCalls: (calls ?? []).map(({ id, function: called }) => ({
      id: id ?? '',
      name: called?.name ?? '',
      input: parseToolInput(called?.arguments ?? ''),
    })),
    usage: chatUsage(answer.usage),
    finishReason: refusal ? 'refusal' : (FINISH_REASONS[choice?.finish_reason ?? ''] ?? 'other'),
    model: answer.model,
    raw: messageToReturn(message),
  };
}

/** The message in the form in which it is sent back. Servers that return reasoning reject it in a request. */
function messageToReturn({ content, refusal, tool_calls: calls }: ChatMessage): object {
  return {
    role: 'assistant',
    content: content ?? null,
    ...(refusal ? { refusal } : {}),
    ...(calls && calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

/** Usage of a chat answer. */
export function chatUsage(usage: ChatUsage | null | undefined): Partial<Usage> {
  return usageFrom(usage?.prompt_tokens, usage?.completion_tokens, usage?.prompt_tokens_details);
}

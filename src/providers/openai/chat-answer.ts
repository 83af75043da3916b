import type { Usage } from '../../contracts/usage.js';
import { answerEnd, endFields } from '../model/finish-reason.js';
import type { ModelStep, ModelToolCall } from '../model/model-step.js';
import { objectText, parseToolInput } from '../model/tool-input.js';
import { readContent } from './chat-content.js';
import { type CachedCounts, type PromptDetails, usageFrom } from './openai-usage.js';

/** A tool call of a chat answer. Its other fields are sent back with it: some models require their signatures. */
export interface ChatToolCall {
  readonly id?: string | null | undefined;
  readonly type?: string | null | undefined;
  readonly function?:
    | {
        readonly name?: string | null | undefined;
        /** JSON text; some servers send the value itself, or nothing. */
        readonly arguments?: unknown;
      }
    | null
    | undefined;
}

/** An answer of the Chat Completions API: the fields that are read. */
export interface ChatAnswer {
  readonly model?: string | undefined;
  readonly choices: readonly ChatChoice[];
  readonly usage?: ChatUsage | null | undefined;
}

/** One of the alternative answers; only the first is read. */
export interface ChatChoice {
  readonly message?: ChatMessage | null | undefined;
  readonly finish_reason?: string | null | undefined;
  /** The error that a gateway puts into the choice in place of its end. */
  readonly error?: unknown;
}

/** The assistant's message. */
export interface ChatMessage {
  readonly role?: string | undefined;
  /** A string, or a list of parts. */
  readonly content?: unknown;
  readonly refusal?: string | null | undefined;
  readonly tool_calls?: ReadonlyArray<ChatToolCall | null> | null | undefined;
}

/** Usage in the form of the Chat Completions API. */
export interface ChatUsage extends CachedCounts {
  readonly prompt_tokens?: number | null;
  readonly completion_tokens?: number | null;
  readonly prompt_tokens_details?: PromptDetails | null;
}

/** Whether an answer has a message, or says why there is none. */
export function isChatAnswer({ choices }: Partial<ChatAnswer>): boolean {
  const choice = Array.isArray(choices) ? (choices[0] as ChatChoice | null | undefined) : undefined;
  if (!isRecord(choice)) return false;
  return isRecord(choice.message) || Boolean(choice.error) || answerEnd(choice.finish_reason) === 'failed';
}

/** An answer as a step. */
export function stepFromChat(answer: ChatAnswer): ModelStep {
  const [choice] = answer.choices;
  const message = choice?.message ?? {};
  const { refusal } = message;
  const calls = withIds(message.tool_calls ?? []);
  const end = endFields(choice?.finish_reason, choice?.error);
  return {
    text: readContent(message.content).text || refusal || '',
    toolCalls: calls.map(toToolCall),
    usage: chatUsage(answer.usage),
    ...end,
    ...(refusal && end.failure === undefined ? { finishReason: 'refusal' as const } : {}),
    model: answer.model,
    raw: messageToReturn(message, calls),
  };
}

/** Whether tools may follow an end: a call that was cut off has no complete input. */
export function endsWithCalls(reason: unknown): boolean {
  const end = answerEnd(reason);
  return end !== 'failed' && end !== 'length';
}

type CallWithId = ChatToolCall & { readonly id: string };

/** Servers leave out ids or repeat them; a result could then not be matched with its call. */
function withIds(calls: ReadonlyArray<ChatToolCall | null>): CallWithId[] {
  const taken = new Set<string>();
  return calls
    .filter((call) => isRecord(call))
    .map((call, place) => {
      const id = call.id && !taken.has(call.id) ? call.id : `call_${place + 1}`;
      taken.add(id);
      return { ...call, id };
    });
}

function toToolCall({ id, function: called }: CallWithId): ModelToolCall {
  return { id, name: called?.name ?? '', input: parseToolInput(called?.arguments) };
}

/** The message in the form in which it is sent back. Servers that return reasoning reject it in a request. */
function messageToReturn({ content, refusal }: ChatMessage, calls: readonly CallWithId[]): object {
  return {
    role: 'assistant',
    content: content ?? null,
    ...(refusal ? { refusal } : {}),
    ...(calls.length > 0 ? { tool_calls: calls.map(callToReturn) } : {}),
  };
}

/** Servers parse the arguments in the history, and reject the request if they are not the text of an object. */
function callToReturn(call: CallWithId): object {
  const called = call.function ?? {};
  return {
    ...call,
    type: 'function',
    function: { ...called, name: called.name ?? '', arguments: objectText(called.arguments) },
  };
}

/** Usage of a chat answer. */
export function chatUsage(usage: ChatUsage | null | undefined): Partial<Usage> {
  return usageFrom(
    usage?.prompt_tokens,
    usage?.completion_tokens,
    usage?.prompt_tokens_details,
    usage ?? undefined,
  );
}

function isRecord<Value>(value: Value): value is Value & object {
  return typeof value === 'object' && value !== null;
}

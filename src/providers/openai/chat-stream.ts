import type { StreamEvent } from '../../contracts/stream-event.js';
import type { ModelStep } from '../model/model-step.js';
import { type ChatToolCall, type ChatUsage, stepFromChat } from './chat-answer.js';

/** A chunk of a chat stream: the fields that are read. */
export interface ChatChunk {
  readonly model?: string | undefined;
  readonly choices?: ReadonlyArray<{
    readonly delta?: ChatDelta | null | undefined;
    readonly finish_reason?: string | null | undefined;
  }>;
  readonly usage?: ChatUsage | null | undefined;
}

interface ChatDelta {
  readonly content?: string | null | undefined;
  readonly refusal?: string | null | undefined;
  /** Servers that return reasoning use one or the other. */
  readonly reasoning_content?: string | null | undefined;
  readonly reasoning?: string | null | undefined;
  readonly tool_calls?:
    | ReadonlyArray<ChatToolCall & { readonly index?: number | undefined }>
    | null
    | undefined;
}

interface GrowingCall {
  id: string;
  name: string;
  arguments: string;
}

/** Reads the chunks of one chat answer. */
export class ChatStreamReader {
  #text = '';
  #refusal = '';
  readonly #calls: GrowingCall[] = [];
  #model: string | undefined;
  #usage: ChatUsage | null | undefined;
  #finishReason: string | undefined;

  /** The finish reason completes the answer. The usage may follow it, and some servers leave it out. */
  get isComplete(): boolean {
    return this.#finishReason !== undefined;
  }

  read(chunk: ChatChunk): readonly StreamEvent[] | undefined {
    this.#model ??= chunk.model;
    this.#usage = chunk.usage ?? this.#usage;
    const choice = chunk.choices?.[0];
    if (choice === undefined) return undefined;
    const events = choice.delta === undefined || choice.delta === null ? [] : this.#grow(choice.delta);
    if (typeof choice.finish_reason === 'string' && this.#finishReason === undefined) {
      this.#finishReason = choice.finish_reason;
      events.push(...this.#toolCalls());
    }
    return events;
  }

  step(): ModelStep {
    const calls = this.#finishedCalls();
    const message = {
      role: 'assistant',
      content: this.#text === '' && calls.length > 0 ? null : this.#text,
      ...(this.#refusal === '' ? {} : { refusal: this.#refusal }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    return stepFromChat({
      model: this.#model,
      choices: [{ message, finish_reason: this.#finishReason }],
      usage: this.#usage,
    });
  }

  #grow(delta: ChatDelta): StreamEvent[] {
    const events: StreamEvent[] = [];
    const reasoning = delta.reasoning_content ?? delta.reasoning;
    if (typeof reasoning === 'string' && reasoning !== '')
      events.push({ type: 'reasoning-delta', text: reasoning });
    for (const text of [delta.content, delta.refusal]) {
      if (typeof text === 'string' && text !== '') events.push({ type: 'text-delta', text });
    }
    this.#text += delta.content ?? '';
    this.#refusal += delta.refusal ?? '';
    for (const part of delta.tool_calls ?? []) this.#growCall(part);
    return events;
  }

  #growCall(part: ChatToolCall & { readonly index?: number | undefined }): void {
    // Servers that leave out the index send each call in one piece.
    const index = part.index ?? this.#calls.length;
    this.#calls[index] ??= { id: '', name: '', arguments: '' };
    const call = this.#calls[index];
    call.id ||= part.id ?? '';
    call.name ||= part.function?.name ?? '';
    call.arguments += part.function?.arguments ?? '';
  }

  #finishedCalls(): ChatToolCall[] {
    const grown = this.#calls.filter((call) => call !== undefined);
    return grown.map(({ id, name, arguments: input }) => ({
      id,
      type: 'function',
      function: { name, arguments: input },
    }));
  }

  #toolCalls(): StreamEvent[] {
    return this.step().toolCalls.map((call) => ({ type: 'tool-call', ...call }));
  }
}

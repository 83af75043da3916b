import type { StreamEvent } from '../../contracts/stream-event.js';
import { isReason } from '../model/finish-reason.js';
import type { StreamRead } from '../model/model-round-trip.js';
import type { ModelStep } from '../model/model-step.js';
import { type ChatUsage, endsWithCalls, stepFromChat } from './chat-answer.js';
import { type ChatCallPart, ChatCalls } from './chat-calls.js';
import { readContent, readReasoning } from './chat-content.js';

/** A chunk of a chat stream: the fields that are read. */
export interface ChatChunk {
  readonly model?: string | undefined;
  readonly choices?: ReadonlyArray<{
    readonly delta?: ChatDelta | null | undefined;
    readonly finish_reason?: string | null | undefined;
    readonly error?: unknown;
  } | null> | null;
  readonly usage?: ChatUsage | null | undefined;
}

interface ChatDelta {
  /** A string, or a list of parts. */
  readonly content?: unknown;
  readonly refusal?: string | null | undefined;
  readonly tool_calls?: ReadonlyArray<ChatCallPart | null> | null | undefined;
}

/** Reads the chunks of one chat answer. */
export class ChatStreamReader {
  #text = '';
  #refusal = '';
  readonly #calls = new ChatCalls();
  #model: string | undefined;
  #usage: ChatUsage | null | undefined;
  #finishReason: string | undefined;
  #error: unknown;
  /** Whether the choice has brought anything: a stream of nothing but an end mark is no answer. */
  #hasBegun = false;
  #hasEndMark = false;

  /**
   * The finish reason completes the answer. The usage may follow it, and some servers leave it out. Gateways that never
   * send a reason say by `[DONE]` that the answer is complete.
   */
  get isComplete(): boolean {
    return this.#finishReason !== undefined || (this.#hasEndMark && this.#hasBegun);
  }

  read(chunk: ChatChunk): StreamRead {
    this.#model ??= chunk.model;
    this.#usage = chunk.usage ?? this.#usage;
    const choice = chunk.choices?.[0];
    if (choice === undefined || choice === null) return undefined;
    this.#error ??= choice.error;
    const { delta, finish_reason: reason } = choice;
    const events = delta === undefined || delta === null ? [] : this.#grow(delta);
    if (isReason(reason) && this.#finishReason === undefined) {
      this.#finishReason = reason;
      if (endsWithCalls(reason)) events.push(...this.#toolCalls());
    }
    return events.length === 0 && delta?.tool_calls?.length ? 'tool-input' : events;
  }

  readEndMark(): readonly StreamEvent[] {
    this.#hasEndMark = true;
    return this.#finishReason === undefined ? this.#toolCalls() : [];
  }

  step(): ModelStep {
    const calls = this.#calls.all;
    const message = {
      role: 'assistant',
      content: this.#text === '' && calls.length > 0 ? null : this.#text,
      ...(this.#refusal === '' ? {} : { refusal: this.#refusal }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    return stepFromChat({
      model: this.#model,
      choices: [{ message, finish_reason: this.#finishReason, error: this.#error }],
      usage: this.#usage,
    });
  }

  #grow(delta: ChatDelta): StreamEvent[] {
    const events: StreamEvent[] = [];
    const { text, reasoning } = readContent(delta.content);
    for (const thought of [readReasoning(delta), reasoning]) {
      if (thought !== '') events.push({ type: 'reasoning-delta', text: thought });
    }
    const refusal = delta.refusal ?? '';
    for (const piece of [text, refusal]) if (piece !== '') events.push({ type: 'text-delta', text: piece });
    this.#text += text;
    this.#refusal += refusal;
    for (const part of delta.tool_calls ?? []) if (part !== null) this.#calls.add(part);
    if (events.length > 0 || delta.tool_calls?.length) this.#hasBegun = true;
    return events;
  }

  #toolCalls(): StreamEvent[] {
    return this.step().toolCalls.map((call) => ({ type: 'tool-call', ...call }));
  }
}

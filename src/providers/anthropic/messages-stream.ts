import type { StreamEvent } from '../../contracts/stream-event.js';
import { isReason } from '../model/finish-reason.js';
import type { StreamRead } from '../model/model-round-trip.js';
import type { ModelStep } from '../model/model-step.js';
import { parseToolInput } from '../model/tool-input.js';
import {
  type AnswerBlock,
  type MessageUsage,
  messageUsage,
  stepFromMessage,
  toolCallFromBlock,
} from './messages-answer.js';

/** An event of a message stream: the fields that are read. Unknown types are ignored. */
export interface MessageStreamEvent {
  readonly type: string;
  readonly index?: number;
  readonly message?: { readonly model?: string; readonly usage?: MessageUsage };
  readonly content_block?: AnswerBlock;
  readonly delta?: {
    readonly type?: string;
    readonly text?: string;
    readonly thinking?: string;
    readonly signature?: string;
    readonly partial_json?: string;
    readonly stop_reason?: string | null;
  };
  readonly usage?: MessageUsage;
}

/** Reads the events of one message and builds the whole answer, which can be sent back unchanged. */
export class MessageStreamReader {
  #hasStopped = false;
  readonly #blocks: AnswerBlock[] = [];
  #toolInput = '';
  #model: string | undefined;
  #usage: MessageUsage = {};
  #stopReason: string | null | undefined;

  /** Whether the stream says that the answer has ended: by its reason, or at least by its last event. */
  get isComplete(): boolean {
    return this.#hasStopped || isReason(this.#stopReason);
  }

  /** Reads one event; returns the event to pass on, if any. */
  read(event: MessageStreamEvent): StreamRead {
    switch (event.type) {
      case 'message_start':
        this.#model = event.message?.model;
        return this.#noteUsage(event.message?.usage);
      case 'content_block_start':
        return this.#openBlock(event);
      case 'content_block_delta':
        return this.#grow(event);
      case 'content_block_stop':
        return this.#closeBlock(event);
      case 'message_delta':
        this.#stopReason = event.delta?.stop_reason ?? this.#stopReason;
        this.#noteUsage(event.usage);
        return undefined;
      case 'message_stop':
        this.#hasStopped = true;
        return undefined;
      default:
        return undefined;
    }
  }

  /** The whole answer. */
  step(): ModelStep {
    // A server that skips block numbers leaves holes.
    const content = this.#blocks.filter((block) => block !== undefined);
    return stepFromMessage({
      ...(this.#model === undefined ? {} : { model: this.#model }),
      content,
      stop_reason: this.#stopReason ?? null,
      usage: this.#usage,
    });
  }

  /** Later counts replace earlier ones; a count that is not repeated stays. */
  #noteUsage(usage: MessageUsage | undefined): StreamEvent | undefined {
    if (usage === undefined || usage === null) return undefined;
    const reported = Object.entries(usage).filter(
      ([, count]) => typeof count === 'number' || (typeof count === 'object' && count !== null),
    );
    this.#usage = { ...this.#usage, ...Object.fromEntries(reported) };
    return { type: 'usage', usage: messageUsage(this.#usage) };
  }

  #openBlock({ index, content_block: block }: MessageStreamEvent): StreamEvent | undefined {
    if (index === undefined || block === undefined) return undefined;
    this.#blocks[index] = { ...block };
    this.#toolInput = '';
    if (block.type === 'text' && block.text) return { type: 'text-delta', text: block.text };
    return undefined;
  }

  #grow({ index, delta }: MessageStreamEvent): StreamRead {
    const block = this.#blocks[index ?? -1];
    if (block === undefined || delta === undefined) return undefined;
    switch (delta.type) {
      case 'text_delta':
        block.text = (block.text ?? '') + (delta.text ?? '');
        return { type: 'text-delta', text: delta.text ?? '' };
      case 'thinking_delta':
        block.thinking = (block.thinking ?? '') + (delta.thinking ?? '');
        return { type: 'reasoning-delta', text: delta.thinking ?? '' };
      case 'signature_delta':
        block.signature = (block.signature ?? '') + (delta.signature ?? '');
        return undefined;
      case 'input_json_delta':
        this.#toolInput += delta.partial_json ?? '';
        return 'tool-input';
      default:
        return undefined;
    }
  }

  #closeBlock({ index }: MessageStreamEvent): StreamEvent | undefined {
    const block = this.#blocks[index ?? -1];
    if (block === undefined || !block.type.endsWith('tool_use')) return undefined;
    if (this.#toolInput !== '') block.input = parseToolInput(this.#toolInput);
    // The provider runs server tools itself; only calls of the agent's tools are passed on.
    return block.type === 'tool_use' ? { type: 'tool-call', ...toolCallFromBlock(block) } : undefined;
  }
}

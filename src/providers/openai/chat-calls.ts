import { parseToolInput } from '../model/tool-input.js';
import type { ChatToolCall } from './chat-answer.js';

/** A piece of a tool call in a stream. */
export type ChatCallPart = ChatToolCall & { readonly index?: number | null | undefined };

interface GrowingCall {
  id: string;
  name: string;
  /** Text that is joined, or the value itself where a server sends that. */
  arguments: unknown;
  /** Other fields, which are sent back with the call. */
  more: Record<string, unknown>;
}

/**
 * Puts the tool calls of a stream together. Servers tell the pieces of parallel calls apart by index, by id, or only by
 * sending each call in one piece, some of them all under index 0.
 */
export class ChatCalls {
  readonly #calls: GrowingCall[] = [];
  /** The last call of each index. */
  readonly #byIndex = new Map<number, GrowingCall>();

  add(part: ChatCallPart): void {
    const { index, id, type: _type, function: called, ...more } = part;
    const call = this.#callOf(part) ?? this.#open(index);
    call.id ||= id ?? '';
    call.name ||= called?.name ?? '';
    call.arguments = joinArguments(call.arguments, called?.arguments);
    Object.assign(call.more, more);
  }

  /** The calls so far, in the form of a whole answer. */
  get all(): ChatToolCall[] {
    return this.#calls.map(({ id, name, arguments: input, more }) => ({
      ...more,
      id,
      type: 'function',
      function: { name, arguments: input },
    }));
  }

  #callOf(part: ChatCallPart): GrowingCall | undefined {
    const { index } = part;
    if (typeof index === 'number') {
      const call = this.#byIndex.get(index);
      return call === undefined || beginsAnother(part, call) ? undefined : call;
    }
    if (part.id) return this.#calls.find((call) => call.id === part.id);
    return part.function?.name ? undefined : this.#calls.at(-1);
  }

  #open(index: number | null | undefined): GrowingCall {
    const call: GrowingCall = { id: '', name: '', arguments: undefined, more: {} };
    this.#calls.push(call);
    if (typeof index === 'number') this.#byIndex.set(index, call);
    return call;
  }
}

/** Whether a piece is not part of the call under its index, but the begin of the next one. */
function beginsAnother({ id, function: called }: ChatCallPart, call: GrowingCall): boolean {
  if (!called?.name || call.name === '') return false;
  if (id && call.id !== '') return id !== call.id;
  // Without ids: servers that repeat the name in every piece never do so after the input is complete.
  return !id && typeof parseToolInput(call.arguments) === 'object' && isWritten(call.arguments);
}

function isWritten(written: unknown): boolean {
  return typeof written === 'string' ? written.trim() !== '' : written !== undefined && written !== null;
}

function joinArguments(before: unknown, piece: unknown): unknown {
  if (piece === undefined || piece === null) return before;
  return typeof before === 'string' && typeof piece === 'string' ? before + piece : piece;
}

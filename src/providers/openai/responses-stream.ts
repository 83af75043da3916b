import type { StreamRead } from '../model/model-round-trip.js';
import type { ModelStep } from '../model/model-step.js';
import {
  type ResponseAnswer,
  type ResponseItem,
  stepFromResponse,
  toolCallFromItem,
} from './responses-answer.js';

/** An event of a response stream: the fields that are read. Unknown types are ignored. */
export interface ResponseEvent {
  readonly type: string;
  readonly delta?: string | undefined;
  readonly item?: ResponseItem | undefined;
  readonly response?: ResponseAnswer | undefined;
}

/**
 * Reads the events of one response. The last one has the whole answer; where a server leaves its output out, the events
 * before it count.
 */
export class ResponseStreamReader {
  /** The error that an event reported. */
  failure: unknown;
  #answer: ResponseAnswer | undefined;
  readonly #items: ResponseItem[] = [];
  #text = '';

  get isComplete(): boolean {
    return this.#answer !== undefined;
  }

  read(event: ResponseEvent): StreamRead {
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        this.#text += event.delta ?? '';
        return { type: 'text-delta', text: event.delta ?? '' };
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return { type: 'reasoning-delta', text: event.delta ?? '' };
      case 'response.function_call_arguments.delta':
        return 'tool-input';
      case 'response.output_item.done':
        return this.#addItem(event.item);
      case 'response.completed':
      case 'response.incomplete':
      case 'response.done':
        this.#complete(event);
        return undefined;
      case 'response.failed':
      case 'response.cancelled':
        this.failure = event.response?.error ?? event;
        return undefined;
      case 'error':
        this.failure = event;
        return undefined;
      default:
        return undefined;
    }
  }

  step(): ModelStep {
    return stepFromResponse(this.#answer as ResponseAnswer);
  }

  #addItem(item: ResponseItem | undefined): StreamRead {
    if (item === undefined || item === null) return undefined;
    this.#items.push(item);
    return item.type === 'function_call' ? { type: 'tool-call', ...toolCallFromItem(item) } : undefined;
  }

  #complete({ type, response }: ResponseEvent): void {
    const status = type === 'response.incomplete' ? 'incomplete' : 'completed';
    const answer = { ...response, status: response?.status ?? status };
    if (answer.status === 'failed' || answer.status === 'cancelled') this.failure = answer.error ?? answer;
    const hasOutput = Array.isArray(answer.output) && answer.output.length > 0;
    const output = hasOutput ? answer.output : this.#items;
    this.#answer = { ...answer, output, output_text: answer.output_text ?? this.#text };
  }
}

import type { StreamEvent } from '../../contracts/stream-event.js';
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

/** Reads the events of one response. The last one has the whole answer. */
export class ResponseStreamReader {
  /** The error that an event reported. */
  failure: unknown;
  #answer: ResponseAnswer | undefined;

  get isComplete(): boolean {
    return this.#answer !== undefined;
  }

  read(event: ResponseEvent): StreamEvent | undefined {
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        return { type: 'text-delta', text: event.delta ?? '' };
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return { type: 'reasoning-delta', text: event.delta ?? '' };
      case 'response.output_item.done':
        return event.item?.type === 'function_call'
          ? { type: 'tool-call', ...toolCallFromItem(event.item) }
          : undefined;
      case 'response.completed':
      case 'response.incomplete':
        this.#answer = event.response;
        return undefined;
      case 'response.failed':
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
}

import type { StreamEvent } from '../../contracts/stream-event.js';
import type { ModelStep } from '../model/model-step.js';
import type { AnswerPart, ModelFinishReason, ModelUsage, StreamPart } from './language-model.js';
import { isOurToolCall, stepFromAnswer, toolCallFromPart } from './model-answer.js';

interface GrowingPart {
  readonly type: 'text' | 'reasoning';
  text: string;
  providerMetadata?: unknown;
}

/** Reads the parts of one stream and builds the answer from them. */
export class ModelStreamReader {
  /** The error that a part reported. */
  failure: unknown;
  readonly #content: AnswerPart[] = [];
  readonly #growing = new Map<string, GrowingPart>();
  #modelId: string | undefined;
  #usage: ModelUsage | undefined;
  #providerMetadata: unknown;
  #finishReason: ModelFinishReason | undefined;

  get isComplete(): boolean {
    return this.#finishReason !== undefined;
  }

  read(part: StreamPart): StreamEvent | undefined {
    switch (part.type) {
      case 'text-delta':
        return { type: 'text-delta', text: this.#grow('text', part) };
      case 'reasoning-delta':
        return { type: 'reasoning-delta', text: this.#grow('reasoning', part) };
      case 'text-end':
      case 'reasoning-end':
        this.#attach(part);
        return undefined;
      case 'tool-call':
        this.#content.push(part);
        return isOurToolCall(part) ? { type: 'tool-call', ...toolCallFromPart(part) } : undefined;
      case 'response-metadata':
        this.#modelId = part.modelId ?? this.#modelId;
        return undefined;
      case 'finish':
        this.#finishReason = part.finishReason ?? 'other';
        this.#usage = part.usage;
        this.#providerMetadata = part.providerMetadata;
        return undefined;
      case 'error':
        this.failure ??= part.error ?? new Error('the model reported an error without saying which');
        return undefined;
      default:
        return undefined;
    }
  }

  step(): ModelStep {
    return stepFromAnswer({
      content: this.#content,
      finishReason: this.#finishReason,
      usage: this.#usage,
      modelId: this.#modelId,
      providerMetadata: this.#providerMetadata,
    });
  }

  #grow(type: 'text' | 'reasoning', { id = '', delta = '', providerMetadata }: StreamPart): string {
    const key = `${type}:${id}`;
    let growing = this.#growing.get(key);
    if (growing === undefined) {
      growing = { type, text: '' };
      this.#growing.set(key, growing);
      this.#content.push(growing);
    }
    growing.text += delta;
    if (providerMetadata !== undefined) growing.providerMetadata = providerMetadata;
    return delta;
  }

  /** Signatures of reasoning arrive with its end. */
  #attach({ type, id = '', providerMetadata }: StreamPart): void {
    const growing = this.#growing.get(`${type === 'text-end' ? 'text' : 'reasoning'}:${id}`);
    if (growing !== undefined && providerMetadata !== undefined) growing.providerMetadata = providerMetadata;
  }
}

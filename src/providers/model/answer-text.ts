import type { StreamEvent } from '../../contracts/stream-event.js';
import { ReasoningSplitter, splitReasoning, type TextPiece } from '../../output/reasoning-text.js';
import { CharacterJoiner, wholeCharacters } from '../../output/whole-characters.js';
import type { ModelStep } from './model-step.js';

/** A whole step, without reasoning in its text. */
export function withAnswerText(step: ModelStep): ModelStep {
  const text = wholeCharacters(splitReasoning(step.text).text);
  return text === step.text ? step : { ...step, text };
}

/**
 * The text of one streamed step: reasoning between tags becomes `reasoning-delta`, and characters that were cut between
 * two events are joined. The step's text is what was passed on.
 */
export class AnswerText {
  readonly #splitter = new ReasoningSplitter();
  readonly #answer = new CharacterJoiner();
  readonly #reasoning = new CharacterJoiner();
  readonly #texts: string[] = [];

  /** The events to pass on for a piece of text or reasoning. */
  *read(event: Extract<StreamEvent, { text: string }>): Generator<StreamEvent, void, undefined> {
    if (event.type === 'reasoning-delta') yield* this.#pass({ isReasoning: true, text: event.text });
    else for (const piece of this.#splitter.add(event.text)) yield* this.#pass(piece);
  }

  /** The events for what was kept back. */
  *end(): Generator<StreamEvent, void, undefined> {
    for (const piece of this.#splitter.end()) yield* this.#pass(piece);
    yield* this.#give(true, this.#reasoning.end());
    yield* this.#give(false, this.#answer.end());
  }

  /** The step with the text that was passed on. */
  stepOf(step: ModelStep): ModelStep {
    const text = this.#texts.join('');
    return text === step.text ? step : { ...step, text };
  }

  #pass({ isReasoning, text }: TextPiece): Generator<StreamEvent, void, undefined> {
    return this.#give(isReasoning, (isReasoning ? this.#reasoning : this.#answer).add(text));
  }

  *#give(isReasoning: boolean, text: string): Generator<StreamEvent, void, undefined> {
    if (text === '') return;
    if (!isReasoning) this.#texts.push(text);
    yield { type: isReasoning ? 'reasoning-delta' : 'text-delta', text };
  }
}

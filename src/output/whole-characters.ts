const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const REPLACEMENT = '\ufffd';

/**
 * Replaces halves of surrogate pairs. A text that was cut within a character ends with one, and cannot be written as
 * UTF-8.
 */
export function wholeCharacters(text: string): string {
  return text.search(HALF) === -1 ? text : text.replace(HALF, REPLACEMENT);
}

/** Joins characters that were cut in two between the pieces of a text. */
export class CharacterJoiner {
  #half = '';

  /** The next piece, without a half character at its end. */
  add(piece: string): string {
    const text = this.#half + piece;
    this.#half = '';
    if (!isHigh(text.charCodeAt(text.length - 1))) return wholeCharacters(text);
    this.#half = text.slice(-1);
    return wholeCharacters(text.slice(0, -1));
  }

  /** What is left at the end of the text. */
  end(): string {
    const rest = this.#half === '' ? '' : REPLACEMENT;
    this.#half = '';
    return rest;
  }
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

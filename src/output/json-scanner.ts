/** The position of a JSON object or array in text: from `start` to `end`, exclusive. */
export interface JsonSpan {
  readonly start: number;
  readonly end: number;
}

/** The token that may come next inside an open object or array. */
type Expect = 'key-or-end' | 'key' | 'colon' | 'value' | 'value-or-end' | 'comma-or-end';

interface OpenContainer {
  readonly start: number;
  readonly isObject: boolean;
  expect: Expect;
  /** Number of completed containers when this one was opened. */
  readonly completedBefore: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
const UNICODE_ESCAPE = /[0-9a-fA-F]{4}/y;
const BRACKET = /[[{]/g;

/**
 * Finds the outermost complete JSON objects and arrays in any text, from left to right.
 *
 * Linear in the length of the text: when reading fails, every container that is still open has failed for the same
 * reason, so the search continues after the failure instead of starting over at the next bracket. Only the last
 * string before the failure is scanned again, because a stray quote may have hidden a bracket in it.
 */
export function* findJsonSpans(text: string): Generator<JsonSpan, void, undefined> {
  let position = nextBracket(text, 0);
  while (position !== -1) {
    const reader = new JsonReader(text, position);
    reader.read();
    yield* reader.completed;
    position = nextBracket(text, reader.resumeAt);
  }
}

function nextBracket(text: string, from: number): number {
  BRACKET.lastIndex = from;
  return BRACKET.exec(text)?.index ?? -1;
}

/** Reads strict JSON from a bracket on. The containers that it could complete are in `completed`. */
class JsonReader {
  readonly completed: JsonSpan[] = [];
  /** Where the search continues. */
  resumeAt: number;
  readonly #text: string;
  readonly #open: OpenContainer[] = [];
  #position: number;
  #lastString: JsonSpan | undefined;

  constructor(text: string, start: number) {
    this.#text = text;
    this.#position = start;
    this.resumeAt = start;
  }

  read(): void {
    this.#openContainer();
    while (this.#open.length > 0) {
      this.#skipSpace();
      if (!this.#step()) {
        this.resumeAt = this.#nextStart();
        return;
      }
    }
    this.resumeAt = this.#position;
  }

  /** After the failure, but not after a bracket that is hidden in the last string. */
  #nextStart(): number {
    const string = this.#lastString;
    // A string inside a completed container really is a string.
    if (string === undefined || string.start < (this.completed.at(-1)?.end ?? 0)) return this.#position;
    const hidden = nextBracket(this.#text, string.start + 1);
    return hidden !== -1 && hidden < string.end ? hidden : this.#position;
  }

  /** Reads one token; false if it is not allowed there or the text has ended. */
  #step(): boolean {
    const container = this.#open.at(-1) as OpenContainer;
    const char = this.#text[this.#position];
    switch (container.expect) {
      case 'key-or-end':
        return char === '}' ? this.#closeContainer() : this.#key(container);
      case 'key':
        return this.#key(container);
      case 'colon':
        return this.#punctuation(char, ':', container, 'value');
      case 'value-or-end':
        return char === ']' ? this.#closeContainer() : this.#value(container, char);
      case 'value':
        return this.#value(container, char);
      case 'comma-or-end':
        if (char === (container.isObject ? '}' : ']')) return this.#closeContainer();
        return this.#punctuation(char, ',', container, container.isObject ? 'key' : 'value');
    }
  }

  #punctuation(char: string | undefined, wanted: string, container: OpenContainer, next: Expect): boolean {
    if (char !== wanted) return false;
    this.#position += 1;
    container.expect = next;
    return true;
  }

  #key(container: OpenContainer): boolean {
    if (!this.#string()) return false;
    container.expect = 'colon';
    return true;
  }

  #value(container: OpenContainer, char: string | undefined): boolean {
    container.expect = 'comma-or-end';
    if (char === '{' || char === '[') return this.#openContainer();
    if (char === '"') return this.#string();
    return this.#matches(NUMBER) || this.#matches(LITERAL);
  }

  #openContainer(): true {
    const isObject = this.#text[this.#position] === '{';
    this.#open.push({
      start: this.#position,
      isObject,
      expect: isObject ? 'key-or-end' : 'value-or-end',
      completedBefore: this.completed.length,
    });
    this.#position += 1;
    return true;
  }

  #closeContainer(): true {
    const { start, completedBefore } = this.#open.pop() as OpenContainer;
    this.#position += 1;
    // The containers inside are part of this one now.
    this.completed.length = completedBefore;
    this.completed.push({ start, end: this.#position });
    return true;
  }

  /** Reads a string to its closing quote, by hand: a regular expression overflows its stack on megabytes. */
  #string(): boolean {
    const text = this.#text;
    const start = this.#position;
    if (text.charCodeAt(start) !== QUOTE) return false;
    let at = start + 1;
    for (let code = text.charCodeAt(at); code >= 0x20 && code !== QUOTE; code = text.charCodeAt(at)) {
      at = code === BACKSLASH ? this.#afterEscape(at) : at + 1;
    }
    // At the end of the text charCodeAt returns NaN, which is not a quote either.
    const closed = text.charCodeAt(at) === QUOTE;
    this.#position = closed ? at + 1 : at;
    this.#lastString = { start, end: this.#position };
    return closed;
  }

  /** The position after an escape; the end of the text if the escape is invalid, which leaves the string unclosed. */
  #afterEscape(at: number): number {
    const text = this.#text;
    const kind = text[at + 1];
    if (kind === 'u') {
      UNICODE_ESCAPE.lastIndex = at + 2;
      return UNICODE_ESCAPE.test(text) ? at + 6 : text.length;
    }
    return kind !== undefined && '"\\/bfnrt'.includes(kind) ? at + 2 : text.length;
  }

  #matches(token: RegExp): boolean {
    token.lastIndex = this.#position;
    if (!token.test(this.#text)) return false;
    this.#position = token.lastIndex;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#position += 1;
    }
  }
}

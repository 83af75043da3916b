/** A JSON value as far as a text has it. */
export interface PartialJson {
  readonly value: unknown;
  /** How many containers are still open, from the outermost on. Each is the last entry of the one before. */
  readonly openContainers: number;
  /** Whether the last entry is a string without its end. */
  readonly isStringOpen: boolean;
}

interface Container {
  readonly value: Record<string, unknown> | unknown[];
  key: string | undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = /\s*/y;
const WORD = /[^\s{}[\],:"]+/y;
/** An escape, or half of a character, at the end of a string that was cut there. */
const CUT_ESCAPE = /\\(u[\da-fA-F]{0,3})?$|\\u[dD][89abAB][\da-fA-F]{2}(\\(u[\da-fA-F]{0,3})?)?$/;

/**
 * Reads the begin of a JSON object or array. A number or word at the end of the text may go on, so it is left out, and
 * so is a key without a value; a string is read as far as it goes. `undefined` if the text is no JSON; missing commas and
 * colons are not noticed.
 */
export function readPartialJson(text: string): PartialJson | undefined {
  const reader = new PartialReader(text);
  return reader.read() ? reader.result : undefined;
}

class PartialReader {
  readonly #text: string;
  readonly #open: Container[] = [];
  #root: unknown;
  #isStringOpen = false;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get result(): PartialJson | undefined {
    if (this.#root === undefined) return undefined;
    return { value: this.#root, openContainers: this.#open.length, isStringOpen: this.#isStringOpen };
  }

  /** Whether the text is the begin of a value. */
  read(): boolean {
    for (this.#skipSpace(); this.#position < this.#text.length; this.#skipSpace()) {
      // What follows the value is not part of it.
      if (this.#root !== undefined && this.#open.length === 0) return true;
      if (!this.#step()) return false;
    }
    return true;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#position;
    SPACE.test(this.#text);
    this.#position = SPACE.lastIndex;
  }

  #step(): boolean {
    const character = this.#text[this.#position] as string;
    if (character === '"') return this.#readString();
    if (!'{}[],:'.includes(character)) return this.#readWord();
    this.#position += 1;
    return this.#punctuation(character);
  }

  /** By hand: a regular expression overflows its stack on megabytes. */
  #readString(): boolean {
    const text = this.#text;
    const start = this.#position;
    let end = start + 1;
    for (let code = text.charCodeAt(end); end < text.length && code !== QUOTE; code = text.charCodeAt(end)) {
      end += code === BACKSLASH ? 2 : 1;
    }
    this.#position = Math.min(end + 1, text.length);
    return end < text.length ? this.#string(text.slice(start, end + 1)) : this.#cutString(text.slice(start));
  }

  #readWord(): boolean {
    WORD.lastIndex = this.#position;
    const word = WORD.exec(this.#text)?.[0] ?? '';
    this.#position += word.length;
    const isComplete = this.#position < this.#text.length;
    return !isComplete || this.#add(parse(word));
  }

  #punctuation(character: string): boolean {
    if (character === '{') return this.#openContainer({});
    if (character === '[') return this.#openContainer([]);
    if (character === '}' || character === ']') return this.#open.pop() !== undefined;
    return this.#open.length > 0;
  }

  #openContainer(value: Record<string, unknown> | unknown[]): boolean {
    if (!this.#add(value)) return false;
    this.#open.push({ value, key: undefined });
    return true;
  }

  #string(literal: string): boolean {
    const container = this.#open.at(-1);
    const text = parse(literal);
    if (container === undefined || text === undefined) return false;
    if (Array.isArray(container.value) || container.key !== undefined) return this.#add(text);
    container.key = text as string;
    return true;
  }

  #cutString(literal: string): boolean {
    const container = this.#open.at(-1);
    if (container === undefined) return false;
    // A key that is not complete is no key yet.
    if (!Array.isArray(container.value) && container.key === undefined) return true;
    const text = parse(`${literal.replace(CUT_ESCAPE, '')}"`);
    this.#isStringOpen = text !== undefined;
    return text !== undefined && this.#add(text);
  }

  #add(value: unknown): boolean {
    if (value === undefined) return false;
    const container = this.#open.at(-1);
    if (container === undefined) {
      if (typeof value !== 'object') return false;
      this.#root = value;
    } else if (Array.isArray(container.value)) container.value.push(value);
    else if (container.key === undefined) return false;
    else {
      if (container.key !== '__proto__') container.value[container.key] = value;
      else
        Object.defineProperty(container.value, container.key, {
          value,
          enumerable: true,
          configurable: true,
        });
      container.key = undefined;
    }
    return true;
  }
}

function parse(literal: string): unknown {
  try {
    return JSON.parse(literal) as unknown;
  } catch {
    return undefined;
  }
}

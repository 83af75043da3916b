// JSON.parse says where a text is not JSON only in some messages, and quotes the text in them. Of a value that does not
// match a schema only the path is known. Both are turned into lines here, by reading the text once more.

const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings hold none
const STRING = /"(?:[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** What came of reading JSON: the value, or the line on which the text stops being JSON. */
export type JsonReading =
  | { readonly value: unknown; readonly line?: never }
  | { readonly value?: never; readonly line: number };

/** Parses JSON; a byte order mark is left out. Never throws. */
export function readJson(text: string): JsonReading {
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    return { value: JSON.parse(json) as unknown };
  } catch {
    return { line: lineAt(json, new JsonWalk(json).end()) };
  }
}

/** The line, from 1, of the value at a path in valid JSON, or of its nearest existing parent. */
export function lineOfJsonPath(text: string, path: ReadonlyArray<PropertyKey>): number {
  const walk = new JsonWalk(text, path.map(String));
  walk.end();
  return lineAt(text, walk.found);
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** One pass over a text that is meant to be JSON. */
class JsonWalk {
  /** Where the value at the path begins, as far down as it was found. */
  found = 0;
  readonly #text: string;
  readonly #path: readonly string[];
  #at = 0;
  #depthFound = -1;

  constructor(text: string, path: readonly string[] = []) {
    this.#text = text;
    this.#path = path;
  }

  /** The offset at which the text stops being JSON; its length if it is JSON to the end. */
  end(): number {
    try {
      if (this.#value(0)) this.#skip(SPACE);
    } catch {
      // Nested deeper than the stack is: what was reached so far has to do.
    }
    return this.#at;
  }

  /** Passes one value. `depth` is that of the path up to here if it matches, else -1. */
  #value(depth: number): boolean {
    this.#skip(SPACE);
    this.#note(depth, this.#at);
    const char = this.#text[this.#at];
    if (char === '{') return this.#members(depth);
    if (char === '[') return this.#items(depth);
    return this.#skip(STRING) !== undefined || this.#skip(SCALAR) !== undefined;
  }

  #members(depth: number): boolean {
    return this.#list('}', () => {
      const start = this.#at;
      const key = this.#skip(STRING);
      if (key === undefined) return false;
      const inner = this.#step(depth, () => JSON.parse(key) as string);
      this.#note(inner, start);
      this.#skip(SPACE);
      return this.#take(':') && this.#value(inner);
    });
  }

  #items(depth: number): boolean {
    let index = 0;
    return this.#list(']', () => this.#value(this.#step(depth, () => String(index++))));
  }

  #list(close: string, next: () => boolean): boolean {
    this.#at += 1;
    this.#skip(SPACE);
    if (this.#take(close)) return true;
    for (;;) {
      this.#skip(SPACE);
      if (!next()) return false;
      this.#skip(SPACE);
      if (this.#take(close)) return true;
      if (!this.#take(',')) return false;
    }
  }

  /** The depth of a child: one more on the path, -1 off it. */
  #step(depth: number, name: () => string): number {
    const own = name();
    return depth >= 0 && this.#path[depth] === own ? depth + 1 : -1;
  }

  #note(depth: number, offset: number): void {
    if (depth <= this.#depthFound) return;
    this.#depthFound = depth;
    this.found = offset;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #skip(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }
}

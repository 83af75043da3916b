/** UTF-8 bytes per token. The estimate should be high rather than low: a prompt below the minimum costs nothing more. */
const BYTES_PER_TOKEN = 3.5;

/** Adds up the parts of a prompt, as far as is needed to know whether they have a minimum length. */
export class PromptSize {
  #missingBytes: number;

  constructor(minimumTokens: number) {
    this.#missingBytes = minimumTokens * BYTES_PER_TOKEN;
  }

  /** Adds a part; returns whether all parts together have the minimum length. */
  add(part: unknown): boolean {
    if (this.#missingBytes <= 0) return true;
    if (typeof part === 'string') this.#missingBytes -= Buffer.byteLength(part);
    else if (typeof part === 'object' && part !== null) this.#addObject(part);
    return this.#missingBytes <= 0;
  }

  /** Adds tokens that are known otherwise. */
  addTokens(tokens: number): void {
    this.#missingBytes -= tokens * BYTES_PER_TOKEN;
  }

  #addObject(part: object): void {
    const { type, data } = part as Readonly<Record<string, unknown>>;
    // What an image or a document takes has nothing to do with its bytes.
    if (type === 'base64' && typeof data === 'string') return;
    for (const [key, value] of Object.entries(part)) {
      if (!Array.isArray(part)) this.#missingBytes -= key.length;
      if (this.add(value)) return;
    }
  }
}

/** Keeps the end of a byte stream in bounded memory, however much flows by. */
export class TextTail {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #keptBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.length;
    while (this.#keptBytes - (this.#chunks[0] as Uint8Array).length >= this.#maxBytes) {
      this.#keptBytes -= (this.#chunks.shift() as Uint8Array).length;
    }
  }

  /** The last bytes as text; what is not UTF-8 is replaced. */
  text(): string {
    const bytes = Buffer.concat(this.#chunks);
    return bytes
      .subarray(Math.max(0, bytes.length - this.#maxBytes))
      .toString('utf8')
      .trim();
  }
}

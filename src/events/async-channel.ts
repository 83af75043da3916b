/**
 * A bounded channel from one writer to one reader. The writer is told to wait when the reader is behind by
 * `capacity` items; the reader waits when there are none.
 */
export class AsyncChannel<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #taken = 0;
  #ended: { error: Error | undefined } | undefined = undefined;
  #wakeReader: (() => void) | undefined = undefined;
  #wakeWriter: (() => void) | undefined = undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Items written and not read. */
  get size(): number {
    return this.#items.length - this.#taken;
  }

  /** Adds an item. A promise means: the reader is behind, wait for it before writing more. */
  write(item: T): Promise<void> | undefined {
    this.#items.push(item);
    this.#wake();
    if (this.size < this.#capacity) return undefined;
    return new Promise((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  /** Nothing more will be written; the reader gets what is left, then the end or `error`. */
  end(error?: Error): void {
    this.#ended ??= { error };
    this.#wake();
  }

  /** Throws away what was not read, and lets the writer go on. */
  clear(): void {
    this.#items = [];
    this.#taken = 0;
    this.#releaseWriter();
  }

  /** The next item, or the end. Rejects with the error that ended the channel. */
  async read(): Promise<IteratorResult<T, undefined>> {
    while (this.size === 0) {
      if (this.#ended !== undefined) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    return { done: false, value: this.#take() };
  }

  #take(): T {
    const item = this.#items[this.#taken] as T;
    this.#taken += 1;
    // Cut off in large pieces, so that taking costs the same however many wait.
    if (this.#taken === this.#items.length || this.#taken > 1_024) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    if (this.size < this.#capacity) this.#releaseWriter();
    return item;
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #releaseWriter(): void {
    this.#wakeWriter?.();
    this.#wakeWriter = undefined;
  }
}

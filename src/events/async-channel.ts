/**
 * A bounded channel from one writer to one reader. The writer has to wait while the reader is `capacity` items behind;
 * the reader waits while there are no items.
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

  /** Number of unread items. */
  get size(): number {
    return this.#items.length - this.#taken;
  }

  /** Adds an item. If it returns a promise, the reader is behind: await it before writing more. */
  write(item: T): Promise<void> | undefined {
    this.#items.push(item);
    this.#wake();
    if (this.size < this.#capacity) return undefined;
    return new Promise((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  /** Ends the channel. The reader gets the remaining items, then the end or `error`; a waiting writer continues. */
  end(error?: Error): void {
    this.#ended ??= { error };
    this.#wake();
    this.#releaseWriter();
  }

  /** Drops the unread items; a waiting writer continues. */
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
    // Removed only once they are half of the array, so that the cost per item does not depend on its length.
    if (this.#taken === this.#items.length || (this.#taken > 1_024 && this.#taken * 2 > this.#items.length)) {
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

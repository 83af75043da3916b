import { Broadcast, type BroadcastOptions } from './broadcast.js';

/** Runs one stream for all who ask for the same key while it lasts. */
export class StreamFlights<T> {
  readonly #streams = new Map<string, Broadcast<T>>();
  readonly #options: BroadcastOptions;

  constructor(options: BroadcastOptions = {}) {
    this.#options = options;
  }

  /** How many keys have a stream. */
  get size(): number {
    return this.#streams.size;
  }

  /** Whether `join` would join a running stream. */
  has(key: string): boolean {
    const stream = this.#streams.get(key);
    return stream?.isJoinable === true && !stream.isOver;
  }

  /**
   * Joins the running stream of the key, from its first item on, or starts one. The source's signal is aborted
   * when the last reader leaves before the end.
   */
  join(
    key: string,
    start: (signal: AbortSignal) => AsyncIterable<T>,
    options: { signal?: AbortSignal | undefined } = {},
  ): AsyncIterableIterator<T> {
    const running = this.has(key) ? this.#streams.get(key) : undefined;
    return (running ?? this.#start(key, start)).subscribe(options);
  }

  /** Invalidates the key: the next caller starts a stream of its own. Those who read go on. */
  forget(key: string): void {
    this.#streams.delete(key);
  }

  /** Invalidates all keys. */
  forgetAll(): void {
    this.#streams.clear();
  }

  #start(key: string, start: (signal: AbortSignal) => AsyncIterable<T>): Broadcast<T> {
    const stream = new Broadcast<T>(start, {
      ...this.#options,
      onOver: () => {
        if (this.#streams.get(key) === stream) this.#streams.delete(key);
      },
    });
    this.#streams.set(key, stream);
    return stream;
  }
}

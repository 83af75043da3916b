import { StreamLaggedError } from '../errors/stream-errors.js';

/** Options of a {@link Broadcast}. */
export interface BroadcastOptions {
  /**
   * Maximum number of items kept for late and slow readers. Older items are dropped: a reader that still needs them,
   * such as one that joins now, fails with a {@link StreamLaggedError}.
   */
  readonly maxKeptItems: number;
}

/**
 * One stream with many readers. A reader that joins late gets the earlier items first, then new ones as they arrive.
 *
 * The first reader starts the source, and the fastest reader pulls its items. All readers share one list of items, so
 * each costs only a position in it. When the last reader leaves before the end, the source's signal is aborted and the
 * source is stopped.
 */
export class Broadcast<T> {
  readonly #source: (signal: AbortSignal) => AsyncIterable<T>;
  readonly #maxKeptItems: number;
  readonly #controller = new AbortController();
  readonly #readers = new Set<Reader<T>>();
  #iterator: AsyncIterator<T> | undefined;
  #kept: T[] = [];
  #firstKept = 0;
  #pulling = false;
  #end: { failed: boolean; error?: unknown } | undefined;

  constructor(source: (signal: AbortSignal) => AsyncIterable<T>, { maxKeptItems }: BroadcastOptions) {
    this.#source = source;
    this.#maxKeptItems = maxKeptItems;
  }

  /** Adds a reader. It counts as one at once, before it reads its first item, until it ends or `return()` is called. */
  subscribe(): AsyncIterableIterator<T> {
    const reader = new Reader<T>({
      next: (position) => this.#next(position),
      leave: () => this.#leave(reader),
    });
    this.#readers.add(reader);
    return reader;
  }

  /** The item at the position, or the end or error there; `undefined` if it has not arrived yet. */
  #next(position: number): Step<T> | undefined {
    if (position < this.#firstKept) return { error: new StreamLaggedError(this.#maxKeptItems) };
    const index = position - this.#firstKept;
    if (index < this.#kept.length) return { value: this.#kept[index] as T };
    if (this.#end !== undefined) return this.#end.failed ? { error: this.#end.error } : { done: true };
    this.#pull();
    return undefined;
  }

  #pull(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    this.#pullOne().then(
      () => this.#wake(),
      (error: unknown) => {
        this.#end = { failed: true, error };
        this.#wake();
      },
    );
  }

  async #pullOne(): Promise<void> {
    this.#iterator ??= this.#source(this.#controller.signal)[Symbol.asyncIterator]();
    const step = await this.#iterator.next();
    if (step.done === true) this.#end = { failed: false };
    else this.#keep(step.value);
  }

  #keep(item: T): void {
    this.#kept.push(item);
    if (this.#kept.length <= this.#maxKeptItems) return;
    // An eighth at a time: dropping a single item would move the whole list each time.
    const dropped = Math.max(1, this.#maxKeptItems >> 3);
    this.#kept = this.#kept.slice(dropped);
    this.#firstKept += dropped;
  }

  #wake(): void {
    this.#pulling = false;
    for (const reader of [...this.#readers]) reader.wake();
  }

  #leave(reader: Reader<T>): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0 || this.#end !== undefined) return;
    this.#controller.abort();
    // The source may still be producing an item, or fail while it stops; there is no reader left to report that to.
    Promise.resolve(this.#iterator?.return?.()).catch(() => {});
  }
}

type Step<T> = { value: T } | { done: true } | { error: unknown };

interface Broadcaster<T> {
  next(position: number): Step<T> | undefined;
  leave(): void;
}

interface PendingRead<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

class Reader<T> implements AsyncIterableIterator<T> {
  readonly #broadcaster: Broadcaster<T>;
  readonly #pending: PendingRead<T>[] = [];
  #position = 0;
  #left = false;

  constructor(broadcaster: Broadcaster<T>) {
    this.#broadcaster = broadcaster;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.wake();
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#leave();
    this.wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Settles as many of the pending reads as possible. */
  wake(): void {
    while (this.#pending.length > 0) {
      const step = this.#left ? { done: true as const } : this.#broadcaster.next(this.#position);
      if (step === undefined) return;
      const read = this.#pending.shift() as PendingRead<T>;
      if ('value' in step) {
        this.#position += 1;
        read.resolve({ done: false, value: step.value });
      } else {
        this.#leave();
        if ('error' in step) read.reject(step.error);
        else read.resolve({ done: true, value: undefined });
      }
    }
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#broadcaster.leave();
  }
}

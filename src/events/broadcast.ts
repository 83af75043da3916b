import { StreamLaggedError } from '../errors/stream-errors.js';

/** Settings of a {@link Broadcast}. */
export interface BroadcastOptions {
  /**
   * Most items that are kept for late joiners and slow readers. Beyond it nobody can join any more, and a
   * reader who is further behind fails with {@link StreamLaggedError}.
   *
   * @default 65_536
   */
  maxKeptItems?: number | undefined;
  /** Told once, when the source has ended, failed or been stopped. */
  onOver?: (() => void) | undefined;
}

const DEFAULT_MAX_KEPT_ITEMS = 65_536;

/**
 * One stream read by many: who joins late gets what came before, then what comes, live.
 *
 * The source is started by the first reader and asked for the next item when the fastest reader wants it. All
 * readers share one list of items, so each costs a position in it. When the last reader leaves before the end,
 * the source's signal is aborted and the source is told to stop.
 */
export class Broadcast<T> {
  readonly #source: (signal: AbortSignal) => AsyncIterable<T>;
  readonly #maxKeptItems: number;
  readonly #onOver: (() => void) | undefined;
  readonly #controller = new AbortController();
  readonly #readers = new Set<Reader<T>>();
  #iterator: AsyncIterator<T> | undefined;
  #kept: T[] = [];
  #firstKept = 0;
  #pulling = false;
  #end: { failed: boolean; error?: unknown } | undefined;

  constructor(source: (signal: AbortSignal) => AsyncIterable<T>, options: BroadcastOptions = {}) {
    this.#source = source;
    this.#maxKeptItems = options.maxKeptItems ?? DEFAULT_MAX_KEPT_ITEMS;
    this.#onOver = options.onOver;
  }

  /** How many readers there are. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Whether a new reader would get everything from the first item on. */
  get isJoinable(): boolean {
    return this.#firstKept === 0 && !this.#controller.signal.aborted;
  }

  /** Whether the source has ended, failed or been stopped. */
  get isOver(): boolean {
    return this.#end !== undefined || this.#controller.signal.aborted;
  }

  /**
   * Adds a reader, from this moment on: it counts as one even before its first item is asked for. Stop reading
   * early with `return()` (leaving a `for await` does) or with the signal.
   */
  subscribe(options: { signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<T> {
    const reader = new Reader<T>(this.#firstKept, options.signal, {
      next: (position) => this.#next(position),
      leave: () => this.#leave(reader),
    });
    this.#readers.add(reader);
    if (options.signal?.aborted === true) reader.abort();
    return reader;
  }

  /** The item at the position, or what stands in its place; `undefined` when it has not come yet. */
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
        this.#finish({ failed: true, error });
        this.#wake();
      },
    );
  }

  async #pullOne(): Promise<void> {
    this.#iterator ??= this.#source(this.#controller.signal)[Symbol.asyncIterator]();
    const step = await this.#iterator.next();
    if (step.done === true) this.#finish({ failed: false });
    else this.#keep(step.value);
  }

  #finish(end: { failed: boolean; error?: unknown }): void {
    this.#end = end;
    // One that was stopped has said so already.
    if (!this.#controller.signal.aborted) this.#onOver?.();
  }

  #keep(item: T): void {
    this.#kept.push(item);
    if (this.#kept.length <= this.#maxKeptItems) return;
    // In slices of an eighth, as taking off one at a time would move the whole list each time.
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
    this.#onOver?.();
    // The source may still be busy with an item, or fail while it stops; nobody is left to be told.
    Promise.resolve(this.#iterator?.return?.()).catch(() => {});
  }
}

type Step<T> = { value: T } | { done: true } | { error: unknown };

interface Broadcaster<T> {
  next(position: number): Step<T> | undefined;
  leave(): void;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

class Reader<T> implements AsyncIterableIterator<T> {
  readonly #broadcaster: Broadcaster<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #waiting: Waiting<T>[] = [];
  #position: number;
  #left = false;

  constructor(position: number, signal: AbortSignal | undefined, broadcaster: Broadcaster<T>) {
    this.#position = position;
    this.#signal = signal;
    this.#broadcaster = broadcaster;
    signal?.addEventListener('abort', this.abort);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.wake();
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#leave();
    this.wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Answers as many of the waiting `next()` as can be answered. */
  wake(): void {
    while (this.#waiting.length > 0) {
      const step = this.#left ? { done: true as const } : this.#broadcaster.next(this.#position);
      if (step === undefined) return;
      const waiting = this.#waiting.shift() as Waiting<T>;
      if ('value' in step) {
        this.#position += 1;
        waiting.resolve({ done: false, value: step.value });
      } else {
        this.#leave();
        if ('error' in step) waiting.reject(step.error);
        else waiting.resolve({ done: true, value: undefined });
      }
    }
  }

  readonly abort = (): void => {
    const waiting = this.#waiting.splice(0);
    this.#leave();
    for (const { reject } of waiting) reject(this.#signal?.reason);
  };

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#signal?.removeEventListener('abort', this.abort);
    this.#broadcaster.leave();
  }
}

import type { CacheOperation } from '../../errors/storage-errors.js';
import { CacheStoreError } from '../../errors/storage-errors.js';
import { TuttiError } from '../../errors/tutti-error.js';
import { type Clock, systemClock } from '../../time/clock.js';
import type { StoredEntry } from '../cache-entry.js';
import type { CacheTier, TierChange, TierCounters, TierSelector, TierSize } from './cache-tier.js';
import { TimeLimits } from './time-limits.js';

/** How a {@link TierGuard} is set up. */
export interface TierGuardOptions {
  /** How long a read or a deletion may take, in milliseconds. @default 1_000 */
  timeoutMs?: number | undefined;
  /** How long writing, deleting many and flushing may take, in milliseconds. @default 30_000 */
  longTimeoutMs?: number | undefined;
  /** The first pause after a failure, in milliseconds; doubles with each further one. @default 1_000 */
  firstRetryMs?: number | undefined;
  /** The longest pause between tries, in milliseconds. @default 60_000 */
  longestRetryMs?: number | undefined;
  /** Where time comes from. @default systemClock */
  clock?: Clock | undefined;
  /** Called once when the tier stops working. */
  onBroken?: ((error: TuttiError) => void) | undefined;
  /** Called once when it works again. */
  onWorking?: ((tier: CacheTier['name']) => void) | undefined;
  /** Called for every failed operation, for counting. */
  onFailure?: (() => void) | undefined;
}

/** The state of one direction: a full disk cannot be written but still be read. */
interface Direction {
  /** Failures in a row; 0 while it works. */
  failures: number;
  retryAtMs: number;
  isTrying: boolean;
}

const READS: ReadonlySet<CacheOperation> = new Set(['get', 'read']);
/** Entries of which it is remembered that they could not be written, until the next flush. */
const MAX_LOST = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Wraps a tier so that a call never fails or hangs because of its cache. A tier that fails or takes too long answers
 * as if it were empty, is reported once, left alone for a while, and then tried again with one operation. Reading and
 * writing are tracked separately. Flushing and closing are always tried, because there is no later attempt.
 */
export class TierGuard implements CacheTier {
  readonly name: CacheTier['name'];
  readonly #tier: CacheTier;
  readonly #options: TierGuardOptions;
  readonly #clock: Clock;
  readonly #limits: TimeLimits;
  readonly #timeoutMs: number;
  readonly #longTimeoutMs: number;
  readonly #reading: Direction = { failures: 0, retryAtMs: 0, isTrying: false };
  readonly #writing: Direction = { failures: 0, retryAtMs: 0, isTrying: false };
  /** Entries that the tier did not take. */
  readonly #lost = new Map<string, StoredEntry>();

  constructor(tier: CacheTier, options: TierGuardOptions = {}) {
    this.name = tier.name;
    this.#tier = tier;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limits = new TimeLimits(this.#clock);
    this.#timeoutMs = options.timeoutMs ?? 1_000;
    this.#longTimeoutMs = options.longTimeoutMs ?? 30_000;
  }

  /** Whether the tier failed when it was last read or written. */
  get isBroken(): boolean {
    return this.#reading.failures + this.#writing.failures > 0;
  }

  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    const none = () => Array<undefined>(keys.length).fill(undefined);
    return this.#run('get', () => this.#tier.getMany(keys), none);
  }

  set(entry: StoredEntry): Promise<void> | undefined {
    let taking: Promise<void> | undefined;
    try {
      if (this.#writing.failures === 0) {
        taking = this.#tier.set(entry);
        if (taking === undefined) {
          if (this.#lost.size > 0) this.#lost.delete(entry.key);
          return undefined;
        }
      }
    } catch (error) {
      taking = Promise.reject(error);
    }
    // Allowed as long as a flush: a tier that accepts entries only as fast as it can write them is busy, not broken,
    // and no call waits for this.
    const work = async () => {
      await (taking ?? this.#tier.set(entry));
      this.#lost.delete(entry.key);
    };
    return this.#run('set', work, () => this.#lose(entry), this.#longTimeoutMs);
  }

  touch(key: string, hits: number): void {
    if (this.#writing.failures > 0) return;
    try {
      this.#tier.touch(key, hits);
    } catch (error) {
      this.#failed('touch', error);
    }
  }

  delete(key: string, createdUpTo?: number): Promise<boolean> {
    this.#lost.delete(key);
    return this.#run(
      'delete',
      () => this.#tier.delete(key, createdUpTo),
      () => false,
    );
  }

  deleteMatching(selector: TierSelector, createdUpTo?: number): Promise<number> {
    return this.#run(
      'delete',
      () => this.#tier.deleteMatching(selector, createdUpTo),
      () => 0,
      this.#longTimeoutMs,
    );
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    const iterator = this.#tier.entries()[Symbol.asyncIterator]();
    const end = (): IteratorResult<StoredEntry> => ({ done: true, value: undefined });
    try {
      for (;;) {
        const next = await this.#run('read', () => iterator.next(), end, this.#longTimeoutMs);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      // Not awaited: an iterator that hangs in its last step would keep its reader.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  size(): Promise<TierSize> {
    return this.#run(
      'read',
      () => this.#tier.size(),
      () => ({ entries: 0, sizeBytes: 0 }),
      this.#longTimeoutMs,
    );
  }

  counters(): TierCounters {
    try {
      return this.#tier.counters();
    } catch (error) {
      this.#failed('read', error);
      return { evictions: 0, expirations: 0 };
    }
  }

  /** What other processes have changed; absent where the tier cannot know. */
  get changes(): (() => Promise<readonly TierChange[]>) | undefined {
    return this.#tier.changes === undefined ? undefined : this.#changes;
  }

  /** @throws what the tier fails with: the one method that must not hide it. */
  async flush(): Promise<void> {
    let failure: { readonly cause: unknown } | undefined;
    await this.#attempt(
      'flush',
      () => this.#tier.flush(),
      doNothing,
      this.#longTimeoutMs,
      (cause) => {
        failure = { cause };
      },
    );
    if (failure !== undefined) throw failure.cause;
  }

  takeUnwritten(): StoredEntry[] {
    const unwritten = new Map(this.#lost);
    for (const entry of this.#tier.unwritten?.() ?? []) unwritten.set(entry.key, entry);
    this.#lost.clear();
    return [...unwritten.values()];
  }

  /** Reports what could not be written. */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    let cause: unknown;
    await this.#attempt(
      'close',
      () => this.#tier.close(),
      doNothing,
      timeoutMs,
      (failure) => {
        cause = failure;
      },
    );
    const { length } = this.takeUnwritten();
    // Callers who still wait for a tier that hangs are let go.
    this.#limits.endAll();
    if (length === 0) return;
    const message = `The ${this.name} tier of the cache was closed with ${length} answers that could not be written to it.`;
    const details = { unwritten: length };
    this.#notify(() =>
      this.#options.onBroken?.(new CacheStoreError(this.name, 'close', message, { cause, details })),
    );
  }

  readonly #changes = (): Promise<readonly TierChange[]> =>
    this.#run(
      'read',
      () => this.#tier.changes?.() ?? Promise.resolve([]),
      () => [],
    );

  #lose(entry: StoredEntry): void {
    if (this.#lost.size < MAX_LOST) this.#lost.set(entry.key, entry);
  }

  #run<T>(
    operation: CacheOperation,
    work: () => Promise<T>,
    instead: () => T,
    timeoutMs = this.#timeoutMs,
  ): Promise<T> {
    const direction = this.#directionOf(operation);
    return direction.failures === 0
      ? this.#attempt(operation, work, instead, timeoutMs)
      : this.#tryAgain(direction, operation, work, instead, timeoutMs);
  }

  async #tryAgain<T>(
    direction: Direction,
    operation: CacheOperation,
    work: () => Promise<T>,
    instead: () => T,
    timeoutMs: number,
  ): Promise<T> {
    if (direction.isTrying || this.#clock.now() < direction.retryAtMs) return instead();
    direction.isTrying = true;
    try {
      return await this.#attempt(operation, work, instead, timeoutMs);
    } finally {
      direction.isTrying = false;
    }
  }

  /** After a timeout the work's outcome is dropped, failures included. One promise only: this is on every read's path. */
  #attempt<T>(
    operation: CacheOperation,
    work: () => Promise<T>,
    instead: () => T,
    timeoutMs: number,
    onFailure?: (cause: unknown) => void,
  ): Promise<T> {
    return new Promise<T>((resolve) => {
      const giveUp = (cause: unknown) => {
        this.#failed(operation, cause);
        onFailure?.(cause);
        resolve(instead());
      };
      const timed = this.#limits.start(timeoutMs, () =>
        giveUp(new CacheStoreError(this.name, operation, `it took longer than ${timeoutMs} ms`)),
      );
      const done = (result: T) => {
        if (!this.#limits.end(timed)) return;
        this.#worked(operation);
        resolve(result);
      };
      const failed = (cause: unknown) => {
        if (this.#limits.end(timed)) giveUp(cause);
      };
      try {
        work().then(done, failed);
      } catch (cause) {
        failed(cause);
      }
    });
  }

  #directionOf(operation: CacheOperation): Direction {
    return READS.has(operation) ? this.#reading : this.#writing;
  }

  #worked(operation: CacheOperation): void {
    const direction = this.#directionOf(operation);
    if (direction.failures === 0) return;
    direction.failures = 0;
    if (!this.isBroken) this.#notify(() => this.#options.onWorking?.(this.name));
  }

  #failed(operation: CacheOperation, cause: unknown): void {
    const { firstRetryMs = 1_000, longestRetryMs = 60_000 } = this.#options;
    const direction = this.#directionOf(operation);
    const wasBroken = this.isBroken;
    direction.retryAtMs =
      this.#clock.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** direction.failures++);
    this.#notify(() => this.#options.onFailure?.());
    if (wasBroken) return;
    const why = TuttiError.isInstance(cause) ? cause.message : String(cause);
    const message = `The ${this.name} tier of the cache stopped working (${operation}): ${why} The cache goes on without it and tries again.`;
    this.#notify(() =>
      this.#options.onBroken?.(new CacheStoreError(this.name, operation, message, { cause })),
    );
  }

  /** A listener that throws must not fail a call. */
  #notify(listener: () => void): void {
    try {
      listener();
    } catch {
      // A broken listener cannot be notified of its own failure.
    }
  }
}

function doNothing(): void {}

import { join } from 'node:path';
import { ClosedError } from '../../errors/input-errors.js';
import { CacheStoreError } from '../../errors/storage-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import type { SqliteDriverName } from '../../sqlite/driver.js';
import { type Database, type OpenDatabaseOptions, openDatabase } from '../../sqlite/open-database.js';
import { type Clock, systemClock } from '../../time/clock.js';
import type { StoredEntry } from '../cache-entry.js';
import { createEvictionOrder, type EvictionKind } from '../eviction.js';
import type { CacheTier, TierCounters, TierSelector, TierSize } from './cache-tier.js';
import { DiskFile, type DiskSession } from './disk-file.js';
import { DiskIndex } from './disk-index.js';
import { type DiskTable, type PendingTouch, ROWS_PER_WRITE } from './disk-table.js';
import { DrainTimer } from './drain-timer.js';
import type { IndexSync } from './index-sync.js';
import { ReadBatcher } from './read-batcher.js';
import { WriteQueue } from './write-queue.js';

/** How a {@link DiskTier} is set up. */
export interface DiskTierOptions {
  /** The folder that holds `cache.db`; made when it is missing. */
  directory: string;
  /** Most bytes that the entries may take. */
  maxSizeBytes: number;
  /** Most entries. @default no limit */
  maxEntries?: number | undefined;
  /** Which entry goes first when room is needed. @default 'lru' */
  eviction?: EvictionKind | undefined;
  /** Which library talks to SQLite. @default 'auto' */
  driver?: 'auto' | SqliteDriverName | undefined;
  /** How long an entry may wait to be written together with others, in milliseconds. @default 25 */
  writeDelayMs?: number | undefined;
  /** Most bytes that may wait to be written. @default 16 MiB */
  maxQueuedBytes?: number | undefined;
  /** Where time comes from. @default systemClock */
  clock?: Clock | undefined;
  /** Told about trouble that no caller is waiting to hear of, once for each change for the worse. */
  onProblem?: ((error: TuttiError) => void) | undefined;
  /** Opens the database; for tests. @default openDatabase */
  open?: ((path: string, options: OpenDatabaseOptions) => Promise<Database>) | undefined;
}

/** The one file name in the folder, besides what SQLite adds to it. */
const FILE_NAME = 'cache.db';
/** Uses are worth less than entries: they wait long, to be written with others, the same one only once. */
const TOUCH_DELAY_MS = 10_000;
const MAX_TOUCHES = 10_000;
/** How often entries past their time are looked for while nothing else happens. */
const HOUSEKEEPING_MS = 60_000;
const PURGE_PAUSE_MS = 5_000;
/** For how long the index is trusted about a key it does not know, when another process may write it. */
const TRUST_MS = 2;
/** How often keys that other processes deleted are looked for. */
const RESCAN_PAUSE_MS = 1_000;

const MISSING: Promise<undefined> = Promise.resolve(undefined);

/**
 * Keeps entries in one SQLite file. Writes wait a moment and go together; reads of one turn of the event loop are one
 * statement; which keys exist, how large they are and which go first is known in memory, without the values.
 *
 * Several processes may share the file: each sees what the others wrote within moments, and the sizes are those
 * of the file. A file that turns out broken is moved aside and a new one started; one that disappears is made anew.
 */
export class DiskTier implements CacheTier {
  readonly name = 'disk';
  readonly #options: DiskTierOptions;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #maxQueuedBytes: number;
  readonly #index: DiskIndex;
  readonly #queue = new WriteQueue();
  readonly #reads = new ReadBatcher<StoredEntry>((keys) => this.#readMany(keys));
  #touches = new Map<string, PendingTouch>();
  readonly #file: DiskFile;
  readonly #timer: DrainTimer;
  #draining: Promise<void> | undefined;
  #purgedMs = Number.NEGATIVE_INFINITY;
  #followedMs = Number.NEGATIVE_INFINITY;
  #rescannedMs = Number.NEGATIVE_INFINITY;
  #evictions = 0;
  #expirations = 0;
  #closing: Promise<void> | undefined;
  readonly #startedMs: number;
  readonly #startedAt: number;

  constructor(options: DiskTierOptions) {
    const { clock = systemClock, maxSizeBytes, maxEntries = Number.POSITIVE_INFINITY } = options;
    this.#options = options;
    this.#path = join(options.directory, FILE_NAME);
    this.#clock = clock;
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 16 * 1024 * 1024;
    this.#index = new DiskIndex(createEvictionOrder(options.eviction ?? 'lru'), { maxSizeBytes, maxEntries });
    this.#timer = new DrainTimer(clock, () => void this.#drain().catch(() => {}));
    this.#file = new DiskFile({
      path: this.#path,
      driver: options.driver ?? 'auto',
      clock,
      maxSizeBytes,
      open: options.open ?? openDatabase,
      index: this.#index,
      isPending: (key) => this.#queue.get(key) !== undefined,
      onLeave: () => this.#indexPending(),
      report: (message, cause) => this.#report(message, cause),
    });
    this.#startedMs = clock.now();
    this.#startedAt = clock.epochMs();
  }

  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    this.#assertOpen();
    if (keys.length === 1) return this.#get(keys[0] as string).then((entry) => [entry]);
    return Promise.all(keys.map((key) => this.#get(key)));
  }

  set(entry: StoredEntry): Promise<void> | undefined {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    if (entry.sizeBytes > this.#options.maxSizeBytes) this.#forgetFormer(entry.key);
    else if (this.#queue.sizeBytes + entry.sizeBytes <= this.#maxQueuedBytes) this.#take(entry);
    else return this.#takeLater(entry);
    return undefined;
  }

  async #takeLater(entry: StoredEntry): Promise<void> {
    if (this.#timer.isFailing || this.#queue.sizeBytes > 2 * this.#maxQueuedBytes) throw this.#queueFull();
    // The caller's own pace is the limit: it waits until what it queued is on disk.
    await this.#drain();
    this.#take(entry);
  }

  #take(entry: StoredEntry): void {
    this.#giveUp(this.#index.makeRoomFor(entry.key, entry.sizeBytes));
    this.#index.put(entry.key, entry);
    this.#touches.delete(entry.key);
    this.#queue.put(entry.key, entry);
    const isFull = this.#queue.length >= ROWS_PER_WRITE && !this.#timer.isFailing;
    this.#schedule(isFull ? 0 : (this.#options.writeDelayMs ?? 25));
  }

  touch(key: string, hits: number): void {
    if (this.#closing !== undefined) return;
    this.#index.touch(key);
    if (this.#touches.size >= MAX_TOUCHES && !this.#touches.has(key)) return;
    this.#touches.set(key, { key, usedAt: this.#nowMs(), hits });
    this.#schedule(this.#touches.size >= MAX_TOUCHES && !this.#timer.isFailing ? 0 : TOUCH_DELAY_MS);
  }

  async delete(key: string): Promise<boolean> {
    this.#assertOpen();
    // Queued before anything else, so that the entry is gone for every read from now on.
    const pending = this.#queue.get(key);
    const known = this.#index.remove(key);
    this.#queue.put(key, null);
    this.#touches.delete(key);
    const session = await this.#file.openLoaded();
    const stored = pending === undefined && !known ? await session.table.read([key]) : [];
    await this.flush();
    return known || stored.length > 0;
  }

  async deleteMatching(selector: TierSelector): Promise<number> {
    this.#assertOpen();
    await this.flush();
    const { table } = await this.#file.openLoaded();
    return this.#deletePages(() => table.deleteMatching(selector));
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    this.#assertOpen();
    await this.flush();
    const { table } = await this.#file.openLoaded();
    yield* table.all();
  }

  async size(): Promise<TierSize> {
    this.#assertOpen();
    await this.#file.openLoaded();
    this.#purgedMs = Number.NEGATIVE_INFINITY;
    await this.flush();
    const { sync, table } = await this.#file.openLoaded();
    return this.#queue.isEmpty ? sync.size() : table.size();
  }

  counters(): TierCounters {
    return { evictions: this.#evictions, expirations: this.#expirations };
  }

  async flush(): Promise<void> {
    // A tier that was never used opens nothing, and one that was closed has nothing left to write.
    if (this.#file.isClosed) return;
    if (this.#file.isUnused && this.#queue.isEmpty && this.#touches.size === 0) return;
    // What is being written now was taken before this call; only the next round has everything.
    await this.#draining?.catch(() => {});
    await this.#drain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      this.#purgedMs = Number.NEGATIVE_INFINITY;
      await this.flush();
      // What others asked for meanwhile, deletions above all, is finished too.
      while (this.#draining !== undefined) await this.#draining;
    } finally {
      this.#timer.stop();
      await this.#file.close();
    }
  }

  // Reading

  #get(key: string): Promise<StoredEntry | undefined> {
    const pending = this.#queue.get(key);
    if (pending === null) return MISSING;
    if (pending !== undefined) return Promise.resolve(this.#alive(pending));
    const session = this.#file.session;
    return session?.sync.isLoaded === true && !this.#index.has(key)
      ? this.#unknown(key, session)
      : this.#read(key);
  }

  /** A key that the index does not know: another process may have written it a moment ago. */
  #unknown(key: string, session: DiskSession): Promise<StoredEntry | undefined> {
    if (this.#clock.now() - this.#followedMs < TRUST_MS) return MISSING;
    return this.#follow(session).then(() => (this.#index.has(key) ? this.#read(key) : undefined));
  }

  async #follow(session: DiskSession): Promise<void> {
    try {
      await session.sync.follow();
      this.#followedMs = this.#clock.now();
    } catch (error) {
      await this.#file.leaveIfBroken(session, error);
    }
  }

  #read(key: string): Promise<StoredEntry | undefined> {
    return this.#reads.read(key).then((found) => {
      // A newer one may have come meanwhile.
      const pending = this.#queue.get(key);
      if (pending !== undefined) return pending === null ? undefined : this.#alive(pending);
      if (found !== undefined) return this.#alive(found);
      this.#index.remove(key);
      return undefined;
    });
  }

  async #readMany(keys: readonly string[]): Promise<ReadonlyMap<string, StoredEntry>> {
    const session = this.#file.session ?? (await this.#file.open());
    try {
      const entries = await session.table.read(keys);
      return new Map(entries.map((entry) => [entry.key, entry]));
    } catch (error) {
      await this.#file.leaveIfBroken(session, error);
      return new Map();
    }
  }

  /** The entry with its latest count, unless its time is over. */
  #alive(entry: StoredEntry): StoredEntry | undefined {
    if (entry.staleUntil <= this.#nowMs()) {
      if (this.#queue.get(entry.key) !== null) this.#expirations++;
      this.#index.remove(entry.key);
      this.#queue.put(entry.key, null);
      this.#schedule(this.#options.writeDelayMs ?? 25);
      return undefined;
    }
    const hits = this.#touches.get(entry.key)?.hits ?? 0;
    return hits > entry.hits ? { ...entry, hits } : entry;
  }

  /** The date, except that it never goes back while this process lives: what has expired stays expired. */
  #nowMs(): number {
    return Math.max(this.#clock.epochMs(), this.#startedAt + this.#clock.now() - this.#startedMs);
  }

  // Writing

  #drain(): Promise<void> {
    this.#draining ??= this.#drainOnce().finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  async #drainOnce(): Promise<void> {
    this.#timer.stop();
    try {
      const session = await this.#file.openPresent();
      await this.#writeAll(session).catch(async (error: unknown) => {
        if (this.#file.session === session) throw error;
        // The file broke under way and was left; everything that waits goes into a new one.
        await this.#writeAll(await this.#file.openLoaded());
      });
    } catch (error) {
      throw this.#failed(error);
    }
    this.#timer.worked();
    this.#schedule(this.#queue.isEmpty ? HOUSEKEEPING_MS : 0);
  }

  async #writeAll(session: DiskSession): Promise<void> {
    const { table, sync } = session;
    this.#giveUp(this.#index.shrink());
    try {
      await this.#writeTaken(table, sync);
      await this.#writeTouches(table);
      await this.#purge(table);
      await this.#followOthers(session);
    } catch (error) {
      this.#queue.putBack();
      await this.#file.leaveIfBroken(session, error);
      throw error;
    }
  }

  async #writeTaken(table: DiskTable, sync: IndexSync): Promise<void> {
    const taken = this.#queue.take();
    const gone: string[] = [];
    const entries: StoredEntry[] = [];
    for (const [key, write] of taken) {
      if (write === null) gone.push(key);
      else entries.push(write);
    }
    // Room is made first, so that the file never holds more than it may.
    await table.delete(gone);
    for (let start = 0; start < entries.length; start += ROWS_PER_WRITE) {
      const rows = entries.slice(start, start + ROWS_PER_WRITE);
      sync.wrote(await table.write(rows, this.#nowMs()), rows.length);
    }
    this.#queue.done();
  }

  async #writeTouches(table: DiskTable): Promise<void> {
    if (this.#touches.size === 0) return;
    const touches = this.#touches;
    this.#touches = new Map();
    try {
      await table.touch([...touches.values()]);
    } catch (error) {
      this.#touches = new Map([...touches, ...this.#touches]);
      throw error;
    }
  }

  async #purge(table: DiskTable): Promise<void> {
    if (this.#clock.now() - this.#purgedMs < PURGE_PAUSE_MS) return;
    this.#purgedMs = this.#clock.now();
    this.#expirations += await this.#deletePages(() => table.deleteExpired(this.#nowMs()));
  }

  /** Takes in what other processes did, and holds the limits for all of it together. */
  async #followOthers(session: DiskSession): Promise<void> {
    const state = await session.sync.follow();
    this.#followedMs = this.#clock.now();
    const isDue = this.#clock.now() - this.#rescannedMs >= RESCAN_PAUSE_MS;
    if (this.#queue.isEmpty && isDue) {
      this.#rescannedMs = this.#clock.now();
      await session.sync.dropDeleted(state);
    }
    this.#giveUp(this.#index.shrink());
    if (this.#queue.length > 0) await this.#writeTaken(session.table, session.sync);
  }

  #giveUp(keys: readonly string[]): void {
    this.#evictions += keys.length;
    for (const key of keys) {
      this.#touches.delete(key);
      this.#queue.put(key, null);
    }
  }

  /** An answer too large to keep still makes its former one obsolete. */
  #forgetFormer(key: string): void {
    if (this.#queue.get(key) == null && !this.#index.remove(key)) return;
    this.#index.remove(key);
    this.#queue.put(key, null);
    this.#schedule(this.#options.writeDelayMs ?? 25);
  }

  // Deleting

  async #deletePages(deletePage: () => Promise<string[]>): Promise<number> {
    let count = 0;
    for (;;) {
      const keys = await deletePage();
      for (const key of keys) if (this.#queue.get(key) === undefined) this.#index.remove(key);
      count += keys.length;
      if (keys.length < ROWS_PER_WRITE) return count;
    }
  }

  // Trouble

  /** Of a file that was left, only what waits to be written is known. */
  #indexPending(): void {
    this.#index.clear();
    for (const [key, write] of this.#queue.pending()) if (write !== null) this.#index.put(key, write);
  }

  #schedule(delayMs: number): void {
    if (this.#closing === undefined) this.#timer.within(delayMs);
  }

  /** Says once that writing stopped working; tries again by itself, ever more rarely. */
  #failed(error: unknown): unknown {
    if (this.#timer.failed()) {
      this.#report(`The cache cannot write to ${this.#path}; it goes on without and tries again.`, error);
    }
    this.#schedule(0);
    return error;
  }

  #report(message: string, cause: unknown): void {
    this.#options.onProblem?.(new CacheStoreError(this.name, 'flush', message, { cause }));
  }

  #queueFull(): CacheStoreError {
    const message = `${this.#queue.sizeBytes} bytes wait to be written to ${this.#path} already; the entry was not taken.`;
    return new CacheStoreError(this.name, 'set', message);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }
}

function closedError(): ClosedError {
  return new ClosedError('disk tier of the cache');
}

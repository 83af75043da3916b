import { join } from 'node:path';
import { ClosedError } from '../../errors/input-errors.js';
import { CacheStoreError, DatabaseError } from '../../errors/storage-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import type { SqliteDriverName } from '../../sqlite/driver.js';
import { type Database, type OpenDatabaseOptions, openDatabase } from '../../sqlite/open-database.js';
import { type Clock, systemClock, type TimerHandle } from '../../time/clock.js';
import type { StoredEntry } from '../cache-entry.js';
import { createEvictionOrder, type EvictionKind } from '../eviction.js';
import type { CacheTier, TierCounters, TierSelector, TierSize } from './cache-tier.js';
import { DiskIndex } from './disk-index.js';
import { DiskTable, type PendingTouch, ROWS_PER_WRITE } from './disk-table.js';
import { IndexSync } from './index-sync.js';
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
/** Uses are worth less than entries: they wait longer, to be written with them. */
const TOUCH_DELAY_MS = 500;
const MAX_TOUCHES = 10_000;
/** How often entries past their time are looked for while nothing else happens. */
const HOUSEKEEPING_MS = 60_000;
const PURGE_PAUSE_MS = 5_000;
/** For how long the index is trusted about a key it does not know, when another process may write it. */
const TRUST_MS = 2;
/** How often keys that other processes deleted are looked for. */
const RESCAN_PAUSE_MS = 1_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 30_000;

const MISSING: Promise<undefined> = Promise.resolve(undefined);

interface Session {
  readonly database: Database;
  readonly table: DiskTable;
  readonly sync: IndexSync;
  readonly loaded: Promise<void>;
}

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
  #opening: Promise<Session> | undefined;
  #session: Session | undefined;
  #leaving: Promise<void> = Promise.resolve();
  #distrusted = false;
  #draining: Promise<void> | undefined;
  #timer: { readonly dueMs: number; readonly handle: TimerHandle } | undefined;
  #failures = 0;
  #purgedMs = Number.NEGATIVE_INFINITY;
  #followedMs = Number.NEGATIVE_INFINITY;
  #rescannedMs = Number.NEGATIVE_INFINITY;
  #evictions = 0;
  #expirations = 0;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  readonly #startedMs: number;
  readonly #startedAt: number;

  constructor(options: DiskTierOptions) {
    const { clock = systemClock, maxSizeBytes, maxEntries = Number.POSITIVE_INFINITY } = options;
    this.#options = options;
    this.#path = join(options.directory, FILE_NAME);
    this.#clock = clock;
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 16 * 1024 * 1024;
    this.#index = new DiskIndex(createEvictionOrder(options.eviction ?? 'lru'), { maxSizeBytes, maxEntries });
    this.#startedMs = clock.now();
    this.#startedAt = clock.epochMs();
  }

  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    this.#assertOpen();
    return Promise.all(keys.map((key) => this.#get(key)));
  }

  async set(entry: StoredEntry): Promise<void> {
    this.#assertOpen();
    if (entry.sizeBytes > this.#options.maxSizeBytes) return this.#forgetFormer(entry.key);
    if (this.#queue.sizeBytes + entry.sizeBytes > this.#maxQueuedBytes) {
      if (this.#failures > 0 || this.#queue.sizeBytes > 2 * this.#maxQueuedBytes) throw this.#queueFull();
      // The caller's own pace is the limit: it waits until what it queued is on disk.
      await this.#drain();
    }
    this.#giveUp(this.#index.makeRoomFor(entry.key, entry.sizeBytes));
    this.#index.put(entry.key, entry);
    this.#touches.delete(entry.key);
    this.#queue.put(entry.key, entry);
    const isFull = this.#queue.length >= ROWS_PER_WRITE && this.#failures === 0;
    this.#schedule(isFull ? 0 : (this.#options.writeDelayMs ?? 25));
  }

  touch(key: string, hits: number): void {
    if (this.#closing !== undefined) return;
    this.#index.touch(key);
    if (this.#touches.size >= MAX_TOUCHES && !this.#touches.has(key)) return;
    this.#touches.set(key, { key, usedAt: this.#nowMs(), hits });
    this.#schedule(this.#touches.size >= MAX_TOUCHES && this.#failures === 0 ? 0 : TOUCH_DELAY_MS);
  }

  async delete(key: string): Promise<boolean> {
    this.#assertOpen();
    // Queued before anything else, so that the entry is gone for every read from now on.
    const pending = this.#queue.get(key);
    const known = this.#index.remove(key);
    this.#queue.put(key, null);
    this.#touches.delete(key);
    const session = await this.#loadedSession();
    const stored = pending === undefined && !known ? await session.table.read([key]) : [];
    await this.flush();
    return known || stored.length > 0;
  }

  async deleteMatching(selector: TierSelector): Promise<number> {
    this.#assertOpen();
    await this.flush();
    const { table } = await this.#loadedSession();
    return this.#deletePages(() => table.deleteMatching(selector));
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    this.#assertOpen();
    await this.flush();
    const { table } = await this.#loadedSession();
    yield* table.all();
  }

  async size(): Promise<TierSize> {
    this.#assertOpen();
    await this.#loadedSession();
    this.#purgedMs = Number.NEGATIVE_INFINITY;
    await this.flush();
    const { table } = await this.#loadedSession();
    const { entries, sizeBytes } = await table.state();
    return { entries, sizeBytes };
  }

  counters(): TierCounters {
    return { evictions: this.#evictions, expirations: this.#expirations };
  }

  async flush(): Promise<void> {
    // A tier that was never used opens nothing, and one that was closed has nothing left to write.
    if (this.#isClosed) return;
    if (this.#opening === undefined && this.#queue.isEmpty && this.#touches.size === 0) return;
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
      this.#isClosed = true;
      this.#stopTimer();
      const session = await this.#opening?.catch(() => undefined);
      await session?.loaded.catch(() => {});
      await session?.database.close();
      await this.#leaving;
    }
  }

  // Reading

  #get(key: string): Promise<StoredEntry | undefined> {
    const pending = this.#queue.get(key);
    if (pending === null) return MISSING;
    if (pending !== undefined) return Promise.resolve(this.#alive(pending));
    const session = this.#session;
    return session?.sync.isLoaded === true && !this.#index.has(key)
      ? this.#unknown(key, session)
      : this.#read(key);
  }

  /** A key that the index does not know: another process may have written it a moment ago. */
  #unknown(key: string, session: Session): Promise<StoredEntry | undefined> {
    if (this.#clock.now() - this.#followedMs < TRUST_MS) return MISSING;
    return this.#follow(session).then(() => (this.#index.has(key) ? this.#read(key) : undefined));
  }

  async #follow(session: Session): Promise<void> {
    try {
      await session.sync.follow();
      this.#followedMs = this.#clock.now();
    } catch (error) {
      await this.#leaveIfBroken(session, error);
    }
  }

  async #read(key: string): Promise<StoredEntry | undefined> {
    const found = await this.#reads.read(key);
    const pending = this.#queue.get(key);
    if (pending !== undefined) return pending === null ? undefined : this.#alive(pending);
    if (found !== undefined) return this.#alive(found);
    this.#index.remove(key);
    return undefined;
  }

  async #readMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    const session = await this.#open();
    try {
      const rows = new Map((await session.table.read(keys)).map((entry) => [entry.key, entry]));
      return keys.map((key) => rows.get(key));
    } catch (error) {
      await this.#leaveIfBroken(session, error);
      return [];
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
    this.#stopTimer();
    try {
      const session = await this.#presentSession();
      await this.#writeAll(session).catch(async (error: unknown) => {
        if (this.#session === session) throw error;
        // The file broke under way and was left; everything that waits goes into a new one.
        await this.#writeAll(await this.#loadedSession());
      });
    } catch (error) {
      throw this.#failed(error);
    }
    this.#failures = 0;
    this.#schedule(this.#queue.isEmpty ? HOUSEKEEPING_MS : 0);
  }

  async #writeAll(session: Session): Promise<void> {
    const { table, sync } = session;
    this.#giveUp(this.#index.shrink());
    try {
      await this.#writeTaken(table, sync);
      await this.#writeTouches(table);
      await this.#purge(table);
      await this.#followOthers(session);
    } catch (error) {
      this.#queue.putBack();
      await this.#leaveIfBroken(session, error);
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
      sync.wrote(await table.write(entries.slice(start, start + ROWS_PER_WRITE), this.#nowMs()));
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
  async #followOthers(session: Session): Promise<void> {
    const { entries } = await session.sync.follow();
    this.#followedMs = this.#clock.now();
    const isDue = this.#clock.now() - this.#rescannedMs >= RESCAN_PAUSE_MS;
    if (this.#queue.isEmpty && entries !== this.#index.size.entries && isDue) {
      this.#rescannedMs = this.#clock.now();
      await session.sync.dropMissing();
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

  // The file

  async #loadedSession(): Promise<Session> {
    const session = await this.#open();
    await session.loaded;
    return session;
  }

  /** A session whose file is still where it was. */
  async #presentSession(): Promise<Session> {
    const session = await this.#loadedSession();
    const state = await session.database.fileState();
    if (state === 'ok') return session;
    this.#report(`The cache file ${this.#path} is ${state}; another one is opened.`, undefined);
    // Closing writes the log into whatever is there now, which may mend it or make it look whole.
    this.#distrusted = state === 'rubbish';
    this.#leave(session);
    return this.#loadedSession();
  }

  #open(): Promise<Session> {
    if (this.#isClosed) return Promise.reject(new ClosedError('disk tier of the cache'));
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#openSession();
    this.#opening = opening;
    // A failure is not remembered: the next call tries again, and whoever guards this tier says when.
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    return opening;
  }

  async #openSession(): Promise<Session> {
    await this.#leaving;
    const { driver = 'auto', open = openDatabase, maxSizeBytes } = this.#options;
    const check = this.#distrusted ? 'quick' : 'header';
    const database = await open(this.#path, { driver, clock: this.#clock, check, ifCorrupt: 'move-aside' });
    if (database.movedAside !== undefined) {
      this.#report(
        `The cache file ${this.#path} was corrupt; it is kept as ${database.movedAside}.`,
        undefined,
      );
    }
    try {
      const table = await DiskTable.over(database, maxSizeBytes);
      const sync = new IndexSync(table, this.#index, (key) => this.#queue.get(key) !== undefined);
      const loaded = sync.load();
      const session: Session = { database, table, sync, loaded };
      loaded.catch((error: unknown) => this.#leaveIfBroken(session, error).catch(() => this.#leave(session)));
      this.#distrusted = false;
      this.#session = session;
      return session;
    } catch (error) {
      await database.close().catch(() => {});
      this.#distrusted = isBroken(error);
      throw error;
    }
  }

  /** After an error that says the file is broken, the next call opens a new one; other errors are thrown on. */
  async #leaveIfBroken(session: Session, error: unknown): Promise<void> {
    const state = await session.database.fileState().catch(() => 'ok' as const);
    if (!isBroken(error) && state === 'ok') throw error;
    if (this.#session !== session) return;
    this.#report(
      `The cache file ${this.#path} is ${state === 'ok' ? 'corrupt' : state}; another one is opened.`,
      error,
    );
    this.#distrusted = true;
    this.#leave(session);
  }

  #leave(session: Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#opening = undefined;
    this.#leaving = session.database.close().catch(() => {});
    this.#index.clear();
    this.#indexPending();
  }

  #indexPending(): void {
    for (const [key, write] of this.#queue.pending()) if (write !== null) this.#index.put(key, write);
  }

  // Time and trouble

  #schedule(delayMs: number): void {
    if (this.#closing !== undefined) return;
    const isRetry = this.#failures > 0;
    const waitMs = isRetry ? Math.max(delayMs, retryDelayMs(this.#failures)) : delayMs;
    const dueMs = this.#clock.now() + waitMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#stopTimer();
    const onDue = () => {
      this.#timer = undefined;
      this.#drain().catch(() => {});
    };
    const handle = this.#clock.setTimeout(onDue, waitMs, undefined);
    (handle as { unref?: () => void }).unref?.();
    this.#timer = { dueMs, handle };
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }

  /** Says once that writing stopped working; tries again by itself, ever more rarely. */
  #failed(error: unknown): unknown {
    if (this.#failures++ === 0) {
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
    if (this.#closing !== undefined) throw new ClosedError('disk tier of the cache');
  }
}

function isBroken(error: unknown): boolean {
  return DatabaseError.isInstance(error) && (error as DatabaseError).problem === 'corrupt';
}

function retryDelayMs(failures: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
}

import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { ClosedError } from '../../../errors/input-errors.js';
import { CacheStoreError } from '../../../errors/storage-errors.js';
import type { TuttiError } from '../../../errors/tutti-error.js';
import type { SqliteDriverName } from '../../../sqlite/driver.js';
import { networkFileSystemOf } from '../../../sqlite/network-file-system.js';
import { type Database, type OpenDatabaseOptions, openDatabase } from '../../../sqlite/open-database.js';
import { type Clock, systemClock } from '../../../time/clock.js';
import type { StoredEntry } from '../../cache-entry.js';
import { createEvictionOrder, type EvictionKind } from '../../eviction.js';
import { createNamespaceLimits } from '../../namespace-limits.js';
import type { Namespaces } from '../../namespaces.js';
import { SteadyTime } from '../../steady-time.js';
import type { CacheTier, TierChange, TierCounters, TierSelector, TierSize } from '../cache-tier.js';
import { selectorTest } from '../selector.js';
import { TierIndex } from '../tier-index.js';
import { ChangeBuffer, DeletionLog, ForeignDeletions } from './deletions.js';
import { DiskFile, type DiskSession } from './disk-file.js';
import type { DiskParts } from './disk-parts.js';
import { DiskReader } from './disk-reader.js';
import { MAX_AGENT_BYTES } from './disk-schema.js';
import { ROWS_PER_WRITE } from './disk-table.js';
import { DiskWriter } from './disk-writer.js';
import { PendingUses } from './pending-uses.js';
import { WriteQueue } from './write-queue.js';

/** How a {@link DiskTier} is set up. */
export interface DiskTierOptions {
  /** The folder that holds `cache.db`; made when it is missing. */
  directory: string;
  /** Maximum bytes of all entries. */
  maxSizeBytes: number;
  /** Maximum entries. @default no limit */
  maxEntries?: number | undefined;
  /** Groups of entries with limits of their own. @default none */
  namespaces?: Namespaces | undefined;
  /** Which entry is evicted first when room is needed. @default 'lru' */
  eviction?: EvictionKind | undefined;
  /** Which library talks to SQLite. @default 'auto' */
  driver?: 'auto' | SqliteDriverName | undefined;
  /** How long an entry may wait to be written together with others, in milliseconds. @default 25 */
  writeDelayMs?: number | undefined;
  /** Maximum bytes waiting to be written. @default 16 MiB */
  maxQueuedBytes?: number | undefined;
  /** Where time comes from. @default systemClock */
  clock?: Clock | undefined;
  /** Called for problems without a waiting caller, once for each change for the worse. */
  onProblem?: ((error: TuttiError) => void) | undefined;
  /** Called before the file is opened; rejects where the folder must not be used. @default every folder may be used */
  checkFolder?: (() => Promise<void>) | undefined;
  /** Called when the file broke and a new one takes its place, so that what is known elsewhere can be set again. */
  onFileLost?: (() => void) | undefined;
  /** Names the network file system that a folder lies on; for tests. @default networkFileSystemOf */
  networkFileSystem?: ((folder: string) => Promise<string | undefined>) | undefined;
  /** Opens the database; for tests. @default openDatabase */
  open?: ((path: string, options: OpenDatabaseOptions) => Promise<Database>) | undefined;
}

/** The one file name in the folder, besides what SQLite adds to it. */
const FILE_NAME = 'cache.db';
/** Uses are worth less than entries: they wait long, to be written with others, the same one only once. */
const TOUCH_DELAY_MS = 10_000;
const MAX_TOUCHES = 10_000;

/**
 * Keeps entries in one SQLite file. Writes are batched; reads of one turn of the event loop share one
 * statement; an index in memory knows which keys exist, how large they are and the eviction order, without the values.
 *
 * Several processes may share the file: each sees what the others wrote and deleted within moments, of two answers to
 * one request the one computed later stays, and the sizes are those of the file. A broken file is moved aside and a new one started; a missing one is recreated.
 */
export class DiskTier implements CacheTier {
  readonly name = 'disk';
  readonly #options: DiskTierOptions;
  readonly #path: string;
  readonly #maxQueuedBytes: number;
  readonly #writeDelayMs: number;
  readonly #index: TierIndex;
  readonly #queue = new WriteQueue();
  readonly #uses = new PendingUses(MAX_TOUCHES);
  readonly #deletions = new DeletionLog();
  readonly #foreignDeletions = new ForeignDeletions();
  readonly #changes = new ChangeBuffer();
  readonly #file: DiskFile;
  readonly #writer: DiskWriter;
  readonly #reader: DiskReader;
  readonly #time: SteadyTime;
  #closing: Promise<void> | undefined;

  constructor(options: DiskTierOptions) {
    const { clock = systemClock, maxSizeBytes, maxEntries = Number.POSITIVE_INFINITY } = options;
    this.#options = options;
    this.#path = join(options.directory, FILE_NAME);
    this.#time = new SteadyTime(clock);
    this.#maxQueuedBytes = options.maxQueuedBytes ?? 16 * 1024 * 1024;
    this.#writeDelayMs = options.writeDelayMs ?? 25;
    const limits = createNamespaceLimits(options.namespaces, options.eviction);
    const order = createEvictionOrder(options.eviction);
    this.#index = new TierIndex(order, { maxSizeBytes, maxEntries, namespaces: limits });
    this.#file = new DiskFile({
      path: this.#path,
      driver: options.driver ?? 'auto',
      clock,
      maxSizeBytes,
      open: options.open ?? openDatabase,
      index: this.#index,
      hasNamespaces: limits !== undefined,
      writer: randomInt(1, 2 ** 47),
      checkFolder: options.checkFolder ?? (async () => {}),
      networkFileSystem: options.networkFileSystem ?? networkFileSystemOf,
      onDeleted: (change) => this.#deletedElsewhere(change),
      onWritten: (key, createdAt) => this.#writtenElsewhere(key, createdAt),
      onUnknownChanges: () => this.#changes.addAll(this.#nowMs()),
      isPending: (key) => this.#queue.get(key) !== undefined,
      onLeave: (isBroken) => this.#left(isBroken),
      onFileLost: () => options.onFileLost?.(),
      report: (message, cause) => this.#report(message, cause),
    });
    const parts: DiskParts = {
      clock,
      nowMs: () => this.#nowMs(),
      index: this.#index,
      queue: this.#queue,
      uses: this.#uses,
      file: this.#file,
      deletions: this.#deletions,
    };
    this.#writer = new DiskWriter({
      ...parts,
      onFailing: (cause) =>
        this.#report(`The cache cannot write to ${this.#path}; it goes on without and tries again.`, cause),
    });
    this.#reader = new DiskReader({
      ...parts,
      isDeleted: (entry) => this.#foreignDeletions.cover(entry),
      onExpired: (key) => this.#expired(key),
    });
  }

  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    this.#assertOpen();
    if (keys.length === 1) return this.#reader.get(keys[0] as string).then((entry) => [entry]);
    return Promise.all(keys.map((key) => this.#reader.get(key)));
  }

  set(entry: StoredEntry): Promise<void> | undefined {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    if (entry.sizeBytes > this.#options.maxSizeBytes || !isShortName(entry.agent)) this.#forgetFormer(entry);
    else if (this.#queue.sizeBytes + entry.sizeBytes <= this.#maxQueuedBytes) this.#take(entry);
    else return this.#takeLater(entry);
    return undefined;
  }

  async #takeLater(entry: StoredEntry): Promise<void> {
    if (this.#writer.isFailing || this.#queue.sizeBytes > 2 * this.#maxQueuedBytes) throw this.#queueFull();
    // The caller's own pace is the limit: it waits until what it queued is on disk.
    await this.#writer.drain();
    this.#take(entry);
  }

  #take(entry: StoredEntry): void {
    this.#writer.evict(this.#index.makeRoomFor(entry));
    this.#index.put(entry.key, entry);
    this.#uses.forget(entry.key);
    this.#queue.put(entry.key, entry);
    const isFull = this.#queue.length >= ROWS_PER_WRITE && !this.#writer.isFailing;
    this.#writer.schedule(isFull ? 0 : this.#writeDelayMs);
  }

  touch(key: string, hits: number): void {
    if (this.#closing !== undefined) return;
    this.#index.touch(key);
    if (!this.#uses.note({ key, usedAt: this.#nowMs(), hits })) return;
    this.#writer.schedule(this.#uses.isFull && !this.#writer.isFailing ? 0 : TOUCH_DELAY_MS);
  }

  async delete(key: string, createdUpTo?: number): Promise<boolean> {
    this.#assertOpen();
    // Queued before anything else, so that the entry is gone for every read from now on.
    const pending = this.#queue.get(key);
    if (createdUpTo !== 0)
      this.#deletions.add({ selector: { key }, createdUpTo: createdUpTo ?? this.#nowMs() });
    const isNewer = createdUpTo !== undefined && pending != null && pending.createdAt > createdUpTo;
    const known = !isNewer && this.#index.remove(key);
    if (!isNewer) {
      this.#queue.put(key, null);
      this.#uses.forget(key);
    }
    const session = await this.#file.openLoaded();
    const isStored = pending === undefined && !known && (await this.#isStored(key, session));
    await this.flush();
    return known || isStored;
  }

  async deleteMatching(selector: TierSelector, createdUpTo = this.#nowMs()): Promise<number> {
    this.#assertOpen();
    // Logged first: from then on no process serves what it still finds.
    const deletion = this.#deletions.add({ selector, createdUpTo });
    const gone = new Set(this.#dropWaiting(deletion));
    await this.flush();
    const session = await this.#file.openLoaded();
    try {
      for await (const keys of session.table.deleteMatching(selector, deletion.upToId)) {
        this.#writer.deleted(keys);
        for (const key of keys) gone.add(key);
      }
    } catch (error) {
      // Nothing of a broken file is left in the one that takes its place.
      await this.#file.leaveIfBroken(session, error);
    }
    return gone.size;
  }

  async changes(): Promise<readonly TierChange[]> {
    this.#assertOpen();
    const session = await this.#file.openPresent();
    await session.sync.follow().catch((error: unknown) => this.#file.leaveIfBroken(session, error));
    return this.#changes.take();
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    this.#assertOpen();
    await this.flush();
    const session = await this.#file.openLoaded();
    try {
      yield* session.table.all();
    } catch (error) {
      await this.#file.leaveIfBroken(session, error);
    }
  }

  async size(): Promise<TierSize> {
    this.#assertOpen();
    await this.#file.openLoaded();
    this.#writer.purgeNext();
    await this.flush();
    const { sync, table } = await this.#file.openLoaded();
    return this.#queue.isEmpty ? sync.size() : table.size();
  }

  counters(): TierCounters {
    const { evictions, expirations } = this.#writer;
    return { evictions, expirations };
  }

  async flush(): Promise<void> {
    // A tier that was never used opens nothing, and one that was closed has nothing left to write.
    if (this.#file.isClosed) return;
    const isIdle = this.#queue.isEmpty && this.#uses.isEmpty && this.#deletions.isEmpty;
    if (this.#file.isUnused && isIdle) return;
    await this.#writer.flush();
  }

  *unwritten(): Generator<StoredEntry> {
    for (const [, write] of this.#queue.pending()) if (write !== null) yield write;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#writer.stopScheduling();
    try {
      this.#writer.purgeNext();
      await this.flush();
    } finally {
      // What others asked for meanwhile, deletions above all, is finished too.
      await this.#writer.finish().finally(() => this.#file.close());
    }
  }

  async #isStored(key: string, session: DiskSession): Promise<boolean> {
    try {
      return (await session.table.read([key])).length > 0;
    } catch (error) {
      await this.#file.leaveIfBroken(session, error);
      return false;
    }
  }

  /** The date, except that it never goes back while this process lives: what has expired stays expired. */
  #nowMs(): number {
    return Math.floor(this.#time.epochMs());
  }

  #expired(key: string): void {
    this.#writer.expire(key);
    this.#writer.schedule(this.#writeDelayMs);
  }

  /** An answer that cannot be kept still makes its former one obsolete. */
  #forgetFormer({ key, createdAt }: StoredEntry): void {
    if (this.#queue.get(key) == null && !this.#index.remove(key)) return;
    this.#index.remove(key);
    this.#deletions.add({ selector: { key }, createdUpTo: createdAt });
    this.#queue.put(key, null);
    this.#writer.schedule(this.#writeDelayMs);
  }

  /** What waits here and is older must not undo a deletion by another process. */
  #deletedElsewhere(change: TierChange): void {
    this.#changes.add(change);
    this.#foreignDeletions.note(change, this.#nowMs());
    this.#dropWaiting(change);
  }

  /** Of two answers the one computed later stays; of two from the same millisecond, the one written last. */
  #writtenElsewhere(key: string, createdAt: number): void {
    this.#changes.add({ selector: { key }, createdUpTo: createdAt });
    const write = this.#queue.get(key);
    if (write === undefined) return;
    const ours = write === null ? this.#deletions.createdUpToOf(key) : write.createdAt;
    if (ours < createdAt) this.#queue.drop(key);
  }

  /** Drops what waits to be written, is named and was computed by then; returns the keys. */
  #dropWaiting({ selector, createdUpTo }: TierChange): string[] {
    const gone: string[] = [];
    const drop = (key: string) => {
      this.#queue.drop(key);
      this.#index.remove(key);
      gone.push(key);
    };
    if (selector !== 'all' && 'key' in selector) {
      const write = this.#queue.get(selector.key);
      if (write != null && write.createdAt <= createdUpTo) drop(selector.key);
      return gone;
    }
    const isSelected = selectorTest(selector);
    for (const [key, write] of [...this.#queue.waiting()]) {
      if (write !== null && write.createdAt <= createdUpTo && isSelected(write)) drop(key);
    }
    return gone;
  }

  /**
   * Of a file that was left, only what waits to be written is known. One that was removed or replaced takes what memory
   * holds with it, as it is not known what others did; of a broken one, what memory holds is all that is left.
   */
  #left(isBroken: boolean): void {
    this.#foreignDeletions.clear();
    if (!isBroken) this.#changes.addAll(this.#nowMs());
    this.#index.clear();
    for (const [key, write] of this.#queue.pending()) if (write !== null) this.#index.put(key, write);
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

/** Names of agents are indexed, so they are bounded. */
function isShortName(agent: string): boolean {
  return agent.length <= MAX_AGENT_BYTES / 3 || Buffer.byteLength(agent) <= MAX_AGENT_BYTES;
}

function closedError(): ClosedError {
  return new ClosedError('disk tier of the cache');
}

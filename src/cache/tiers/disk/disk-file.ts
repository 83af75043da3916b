import { dirname } from 'node:path';
import { ClosedError } from '../../../errors/input-errors.js';
import { DatabaseError } from '../../../errors/storage-errors.js';
import type { SqliteDriverName } from '../../../sqlite/driver.js';
import type { Database, OpenDatabaseOptions } from '../../../sqlite/open-database.js';
import type { Clock } from '../../../time/clock.js';
import type { TierChange } from '../cache-tier.js';
import type { TierIndex } from '../tier-index.js';
import { OWNER, PAGE_SIZE_BYTES } from './disk-schema.js';
import { DiskTable } from './disk-table.js';
import { IndexSync } from './index-sync.js';

const MIB = 1024 * 1024;

/** The file while it is open. */
export interface DiskSession {
  /** The connection. */
  readonly database: Database;
  /** Our tables in it. */
  readonly table: DiskTable;
  /** What keeps the index in step with them. */
  readonly sync: IndexSync;
  /** Resolves when the index knows every key. */
  readonly loaded: Promise<void>;
}

/** How a {@link DiskFile} is set up. */
export interface DiskFileOptions {
  readonly path: string;
  readonly driver: 'auto' | SqliteDriverName;
  readonly clock: Clock;
  /** No entry is larger than this, so nothing longer is read. */
  readonly maxSizeBytes: number;
  readonly open: (path: string, options: OpenDatabaseOptions) => Promise<Database>;
  readonly index: TierIndex;
  /** Whether the index needs to know the agent of each entry. */
  readonly hasNamespaces: boolean;
  /** Marks what this tier writes. */
  readonly writer: number;
  /** Names the network file system that a folder lies on. */
  readonly networkFileSystem: (folder: string) => Promise<string | undefined>;
  /** Rejects where the folder must not be used. */
  readonly checkFolder: () => Promise<void>;
  /** Whether the index knows better about a key than the file. */
  readonly isPending: (key: string) => boolean;
  readonly onDeleted: (change: TierChange) => void;
  readonly onWritten: (key: string, createdAt: number) => void;
  readonly onUnknownChanges: () => void;
  /** The file is left for another one: what the index knew of it is void. */
  readonly onLeave: (isBroken: boolean) => void;
  /** The file broke, and a new one takes its place. */
  readonly onFileLost: () => void;
  readonly report: (message: string, cause: unknown) => void;
}

/**
 * The file of a disk tier: opened on first use, abandoned when it breaks, disappears or is replaced, and reopened on
 * the next use.
 */
export class DiskFile {
  readonly #options: DiskFileOptions;
  #opening: Promise<DiskSession> | undefined;
  #session: DiskSession | undefined;
  #leaving: Promise<void> = Promise.resolve();
  /** The file broke: the next opening looks at all of it. */
  #isDistrusted = false;
  #isClosed = false;
  /** Whether the file system was looked at. */
  #isChecked = false;

  constructor(options: DiskFileOptions) {
    this.#options = options;
  }

  /** Whether it was never opened, or not again after it was left. */
  get isUnused(): boolean {
    return this.#opening === undefined;
  }

  /** Whether it was closed for good. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What is open now. */
  get session(): DiskSession | undefined {
    return this.#session;
  }

  /** Opens the file, unless it is open. */
  open(): Promise<DiskSession> {
    if (this.#isClosed) return Promise.reject(new ClosedError('disk tier of the cache'));
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#open();
    this.#opening = opening;
    // A failure is not remembered: the next call tries again, and the tier's guard decides when.
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    return opening;
  }

  /** Opens the file and reads the whole index. */
  async openLoaded(): Promise<DiskSession> {
    const session = await this.open();
    try {
      await session.loaded;
      return session;
    } catch (error) {
      await this.leaveIfBroken(session, error);
    }
    // Another one, looked through before it is used.
    const next = await this.open();
    await next.loaded;
    return next;
  }

  /** The same, once it is certain that the file is still where it was. */
  async openPresent(): Promise<DiskSession> {
    const session = await this.openLoaded();
    const state = await session.database.fileState();
    if (state === 'ok') return session;
    this.#options.report(
      `The cache file ${this.#options.path} is ${state}; another one is opened.`,
      undefined,
    );
    // Closing writes the log into whatever is there now, which may repair it or make it look intact.
    this.#isDistrusted = state === 'rubbish';
    this.#leave(session, state === 'rubbish');
    return this.openLoaded();
  }

  /** After an error that says the file is broken, leaves it, so that the next call opens another; throws other errors. */
  async leaveIfBroken(session: DiskSession, error: unknown): Promise<void> {
    const state = await session.database.fileState().catch(() => 'ok' as const);
    if (!isBroken(error) && state === 'ok') throw error;
    if (this.#session !== session) return;
    const what = state === 'ok' ? 'corrupt' : state;
    this.#options.report(`The cache file ${this.#options.path} is ${what}; another one is opened.`, error);
    this.#isDistrusted = true;
    this.#leave(session, state === 'ok' || state === 'rubbish');
  }

  /** Closes it for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const session = await this.#opening?.catch(() => undefined);
    await session?.loaded.catch(() => {});
    await session?.database.close();
    await this.#leaving;
  }

  async #open(): Promise<DiskSession> {
    await this.#leaving;
    const { path, driver, clock, maxSizeBytes, open, checkFolder } = this.#options;
    await checkFolder();
    const check = this.#isDistrusted ? 'quick' : 'header';
    const database = await open(path, {
      driver,
      clock,
      check,
      ifUnusable: 'move-aside',
      owner: OWNER,
      pageSizeBytes: PAGE_SIZE_BYTES,
      logSizeBytes: logSizeOf(maxSizeBytes),
    });
    this.#reportMoved(database);
    await this.#warnOfNetwork();
    try {
      return await this.#start(database);
    } catch (error) {
      await database.close().catch(() => {});
      this.#isDistrusted = isBroken(error);
      throw error;
    }
  }

  async #start(database: Database): Promise<DiskSession> {
    const { maxSizeBytes: maxPayloadBytes, writer, hasNamespaces } = this.#options;
    const table = await DiskTable.over(database, { maxPayloadBytes, writer, hasNamespaces });
    const sync = new IndexSync({ ...this.#options, database, table });
    const loaded = sync.load();
    const session: DiskSession = { database, table, sync, loaded };
    loaded.catch((error: unknown) =>
      this.leaveIfBroken(session, error).catch(() => this.#leave(session, false)),
    );
    this.#isDistrusted = false;
    this.#session = session;
    return session;
  }

  async #warnOfNetwork(): Promise<void> {
    if (this.#isChecked) return;
    this.#isChecked = true;
    const { path, report, networkFileSystem } = this.#options;
    const name = await networkFileSystem(dirname(path));
    if (name === undefined) return;
    report(
      `The cache file ${path} lies on a network file system (${name}), where SQLite's locks cannot be relied on: use it ` +
        'from one machine only, or choose a local folder. Several machines share a cache through the option "store".',
      undefined,
    );
  }

  #reportMoved({ movedAside }: Database): void {
    if (movedAside === undefined) return;
    const { path, report } = this.#options;
    const why =
      movedAside.reason === 'corrupt' ? 'was corrupt' : 'was written by another version of this library';
    report(
      `The cache file ${path} ${why}; it is kept as ${movedAside.path}, and a new one is started.`,
      undefined,
    );
  }

  #leave(session: DiskSession, isBroken: boolean): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#opening = undefined;
    const { onLeave, onFileLost } = this.#options;
    onLeave(isBroken);
    // Once reads that are running have ended: what they find is known then.
    this.#leaving = session.database
      .close()
      .catch(() => {})
      .then(() => {
        if (isBroken && !this.#isClosed) onFileLost();
      });
  }
}

/** The log may add half to the cache at most, and 64 MiB. */
function logSizeOf(maxSizeBytes: number): number {
  return Math.round(Math.min(64 * MIB, Math.max(4 * MIB, maxSizeBytes / 2)));
}

function isBroken(error: unknown): boolean {
  return DatabaseError.isInstance(error) && (error as DatabaseError).problem === 'corrupt';
}

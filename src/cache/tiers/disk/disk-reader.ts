import type { StoredEntry } from '../../cache-entry.js';
import type { DiskSession } from './disk-file.js';
import type { DiskParts } from './disk-parts.js';
import { ReadBatcher } from './read-batcher.js';

/** Collaborators of a {@link DiskReader}. */
export interface DiskReaderOptions extends DiskParts {
  /** Whether another process has deleted the entry, and its row may still be there. */
  readonly isDeleted: (entry: StoredEntry) => boolean;
  /** Called for an expired entry. */
  readonly onExpired: (key: string) => void;
}

/** For how long the index is trusted about a key it does not know, when another process may write it. */
const TRUST_MS = 2;

const MISSING: Promise<undefined> = Promise.resolve(undefined);

/** Reads entries by key: what waits to be written first, then what the index knows to be in the file. */
export class DiskReader {
  readonly #options: DiskReaderOptions;
  readonly #reads = new ReadBatcher<StoredEntry>({
    one: (key) => this.#readOne(key),
    many: (keys) => this.#readMany(keys),
  });
  #followedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskReaderOptions) {
    this.#options = options;
  }

  /** The entry under the key, unless it has expired. */
  get(key: string): Promise<StoredEntry | undefined> {
    const { queue, file, index } = this.#options;
    const pending = queue.get(key);
    if (pending === null) return MISSING;
    if (pending !== undefined) return Promise.resolve(this.#alive(pending));
    const { session } = file;
    return session?.sync.isLoaded === true && !index.has(key) ? this.#unknown(key, session) : this.#read(key);
  }

  /** A key that the index does not know: another process may have written it a moment ago. */
  #unknown(key: string, session: DiskSession): Promise<StoredEntry | undefined> {
    const { clock, index } = this.#options;
    if (clock.now() - this.#followedMs < TRUST_MS) return MISSING;
    return this.#follow(session).then(() => (index.has(key) ? this.#read(key) : undefined));
  }

  async #follow(session: DiskSession): Promise<void> {
    try {
      await session.sync.follow();
      this.#followedMs = this.#options.clock.now();
    } catch (error) {
      await this.#options.file.leaveIfBroken(session, error);
    }
  }

  #read(key: string): Promise<StoredEntry | undefined> {
    return this.#reads.read(key).then((found) => {
      // A newer one may have come meanwhile.
      const pending = this.#options.queue.get(key);
      if (pending !== undefined) return pending === null ? undefined : this.#alive(pending);
      if (found !== undefined && !this.#options.isDeleted(found)) return this.#alive(found);
      this.#options.index.remove(key);
      return undefined;
    });
  }

  #readOne(key: string): Promise<StoredEntry | undefined> {
    const { file } = this.#options;
    const { session } = file;
    if (session === undefined) return file.open().then(() => this.#readOne(key));
    return session.table.readOne(key).catch(async (error: unknown) => {
      await file.leaveIfBroken(session, error);
      return undefined;
    });
  }

  async #readMany(keys: readonly string[]): Promise<ReadonlyMap<string, StoredEntry>> {
    const { file } = this.#options;
    const session = file.session ?? (await file.open());
    try {
      const entries = await session.table.read(keys);
      return new Map(entries.map((entry) => [entry.key, entry]));
    } catch (error) {
      await file.leaveIfBroken(session, error);
      return new Map();
    }
  }

  /** The entry with its latest hit count, unless it has expired. */
  #alive(entry: StoredEntry): StoredEntry | undefined {
    const { nowMs, uses, onExpired } = this.#options;
    if (entry.staleUntil <= nowMs()) {
      onExpired(entry.key);
      return undefined;
    }
    const hits = uses.hitsOf(entry.key);
    return hits > entry.hits ? { ...entry, hits } : entry;
  }
}

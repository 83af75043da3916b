import { CacheStoreError } from '../../errors/storage-errors.js';
import type { Clock } from '../../time/clock.js';
import type { StoredEntry, UnsealedEntry } from '../cache-entry.js';
import { parsePayload, type StoredAnswer } from '../cached-answer.js';
import type { Seal, SealVerdict } from '../seal.js';
import type { CacheTier, TierChange, TierCounters, TierSelector, TierSize } from './cache-tier.js';
import { settledWithin } from './time-limits.js';

/** An entry from below memory whose signature was right. */
export interface VerifiedEntry {
  /** The entry as stored. */
  readonly entry: StoredEntry;
  /** Its answer. */
  readonly answer: StoredAnswer;
  /** Where it was found. */
  readonly tier: CacheTier['name'];
}

/** What `verify()` found. */
export interface VerifyReport {
  /** Entries looked at. */
  checked: number;
  /** Entries that are exactly what was signed. */
  intact: number;
  /** Entries that are not; they were removed. */
  rejected: number;
  /** Entries that cannot be judged: written by a newer version, or dated in the future. They stay. */
  skipped: number;
}

/** A tier behind a guard. */
export interface GuardedTier extends CacheTier {
  /** Whether it failed when it was last used. */
  readonly isBroken: boolean;
  /** Entries that were not written since this was last called, those that still wait included. */
  takeUnwritten(): StoredEntry[];
  close(timeoutMs?: number): Promise<void>;
}

/** The tiers once they are open, nearest first, and what proves their entries. */
export interface OpenTiers {
  /** Guarded: they answer as if empty where they fail. */
  readonly tiers: readonly GuardedTier[];
  /** Signs and verifies. */
  readonly seal: Seal;
}

/** What a stack is made from. */
export interface TierStackOptions {
  /** Where the time comes from. */
  readonly epochMs: () => number;
  readonly clock: Clock;
  /** Called for each entry that was rejected and removed. */
  readonly onReject: (entry: StoredEntry, tier: CacheTier['name'], reason: string) => void;
}

/** The tiers below memory as one. Every entry read is verified; every entry written is signed. */
export class TierStack {
  readonly #tiers: readonly GuardedTier[];
  readonly #seal: Seal;
  readonly #options: TierStackOptions;
  // Entries computed up to then may have been deleted while a tier was broken and missed the deletion.
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  // Taken but not yet with the tiers.
  readonly #writes = new Set<Promise<void>>();
  /** Entries whose caller asked for storing. */
  readonly #promised = new WeakSet<StoredEntry>();

  constructor({ tiers, seal }: OpenTiers, options: TierStackOptions) {
    this.#tiers = tiers;
    this.#seal = seal;
    this.#options = options;
  }

  /** The entry under the key; a found one is copied to nearer tiers. */
  async get(key: string): Promise<VerifiedEntry | undefined> {
    const tiers = this.#tiers;
    for (let depth = 0; depth < tiers.length; depth++) {
      const tier = tiers[depth] as GuardedTier;
      const [entry] = await tier.getMany([key]);
      const found = entry === undefined ? undefined : this.#verified(entry, key, tier);
      if (found === undefined) continue;
      copyUp(found.entry, tiers.slice(0, depth));
      return found;
    }
    return undefined;
  }

  /** The entries under the keys, in the order of the keys; found entries are copied to nearer tiers. */
  async getMany(keys: readonly string[]): Promise<Array<VerifiedEntry | undefined>> {
    const tiers = this.#tiers;
    const found: Array<VerifiedEntry | undefined> = new Array(keys.length).fill(undefined);
    let missing = keys.map((_, index) => index);
    for (const [depth, tier] of tiers.entries()) {
      const stored = await tier.getMany(missing.map((index) => keys[index] as string));
      missing = missing.filter((index, position) => {
        const entry = stored[position];
        if (entry === undefined) return true;
        found[index] = this.#verified(entry, keys[index] as string, tier);
        if (found[index] !== undefined) copyUp(entry, tiers.slice(0, depth));
        return found[index] === undefined;
      });
      if (missing.length === 0) break;
    }
    return found;
  }

  /** Signs an entry and hands it to every tier. Resolves when they have taken it. */
  set(entry: UnsealedEntry, isPromised = false): Promise<void> | undefined {
    const taking = this.#handToAll(entry, isPromised);
    if (taking === undefined) return undefined;
    const write = taking.finally(() => this.#writes.delete(write));
    this.#writes.add(write);
    return write;
  }

  /** Notes that an entry was served from memory. */
  touch(key: string, hits: number): void {
    for (const tier of this.#tiers) tier.touch(key, hits);
  }

  /** Removes an entry everywhere; returns whether any tier had it. */
  async delete(key: string, createdUpTo?: number): Promise<boolean> {
    const deleted = await Promise.all(this.#tiers.map((tier) => tier.delete(key, createdUpTo)));
    this.#distrustBroken();
    return deleted.includes(true);
  }

  /** Removes all matching entries; returns how many the fullest tier had. */
  async deleteMatching(selector: TierSelector, createdUpTo?: number): Promise<number> {
    const deleted = await Promise.all(this.#tiers.map((tier) => tier.deleteMatching(selector, createdUpTo)));
    this.#distrustBroken();
    return Math.max(0, ...deleted);
  }

  /** What other processes have deleted and replaced since; `undefined` where no tier can know. Never rejects. */
  changes(): Promise<readonly TierChange[]> | undefined {
    const asked = this.#tiers.flatMap((tier) => tier.changes?.() ?? []);
    return asked.length === 0 ? undefined : Promise.all(asked).then((changes) => changes.flat());
  }

  /** Checks every entry of every tier; removes those that are not what was signed. */
  async verify(): Promise<VerifyReport> {
    const report: VerifyReport = { checked: 0, intact: 0, rejected: 0, skipped: 0 };
    for (const tier of this.#tiers) {
      for await (const entry of tier.entries()) {
        report.checked += 1;
        report[this.#judge(entry, entry.key, tier)] += 1;
      }
    }
    return report;
  }

  /** How much the nearest tier holds; `undefined` when none could be opened. */
  async size(): Promise<TierSize | undefined> {
    return await this.#tiers[0]?.size();
  }

  /** What happened in all tiers. */
  counters(): TierCounters {
    let [evictions, expirations] = [0, 0];
    for (const tier of this.#tiers) {
      const counted = tier.counters();
      evictions += counted.evictions;
      expirations += counted.expirations;
    }
    return { evictions, expirations };
  }

  /**
   * Resolves when everything taken so far is durable.
   *
   * @throws {@link CacheStoreError} when answers that a caller asked to store could not be written.
   */
  async flush(): Promise<void> {
    await Promise.all(this.#writes);
    const flushed = await Promise.allSettled(this.#tiers.map((tier) => tier.flush()));
    for (const [index, outcome] of flushed.entries()) {
      const tier = this.#tiers[index] as GuardedTier;
      const unwritten = tier.takeUnwritten().filter((entry) => this.#promised.has(entry));
      if (unwritten.length > 0) throw notWritten(tier, unwritten, outcome);
    }
  }

  /** Closes all tiers within the time, whatever hangs. */
  async close(timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.now();
    await settledWithin(Promise.all(this.#writes), timeoutMs / 2, clock);
    const leftMs = Math.max(timeoutMs / 2, timeoutMs - (clock.now() - startedMs));
    await Promise.all(this.#tiers.map((tier) => tier.close(leftMs)));
  }

  /** Returns `undefined` when all tiers have accepted the entry at once. */
  #handToAll(entry: UnsealedEntry, isPromised: boolean): Promise<void> | undefined {
    const sealed = this.#seal.seal(entry);
    if (isPromised) this.#promised.add(sealed);
    let waiting: Promise<void> | undefined;
    for (const tier of this.#tiers) {
      const taking = tier.set(sealed);
      if (taking !== undefined) waiting = waiting === undefined ? taking : waiting.then(() => taking);
    }
    return waiting;
  }

  #distrustBroken(): void {
    if (this.#tiers.some((tier) => tier.isBroken)) this.#distrustedUntil = this.#options.epochMs();
  }

  #verified(entry: StoredEntry, key: string, tier: CacheTier): VerifiedEntry | undefined {
    if (this.#judge(entry, key, tier) !== 'intact') return undefined;
    const answer = parsePayload(entry.payload);
    if (answer === undefined) {
      this.#reject(entry, key, tier, 'not an answer');
      return undefined;
    }
    // The expiry is signed, so it is checked here: a tier may be late in removing entries.
    if (this.#options.epochMs() >= entry.staleUntil || entry.createdAt <= this.#distrustedUntil)
      return undefined;
    return { entry, answer, tier: tier.name };
  }

  #judge(entry: StoredEntry, key: string, tier: CacheTier): 'intact' | 'rejected' | 'skipped' {
    const verdict = verdictOf(entry, key, this.#seal);
    if (verdict === 'ok') return 'intact';
    if (verdict === 'newer-version' || verdict === 'future') return 'skipped';
    this.#reject(entry, key, tier, verdict);
    return 'rejected';
  }

  #reject(entry: StoredEntry, key: string, tier: CacheTier, reason: string): void {
    this.#options.onReject({ ...entry, key }, tier.name, reason);
    // Not a deletion that others have to know of: they refuse the entry themselves.
    void tier.delete(key, NOTHING_COMPUTED);
  }
}

// Tampered rows may hold anything; an entry that makes the check throw is rejected like one that fails it.
function verdictOf(entry: StoredEntry, key: string, seal: Seal): SealVerdict {
  try {
    return seal.verify(entry, key);
  } catch {
    return 'malformed';
  }
}

/** Removes what cannot be an answer, and no answer. */
const NOTHING_COMPUTED = 0;
const MAX_NAMED_KEYS = 100;

function notWritten(
  tier: CacheTier,
  unwritten: readonly StoredEntry[],
  outcome: PromiseSettledResult<void>,
): CacheStoreError {
  const cause: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
  const why = cause instanceof Error ? ` ${cause.message}` : '';
  const keys = unwritten.slice(0, MAX_NAMED_KEYS).map(({ key }) => key);
  return new CacheStoreError(
    tier.name,
    'flush',
    `${unwritten.length} answers could not be written to the ${tier.name} tier of the cache.${why}`,
    { cause, details: { unwritten: unwritten.length, keys } },
  );
}

function copyUp(entry: StoredEntry, nearer: readonly CacheTier[]): void {
  for (const tier of nearer) void tier.set(entry);
}

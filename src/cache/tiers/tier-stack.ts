import type { StoredEntry, UnsealedEntry } from '../cache-entry.js';
import { parsePayload, type StoredAnswer } from '../cached-answer.js';
import type { Seal, SealVerdict } from '../seal.js';
import type { CacheTier, TierCounters, TierSelector, TierSize } from './cache-tier.js';

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
  /** Opens the tiers; called once, on first use. Never rejects. */
  readonly open: () => Promise<OpenTiers>;
  /** Where the time comes from. */
  readonly epochMs: () => number;
  /** Called for each entry that was rejected and removed. */
  readonly onReject: (entry: StoredEntry, tier: CacheTier['name'], reason: string) => void;
}

/**
 * The tiers below memory as one. Every entry read is verified; every entry written is signed.
 * Opened on first use, so a cache that is never used touches no file.
 */
export class TierStack {
  readonly #options: TierStackOptions;
  #opening: Promise<OpenTiers> | undefined;
  #open: OpenTiers | undefined;
  #closing: Promise<void> | undefined;
  // Entries computed up to then may have been deleted while a tier was broken and missed the deletion.
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  // Taken but not yet with the tiers, as these may still be opening.
  readonly #writes = new Set<Promise<void>>();

  constructor(options: TierStackOptions) {
    this.#options = options;
  }

  /** The entry under the key; a found one is copied to nearer tiers. */
  async get(key: string): Promise<VerifiedEntry | undefined> {
    const { tiers, seal } = this.#open ?? (await this.#ready());
    for (let depth = 0; depth < tiers.length; depth++) {
      const tier = tiers[depth] as GuardedTier;
      const [entry] = await tier.getMany([key]);
      const found = entry === undefined ? undefined : this.#verified(entry, key, tier, seal);
      if (found === undefined) continue;
      if (depth > 0) copyUp(found.entry, tiers.slice(0, depth));
      return found;
    }
    return undefined;
  }

  /** The entries under the keys, in the order of the keys; found entries are copied to nearer tiers. */
  async getMany(keys: readonly string[]): Promise<Array<VerifiedEntry | undefined>> {
    const { tiers, seal } = this.#open ?? (await this.#ready());
    const found: Array<VerifiedEntry | undefined> = new Array(keys.length).fill(undefined);
    let missing = keys.map((_, index) => index);
    for (const [depth, tier] of tiers.entries()) {
      const stored = await tier.getMany(missing.map((index) => keys[index] as string));
      missing = missing.filter((index, position) => {
        const entry = stored[position];
        if (entry === undefined) return true;
        found[index] = this.#verified(entry, keys[index] as string, tier, seal);
        if (found[index] !== undefined) copyUp(entry, tiers.slice(0, depth));
        return found[index] === undefined;
      });
      if (missing.length === 0) break;
    }
    return found;
  }

  /** Signs an entry and hands it to every tier. Resolves when they have taken it. */
  set(entry: UnsealedEntry): Promise<void> | undefined {
    const taking = this.#open === undefined ? this.#setOnceOpen(entry) : handTo(this.#open, entry);
    if (taking === undefined) return undefined;
    const write = taking.finally(() => this.#writes.delete(write));
    this.#writes.add(write);
    return write;
  }

  /** Notes that an entry was served from memory. */
  touch(key: string, hits: number): void {
    for (const tier of this.#open?.tiers ?? []) tier.touch(key, hits);
  }

  /** Removes an entry everywhere; returns whether any tier had it. */
  async delete(key: string): Promise<boolean> {
    const { tiers } = await this.#ready();
    const deleted = await Promise.all(tiers.map((tier) => tier.delete(key)));
    this.#distrustBroken(tiers);
    return deleted.includes(true);
  }

  /** Removes all matching entries; returns how many the fullest tier had. */
  async deleteMatching(selector: TierSelector): Promise<number> {
    const { tiers } = await this.#ready();
    const deleted = await Promise.all(tiers.map((tier) => tier.deleteMatching(selector)));
    this.#distrustBroken(tiers);
    return Math.max(0, ...deleted);
  }

  /** Checks every entry of every tier; removes those that are not what was signed. */
  async verify(): Promise<VerifyReport> {
    const { tiers, seal } = await this.#ready();
    const report: VerifyReport = { checked: 0, intact: 0, rejected: 0, skipped: 0 };
    for (const tier of tiers) {
      for await (const entry of tier.entries()) {
        report.checked += 1;
        report[this.#judge(entry, entry.key, tier, seal)] += 1;
      }
    }
    return report;
  }

  /** How much the nearest tier holds. */
  async size(): Promise<TierSize> {
    const [nearest] = (await this.#ready()).tiers;
    return (await nearest?.size()) ?? { entries: 0, sizeBytes: 0 };
  }

  /** What happened in all tiers. */
  counters(): TierCounters {
    let [evictions, expirations] = [0, 0];
    for (const tier of this.#open?.tiers ?? []) {
      const counted = tier.counters();
      evictions += counted.evictions;
      expirations += counted.expirations;
    }
    return { evictions, expirations };
  }

  /** Resolves when everything taken so far is durable. */
  async flush(): Promise<void> {
    if (this.#opening === undefined) return;
    const { tiers } = await this.#opening;
    await Promise.all(this.#writes);
    await Promise.all(tiers.map((tier) => tier.flush()));
  }

  /** Closes all tiers that were opened. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    if (this.#opening === undefined) return;
    const { tiers } = await this.#opening;
    await Promise.all(this.#writes);
    await Promise.all(tiers.map((tier) => tier.close()));
  }

  async #setOnceOpen(entry: UnsealedEntry): Promise<void> {
    await handTo(await this.#ready(), entry);
  }

  async #ready(): Promise<OpenTiers> {
    this.#opening ??= this.#options.open();
    this.#open = await this.#opening;
    return this.#open;
  }

  #distrustBroken(tiers: readonly GuardedTier[]): void {
    if (tiers.some((tier) => tier.isBroken)) this.#distrustedUntil = this.#options.epochMs();
  }

  #verified(entry: StoredEntry, key: string, tier: CacheTier, seal: Seal): VerifiedEntry | undefined {
    if (this.#judge(entry, key, tier, seal) !== 'intact') return undefined;
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

  #judge(entry: StoredEntry, key: string, tier: CacheTier, seal: Seal): 'intact' | 'rejected' | 'skipped' {
    const verdict = verdictOf(entry, key, seal);
    if (verdict === 'ok') return 'intact';
    if (verdict === 'newer-version' || verdict === 'future') return 'skipped';
    this.#reject(entry, key, tier, verdict);
    return 'rejected';
  }

  #reject(entry: StoredEntry, key: string, tier: CacheTier, reason: string): void {
    this.#options.onReject({ ...entry, key }, tier.name, reason);
    void tier.delete(key);
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

/** Returns `undefined` when all tiers have accepted the entry at once. */
function handTo({ tiers, seal }: OpenTiers, entry: UnsealedEntry): Promise<void> | undefined {
  const sealed = seal.seal(entry);
  let waiting: Promise<void> | undefined;
  for (const tier of tiers) {
    const taking = tier.set(sealed);
    if (taking !== undefined) waiting = waiting === undefined ? taking : waiting.then(() => taking);
  }
  return waiting;
}

function copyUp(entry: StoredEntry, nearer: readonly CacheTier[]): void {
  for (const tier of nearer) void tier.set(entry);
}

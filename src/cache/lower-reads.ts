import type { HitTier } from '../contracts/cache-events.js';
import type { LowerTiers } from './lower-tiers.js';
import type { MemoryEntry } from './tiers/memory-tier.js';
import type { VerifiedEntry } from './tiers/tier-stack.js';

/** An entry found below memory. */
export interface LowerEntry {
  readonly entry: MemoryEntry;
  readonly tier: HitTier;
}

/** Collaborators of {@link LowerReads}. */
export interface LowerReadsOptions {
  /** The tiers below memory. */
  readonly lower: LowerTiers;
  /** An entry from below as memory keeps it. */
  readonly toMemoryEntry: (found: VerifiedEntry) => MemoryEntry;
  /** Puts the entry into memory; not called when a write or deletion happened during the read. */
  readonly keep: (entry: MemoryEntry) => void;
}

/** Reads from the tiers below memory. Overlapping reads of one key share one read. */
export class LowerReads {
  readonly #options: LowerReadsOptions;
  // A read that is no longer listed when it ends was invalidated, and what it found must not reach memory.
  readonly #reading = new Map<string, Promise<LowerEntry | undefined>>();

  constructor(options: LowerReadsOptions) {
    this.#options = options;
  }

  /** The entry under the key. */
  get(key: string): Promise<LowerEntry | undefined> {
    return this.#reading.get(key) ?? this.#read(key, this.#options.lower.get(key));
  }

  /** The entries under the keys, in their order; keys not yet being read are read together. */
  async getMany(keys: readonly string[]): Promise<Array<LowerEntry | undefined>> {
    const fresh = keys.filter((key) => !this.#reading.has(key));
    if (fresh.length > 0) {
      const all = this.#options.lower.getMany(fresh);
      for (const [index, key] of fresh.entries()) {
        void this.#read(
          key,
          all.then((found) => found[index]),
        );
      }
    }
    return await Promise.all(keys.map((key) => this.#reading.get(key) as Promise<LowerEntry | undefined>));
  }

  /** To be called when the key is written or deleted. */
  invalidate(key: string): void {
    this.#reading.delete(key);
  }

  /** To be called when many keys are deleted. */
  invalidateAll(): void {
    this.#reading.clear();
  }

  #read(key: string, finding: Promise<VerifiedEntry | undefined>): Promise<LowerEntry | undefined> {
    const reading = finding.then((found) => {
      const isOvertaken = this.#reading.get(key) !== reading;
      if (!isOvertaken) this.#reading.delete(key);
      if (found === undefined) return undefined;
      const entry = this.#options.toMemoryEntry(found);
      if (!isOvertaken) this.#options.keep(entry);
      return { entry, tier: tierOf(found) };
    });
    this.#reading.set(key, reading);
    return reading;
  }
}

// A user's Keyv store is a tier of its own, but hits in it count as `disk`, which it replaces.
function tierOf({ tier }: VerifiedEntry): HitTier {
  return tier === 'store' ? 'disk' : tier;
}

import type { HitTier } from '../contracts/cache-events.js';
import type { MemoryEntry } from './tiers/memory-tier.js';
import type { TierStack, VerifiedEntry } from './tiers/tier-stack.js';

/** What was found below memory. */
export interface FoundBelow {
  readonly entry: MemoryEntry;
  readonly tier: HitTier;
}

/** What reads below memory work with. */
export interface ReadsBelowOptions {
  /** The tiers below memory. */
  readonly lower: TierStack;
  /** An entry from below as memory keeps it. */
  readonly toMemoryEntry: (found: VerifiedEntry) => MemoryEntry;
  /** Takes what was found into memory; not called when a write or a deletion overtook the read. */
  readonly keep: (entry: MemoryEntry) => void;
}

/** Reads from the tiers below memory that are under way: those of one key that overlap are one. */
export class ReadsBelow {
  readonly #options: ReadsBelowOptions;
  // One that is no longer listed when it ends was overtaken, and what it found must not reach memory.
  readonly #reading = new Map<string, Promise<FoundBelow | undefined>>();

  constructor(options: ReadsBelowOptions) {
    this.#options = options;
  }

  /** The entry under the key. */
  get(key: string): Promise<FoundBelow | undefined> {
    return this.#reading.get(key) ?? this.#read(key, this.#options.lower.get(key));
  }

  /** The entries under the keys, in their order; those that nobody reads yet are asked for together. */
  async getMany(keys: readonly string[]): Promise<Array<FoundBelow | undefined>> {
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
    return await Promise.all(keys.map((key) => this.#reading.get(key) as Promise<FoundBelow | undefined>));
  }

  /** The key was written or deleted. */
  overtake(key: string): void {
    this.#reading.delete(key);
  }

  /** Many keys were deleted. */
  overtakeAll(): void {
    this.#reading.clear();
  }

  #read(key: string, finding: Promise<VerifiedEntry | undefined>): Promise<FoundBelow | undefined> {
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

// A Keyv store the user gave is a place on its own, but the figures know it as the disk it stands in for.
function tierOf({ tier }: VerifiedEntry): HitTier {
  return tier === 'store' ? 'disk' : tier;
}

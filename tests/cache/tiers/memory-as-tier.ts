import type { StoredEntry } from '../../../src/cache/cache-entry.js';
import { AgentAccount } from '../../../src/cache/cache-stats.js';
import { parsePayload, type StoredAnswer } from '../../../src/cache/cached-answer.js';
import type { CacheTier, TierCounters, TierSelector, TierSize } from '../../../src/cache/tiers/cache-tier.js';
import { type MemoryEntry, MemoryTier } from '../../../src/cache/tiers/memory-tier.js';
import { ClosedError } from '../../../src/errors/input-errors.js';
import type { TierSettings } from '../../../src/testing/cache-tier-suite.js';

interface Kept extends MemoryEntry {
  readonly stored: StoredEntry;
}

const UNREADABLE: StoredAnswer = {
  output: '',
  usage: { inputTokens: undefined, outputTokens: undefined, totalTokens: undefined },
  costUsd: undefined,
};

/** The memory tier behind the interface of the others: what it keeps also holds the stored form. */
export class MemoryAsTier implements CacheTier {
  readonly name = 'store';
  readonly #memory: MemoryTier;
  readonly #settings: TierSettings;
  readonly #account = new AgentAccount();
  #isClosed = false;

  constructor(settings: TierSettings) {
    const { maxSizeBytes, maxEntries = Number.POSITIVE_INFINITY, eviction } = settings;
    this.#settings = settings;
    this.#memory = new MemoryTier({ maxSizeBytes, maxEntries, eviction });
  }

  async getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    this.#assertOpen();
    return keys.map((key) => {
      const entry = this.#memory.get(key, this.#nowMs()) as Kept | undefined;
      return entry && { ...entry.stored, hits: entry.hits };
    });
  }

  async set(stored: StoredEntry): Promise<void> {
    this.#assertOpen();
    if (stored.staleUntil <= this.#nowMs()) {
      this.#memory.delete(stored.key);
      return;
    }
    const answer = { ...(parsePayload(stored.payload) ?? UNREADABLE), costUsd: stored.costUsd };
    const kept = { ...stored, answer, account: this.#account, usedAt: this.#nowMs(), stored };
    this.#memory.set(kept as Kept, this.#nowMs());
  }

  touch(key: string, hits: number): void {
    const entry = this.#memory.get(key, this.#nowMs());
    if (entry !== undefined) entry.hits = Math.max(entry.hits, hits);
  }

  async delete(key: string): Promise<boolean> {
    this.#assertOpen();
    return this.#memory.delete(key);
  }

  async deleteMatching(selector: TierSelector): Promise<number> {
    this.#assertOpen();
    return this.#memory.deleteMatching(selector);
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    this.#assertOpen();
    this.#memory.removeExpired(this.#nowMs());
    for (const entry of this.#memory.entries()) yield { ...(entry as Kept).stored, hits: entry.hits };
  }

  async size(): Promise<TierSize> {
    this.#assertOpen();
    this.#memory.removeExpired(this.#nowMs());
    return this.#memory.size();
  }

  counters(): TierCounters {
    return this.#memory.counters();
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #nowMs(): number {
    return this.#settings.clock.epochMs();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ClosedError('memory tier of the test');
  }
}

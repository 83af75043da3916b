import type { MemoryEntry } from './tiers/memory-tier.js';

const BATCH = 256;

/**
 * Tells the tiers below which entries were served from memory, so that recency and hit counts survive a restart.
 *
 * A hit only puts its entry on a list, once; the list is handed down in batches.
 */
export class UseReporter {
  readonly #touch: (key: string, hits: number) => void;
  #unreported = new Set<MemoryEntry>();

  constructor(touch: (key: string, hits: number) => void) {
    this.#touch = touch;
  }

  /** Notes that an entry was served. */
  note(entry: MemoryEntry): void {
    this.#unreported.add(entry);
    if (this.#unreported.size >= BATCH) this.report();
  }

  /** Hands everything down. */
  report(): void {
    const entries = this.#unreported;
    if (entries.size === 0) return;
    this.#unreported = new Set();
    for (const entry of entries) this.#touch(entry.key, entry.hits);
  }
}

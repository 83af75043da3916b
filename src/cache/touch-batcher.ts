import type { MemoryEntry } from './tiers/memory-tier.js';

const BATCH = 256;

/**
 * Reports entries served from memory to the lower tiers, so that recency and hit counts survive a restart.
 *
 * A hit only adds its entry to a set; the set is handed down in batches.
 */
export class TouchBatcher {
  readonly #touch: (key: string, hits: number) => void;
  #pending = new Set<MemoryEntry>();

  constructor(touch: (key: string, hits: number) => void) {
    this.#touch = touch;
  }

  /** To be called when an entry was served. */
  add(entry: MemoryEntry): void {
    this.#pending.add(entry);
    if (this.#pending.size >= BATCH) this.flush();
  }

  /** Hands all pending entries down. */
  flush(): void {
    const entries = this.#pending;
    if (entries.size === 0) return;
    this.#pending = new Set();
    for (const entry of entries) this.#touch(entry.key, entry.hits);
  }
}

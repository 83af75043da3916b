import type { Clock } from '../time/clock.js';
import type { UnsealedEntry } from './cache-entry.js';
import type { TierChange, TierCounters, TierSelector, TierSize } from './tiers/cache-tier.js';
import type { TierStack, VerifiedEntry, VerifyReport } from './tiers/tier-stack.js';

const NO_COUNTS: TierCounters = { evictions: 0, expirations: 0 };

/**
 * The tiers below memory, opened and loaded on first use: a cache that is never used touches no file, and one in memory
 * alone loads none of their code.
 */
export class LowerTiers {
  readonly #open: () => Promise<TierStack>;
  readonly #clock: Clock;
  #opening: Promise<TierStack> | undefined;
  #stack: TierStack | undefined;
  #closing: Promise<void> | undefined;
  /** Entries that were taken while the tiers were opening. */
  readonly #early = new Set<Promise<void>>();

  /** @param open Never rejects. */
  constructor(open: () => Promise<TierStack>, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** As {@link TierStack.get}. */
  get(key: string): Promise<VerifiedEntry | undefined> {
    return this.#stack === undefined ? this.#ready().then((stack) => stack.get(key)) : this.#stack.get(key);
  }

  /** As {@link TierStack.getMany}. */
  async getMany(keys: readonly string[]): Promise<Array<VerifiedEntry | undefined>> {
    return await (this.#stack ?? (await this.#ready())).getMany(keys);
  }

  /** As {@link TierStack.set}. */
  set(entry: UnsealedEntry, isPromised = false): Promise<void> | undefined {
    if (this.#stack !== undefined) return this.#stack.set(entry, isPromised);
    const write = this.#ready()
      .then((stack) => stack.set(entry, isPromised))
      .finally(() => this.#early.delete(write));
    this.#early.add(write);
    return write;
  }

  /** As {@link TierStack.touch}. */
  touch(key: string, hits: number): void {
    this.#stack?.touch(key, hits);
  }

  /** As {@link TierStack.delete}. */
  async delete(key: string, createdUpTo?: number): Promise<boolean> {
    return await (await this.#ready()).delete(key, createdUpTo);
  }

  /** As {@link TierStack.deleteMatching}. */
  async deleteMatching(selector: TierSelector, createdUpTo?: number): Promise<number> {
    return await (await this.#ready()).deleteMatching(selector, createdUpTo);
  }

  /** As {@link TierStack.changes}. */
  changes(): Promise<readonly TierChange[]> | undefined {
    // Before anything is open, nothing in memory can be older than what is stored.
    return this.#stack === undefined ? Promise.resolve([]) : this.#stack.changes();
  }

  /** As {@link TierStack.verify}. */
  async verify(): Promise<VerifyReport> {
    return await (await this.#ready()).verify();
  }

  /** As {@link TierStack.size}. */
  async size(): Promise<TierSize | undefined> {
    return await (await this.#ready()).size();
  }

  /** As {@link TierStack.counters}. */
  counters(): TierCounters {
    return this.#stack?.counters() ?? NO_COUNTS;
  }

  /** As {@link TierStack.flush}. */
  async flush(): Promise<void> {
    if (this.#opening === undefined) return;
    const stack = await this.#opening;
    await Promise.all(this.#early);
    await stack.flush();
  }

  /** Closes what was opened within the time, whatever hangs. Idempotent. */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#opening === undefined) return;
    const startedMs = this.#clock.now();
    const { settledWithin } = await import('./tiers/time-limits.js');
    await settledWithin(
      this.#opening.then(() => Promise.all(this.#early)),
      timeoutMs / 4,
      this.#clock,
    );
    await this.#stack?.close(timeoutMs - (this.#clock.now() - startedMs));
  }

  async #ready(): Promise<TierStack> {
    this.#opening ??= this.#open();
    this.#stack = await this.#opening;
    return this.#stack;
  }
}

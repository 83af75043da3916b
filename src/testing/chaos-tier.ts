import type { StoredEntry } from '../cache/cache-entry.js';
import type { CacheTier, TierCounters, TierSelector, TierSize } from '../cache/tiers/cache-tier.js';
import { type Clock, systemClock } from '../time/clock.js';

/** What is wrong with a {@link ChaosTier} at the moment. */
export type Chaos =
  | { readonly kind: 'none' }
  /** Every operation rejects. */
  | { readonly kind: 'rejects'; readonly error?: unknown }
  /** Every operation throws at once, before there is a promise. */
  | { readonly kind: 'throws'; readonly error?: unknown }
  /** No operation ever settles. */
  | { readonly kind: 'hangs' }
  /** Every operation takes this long, in milliseconds. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** What is read differs in one character of its payload from what was written. */
  | { readonly kind: 'corrupts' };

/** A tier around another one, that misbehaves as `chaos` says. For tests of what stands in front of tiers. */
export class ChaosTier implements CacheTier {
  readonly name: CacheTier['name'];
  /** What is wrong now; change it at any time. */
  chaos: Chaos = { kind: 'none' };
  /** How many operations were asked for, in whatever state. */
  operations = 0;
  readonly #tier: CacheTier;
  readonly #clock: Clock;

  constructor(tier: CacheTier, chaos: Chaos = { kind: 'none' }, clock: Clock = systemClock) {
    this.name = tier.name;
    this.#tier = tier;
    this.#clock = clock;
    this.chaos = chaos;
  }

  getMany(keys: readonly string[]): Promise<Array<StoredEntry | undefined>> {
    return this.#suffer(async () => (await this.#tier.getMany(keys)).map((entry) => this.#read(entry)));
  }

  set(entry: StoredEntry): Promise<void> {
    return this.#suffer(async () => this.#tier.set(entry));
  }

  touch(key: string, hits: number): void {
    this.operations++;
    if (this.chaos.kind === 'throws') throw this.chaos.error ?? new Error('chaos');
    this.#tier.touch(key, hits);
  }

  delete(key: string): Promise<boolean> {
    return this.#suffer(() => this.#tier.delete(key));
  }

  deleteMatching(selector: TierSelector): Promise<number> {
    return this.#suffer(() => this.#tier.deleteMatching(selector));
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    const iterator = this.#tier.entries()[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#suffer(() => iterator.next());
      if (next.done === true) return;
      yield this.#read(next.value) as StoredEntry;
    }
  }

  size(): Promise<TierSize> {
    return this.#suffer(() => this.#tier.size());
  }

  counters(): TierCounters {
    this.operations++;
    if (this.chaos.kind === 'throws') throw this.chaos.error ?? new Error('chaos');
    return this.#tier.counters();
  }

  flush(): Promise<void> {
    return this.#suffer(() => this.#tier.flush());
  }

  close(): Promise<void> {
    return this.#suffer(() => this.#tier.close());
  }

  #suffer<T>(work: () => Promise<T>): Promise<T> {
    this.operations++;
    const { chaos } = this;
    switch (chaos.kind) {
      case 'throws':
        throw chaos.error ?? new Error('chaos');
      case 'rejects':
        return Promise.reject(chaos.error ?? new Error('chaos'));
      case 'hangs':
        return new Promise<T>(() => {});
      case 'slow':
        return this.#later(chaos.delayMs).then(work);
      default:
        return work();
    }
  }

  #later(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimeout(resolve, delayMs, undefined));
  }

  #read(entry: StoredEntry | undefined): StoredEntry | undefined {
    if (this.chaos.kind !== 'corrupts' || entry === undefined) return entry;
    const middle = entry.payload.length >> 1;
    const changed = String.fromCharCode(entry.payload.charCodeAt(middle) ^ 1);
    return { ...entry, payload: entry.payload.slice(0, middle) + changed + entry.payload.slice(middle + 1) };
  }
}

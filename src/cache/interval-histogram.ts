/** Powers of two of a second, from under one second to more than a year. */
const BUCKETS = 27;

/** Counts lengths of time in buckets that double, from one second up. Takes the same memory whatever it counts. */
export class IntervalHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  /** How many lengths were counted. */
  get total(): number {
    return this.#total;
  }

  /** Counts a length, in milliseconds. */
  record(ms: number): void {
    const bucket = 32 - Math.clz32(ms / 1_000);
    const counts = this.#counts;
    const index = bucket < BUCKETS ? bucket : BUCKETS - 1;
    counts[index] = (counts[index] as number) + 1;
    this.#total += 1;
  }

  /** A length that the share (0 to 1) of all lengths does not exceed, in milliseconds; 0 when nothing was counted. */
  quantileMs(share: number): number {
    let left = share * this.#total;
    if (left === 0) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket] as number;
      if (left <= 1e-9) return 2 ** bucket * 1_000;
    }
    return 2 ** BUCKETS * 1_000;
  }
}

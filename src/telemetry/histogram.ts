import type { Distribution } from './snapshot.js';

// A value lies in the bucket that its floating-point number names: the exponent selects the power of two, the highest
// six bits of the fraction one of 64 equal parts of it. Buckets are therefore at most 1/64 of their values wide.

const PART_BITS = 6;
const PARTS = 2 ** PART_BITS;
const LOWEST_EXPONENT = -10;
const HIGHEST_EXPONENT = 31;
/** Below this, in milliseconds (about a microsecond), lengths count as 0. */
const LOWEST = 2 ** LOWEST_EXPONENT;
/** Lengths above this, in milliseconds (24.8 days), count as this long. */
const HIGHEST = 2 ** HIGHEST_EXPONENT;
const SHIFT = 20 - PART_BITS;
const EXPONENT_BIAS = 1_023;
const OFFSET = (EXPONENT_BIAS + LOWEST_EXPONENT) * PARTS;
const BUCKETS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * PARTS;

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);
/** The half of a number that holds its exponent. */
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** A histogram as plain JSON: small, and made whole again by {@link Histogram.from}. */
export interface StoredHistogram {
  /** How many values. */
  count: number;
  /** Their sum, in milliseconds. */
  sum: number;
  /** The smallest, in milliseconds. */
  min: number;
  /** The largest, in milliseconds. */
  max: number;
  /** How many of them count as 0. */
  zeros: number;
  /** Buckets that are not empty, by twos: its number less that of the one before, and its count. */
  buckets: number[];
}

/**
 * Counts lengths of time in milliseconds, in memory that depends on how much they differ and never on how many there are:
 * 256 bytes for each power of two between the shortest and the longest. Percentiles are within 0.8 % of the exact ones,
 * and those of merged histograms as well. Count, sum, minimum and maximum are exact.
 */
export class Histogram {
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;
  #zeros = 0;
  // Counts of the buckets from #first on, in whole powers of two.
  #first = 0;
  #counts = new Uint32Array(0);

  /** Counts one length, in milliseconds. What is no number counts as 0. */
  record(ms: number): void {
    const value = ms > 0 ? ms : 0;
    this.count += 1;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (value < LOWEST) this.#zeros += 1;
    else this.#add(bucketOf(value), 1);
  }

  /** Adds what another histogram has counted. */
  merge(other: Histogram): void {
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.#zeros += other.#zeros;
    for (const [bucket, count] of other.#filled()) this.#add(bucket, count);
  }

  /** What was counted since it was as `earlier`, a copy of it. Smallest and largest are those of all. */
  since(earlier: Histogram): Histogram {
    const later = new Histogram();
    later.merge(this);
    later.count -= earlier.count;
    later.sum -= earlier.sum;
    later.#zeros -= earlier.#zeros;
    for (const [bucket, count] of earlier.#filled()) later.#add(bucket, -count);
    return later;
  }

  /**
   * The length that this share of all lengths does not exceed, in milliseconds; 0 if there are none.
   *
   * @param share From 0 to 1.
   */
  quantile(share: number): number {
    if (this.count === 0) return 0;
    let left = Math.max(1, Math.ceil(share * this.count)) - this.#zeros;
    if (left <= 0) return Math.min(this.min, this.max);
    for (const [bucket, count] of this.#filled()) {
      left -= count;
      if (left <= 0) return Math.min(this.max, Math.max(this.min, middleOf(bucket)));
    }
    return this.max;
  }

  /** How many lengths were below a power of two, in milliseconds. Exact for powers of two alone. */
  countBelow(limitMs: number): number {
    const limit = bucketOf(limitMs);
    let below = this.#zeros;
    for (const [bucket, count] of this.#filled()) {
      if (bucket >= limit) break;
      below += count;
    }
    return below;
  }

  distribution(): Distribution {
    const { count, sum, max } = this;
    const mean = count === 0 ? 0 : sum / count;
    return { count, p50: this.quantile(0.5), p95: this.quantile(0.95), p99: this.quantile(0.99), max, mean };
  }

  toJSON(): StoredHistogram {
    const buckets: number[] = [];
    let last = 0;
    for (const [bucket, count] of this.#filled()) {
      buckets.push(bucket - last, count);
      last = bucket;
    }
    const min = this.count === 0 ? 0 : this.min;
    return { count: this.count, sum: this.sum, min, max: this.max, zeros: this.#zeros, buckets };
  }

  /** The histogram that `toJSON` has written. */
  static from({ count, sum, min, max, zeros, buckets }: StoredHistogram): Histogram {
    const histogram = new Histogram();
    Object.assign(histogram, { count, sum, max, min: count === 0 ? Number.POSITIVE_INFINITY : min });
    histogram.#zeros = zeros;
    let bucket = 0;
    for (let index = 0; index + 1 < buckets.length; index += 2) {
      bucket += buckets[index] as number;
      if (bucket >= 0 && bucket < BUCKETS) histogram.#add(bucket, buckets[index + 1] as number);
    }
    return histogram;
  }

  #add(bucket: number, count: number): void {
    let index = bucket - this.#first;
    if (index < 0 || index >= this.#counts.length) {
      this.#reach(bucket);
      index = bucket - this.#first;
    }
    this.#counts[index] = (this.#counts[index] as number) + count;
  }

  /** Makes room for a bucket, with the whole power of two that it belongs to. */
  #reach(bucket: number): void {
    const start = bucket - (bucket % PARTS);
    const held = this.#counts;
    const first = held.length === 0 ? start : Math.min(this.#first, start);
    const end = Math.max(held.length === 0 ? 0 : this.#first + held.length, start + PARTS);
    const counts = new Uint32Array(end - first);
    counts.set(held, held.length === 0 ? 0 : this.#first - first);
    this.#counts = counts;
    this.#first = first;
  }

  *#filled(): Generator<readonly [bucket: number, count: number], void, undefined> {
    const counts = this.#counts;
    for (let index = 0; index < counts.length; index += 1) {
      const count = counts[index] as number;
      if (count > 0) yield [this.#first + index, count];
    }
  }
}

function bucketOf(value: number): number {
  number[0] = value;
  const bucket = ((words[HIGH_WORD] as number) >>> SHIFT) - OFFSET;
  return value >= HIGHEST ? BUCKETS - 1 : bucket;
}

/** The value in the middle of a bucket, which is at most 1/128 away from each in it. */
function middleOf(bucket: number): number {
  const exponent = Math.floor(bucket / PARTS) + LOWEST_EXPONENT;
  return 2 ** exponent * (1 + ((bucket % PARTS) + 0.5) / PARTS);
}

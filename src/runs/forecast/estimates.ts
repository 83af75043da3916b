import type { Estimate } from '../../contracts/forecast.js';

/** Standard deviations from the middle of a normal distribution to its p10 and p90. */
const TO_P90 = 1.2816;

/** A sum of uncertain parts: its mean, and the variance that comes from each part and from what is not known of all. */
export class UncertainSum {
  mean = 0;
  /** Of parts that vary on their own: they even out. */
  #variance = 0;
  /** Of what is uncertain about all parts alike: it adds up. */
  #shared = 0;

  /** Adds a part. */
  add(mean: number, variance: number): void {
    this.mean += mean;
    this.#variance += variance;
  }

  /** Adds what is uncertain about each of `count` parts alike, as a variance of their mean. */
  addShared(count: number, variance: number): void {
    this.#shared += count * count * variance;
  }

  /** Adds another sum, whose parts are uncertain for reasons of their own. */
  addSum(other: UncertainSum): void {
    this.mean += other.mean;
    this.#variance += other.#variance;
    this.#shared += other.#shared;
  }

  /** As an estimate; never below `least`. */
  estimate(least = 0): Estimate {
    const deviation = TO_P90 * Math.sqrt(this.#variance + this.#shared);
    return {
      p10: Math.max(least, this.mean - deviation),
      p50: this.mean,
      p90: Math.max(least, this.mean + deviation),
    };
  }
}

/** An estimate in whole things. */
export function whole({ p10, p50, p90 }: Estimate): Estimate {
  return { p10: Math.round(p10), p50: Math.round(p50), p90: Math.round(p90) };
}

/** The same figure in every case. */
export function certain(value: number): Estimate {
  return { p10: value, p50: value, p90: value };
}

/** The percentiles of what came out of several trials. */
export function ofTrials(trials: readonly number[]): Estimate {
  const sorted = [...trials].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9) };
}

/** Numbers from 0 to 1, the same ones every time: two forecasts of the same tasks agree. */
export function repeatableRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

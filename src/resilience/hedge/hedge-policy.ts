import type { LatencyWindow } from './latency-window.js';

/** When a second attempt may run beside a slow first one. */
export interface HedgeOptions {
  /** Start it after this long, in milliseconds. This or `percentile`. */
  afterMs?: number | undefined;
  /** Start it once the first takes longer than this percentage of the lane's latest answers, 1 to 99.9. */
  percentile?: number | undefined;
  /** Most second attempts per first attempt, above 0 to 1. @default 0.1 */
  maxExtraRatio?: number | undefined;
}

/** Answers that have to be known before a percentile of them means anything. */
const MINIMUM_ANSWERS = 20;
/** Unused allowance that is kept for later, in second attempts. */
const MAX_SAVED = 10;

/** Decides when an attempt is slow enough for a second one, and keeps the second ones to a share of the first. */
export class HedgePolicy {
  readonly #options: HedgeOptions;
  readonly #ratio: number;
  readonly #latencies: LatencyWindow;
  #saved = 0;
  /** First attempts so far. */
  attempts = 0;
  /** Second attempts so far. */
  hedges = 0;

  constructor(options: HedgeOptions, latencies: LatencyWindow) {
    this.#options = options;
    this.#ratio = options.maxExtraRatio ?? 0.1;
    this.#latencies = latencies;
  }

  /** A first attempt starts. Gives the delay after which a second may, in milliseconds; `undefined` for never. */
  attemptStarts(): number | undefined {
    this.attempts += 1;
    this.#saved = Math.min(MAX_SAVED, this.#saved + this.#ratio);
    const { afterMs, percentile } = this.#options;
    if (afterMs !== undefined) return afterMs;
    if (percentile === undefined || this.#latencies.count < MINIMUM_ANSWERS) return undefined;
    return this.#latencies.percentile(percentile);
  }

  /** Takes one second attempt out of the allowance; `false` where none is left. */
  tryHedge(): boolean {
    // Tenths added up are not quite whole numbers.
    if (this.#saved < 1 - 1e-9) return false;
    this.#saved -= 1;
    this.hedges += 1;
    return true;
  }
}

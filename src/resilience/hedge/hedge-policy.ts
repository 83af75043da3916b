import type { ResolvedHedgeSettings } from '../../contracts/traffic.js';
import type { LatencyWindow } from './latency-window.js';

/** The percentile that is used if the settings say neither when nor how much slower. */
const DEFAULT_PERCENTILE = 95;
/** Number of answers below which their percentiles mean nothing. */
const MINIMUM_ANSWERS = 20;
/** Largest unused allowance that is kept for later, in second attempts. */
const MAX_ALLOWANCE = 10;

/** Decides when an attempt is slow enough for a second one, and limits second attempts to a share of the first. */
export class HedgePolicy {
  readonly #settings: ResolvedHedgeSettings;
  readonly #latencies: LatencyWindow;
  #allowance = 0;

  constructor(settings: ResolvedHedgeSettings, latencies: LatencyWindow) {
    this.#settings = settings;
    this.#latencies = latencies;
  }

  /** A first attempt starts. Returns when a second may follow, in milliseconds; `undefined` for never. */
  attemptStarts(): number | undefined {
    const { afterMs, percentile = DEFAULT_PERCENTILE, maxExtraRatio } = this.#settings;
    this.#allowance = Math.min(MAX_ALLOWANCE, this.#allowance + maxExtraRatio);
    if (afterMs !== undefined) return afterMs;
    if (this.#latencies.count < MINIMUM_ANSWERS) return undefined;
    return this.#latencies.percentile(percentile);
  }

  /** Uses up one second attempt of the allowance; `false` if none is left. */
  tryHedge(): boolean {
    // Sums of tenths are not exactly whole numbers.
    if (this.#allowance < 1 - 1e-9) return false;
    this.#allowance -= 1;
    return true;
  }
}

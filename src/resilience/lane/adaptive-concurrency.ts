/** Settings of {@link AdaptiveConcurrency}. */
export interface AdaptiveConcurrencyOptions {
  /** Never fewer at once than this. @default 1 */
  minimum?: number | undefined;
  /** Never more at once than this. @default 1_000 */
  maximum?: number | undefined;
  /** How many at once at first. @default 10 */
  initial?: number | undefined;
}

/** The state of adaptive concurrency. */
export interface AdaptiveConcurrencyStats {
  /** Requests allowed at once now. */
  limit: number;
  /** Raises so far. */
  raises: number;
  /** Cuts so far. */
  cuts: number;
}

/** Successes at the limit before one more is tried, after a cut. */
const CAREFUL_SUCCESSES = 100;
/** What that number is divided by each time one more went well. */
const IMPATIENCE = 4;
/** What the limit is multiplied with at the second, third and further cut in a row. */
const CUT_FACTORS = [0.75, 0.5] as const;

/**
 * Finds out how many requests a service takes at once, where it does not say: additive increase, multiplicative
 * decrease on overload (429, 529, timeouts), after D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease
 * Algorithms for Congestion Avoidance", 1989.
 *
 * Two refinements keep it near the capacity instead of sawing around it. A single overload right after a raise
 * undoes the raise and no more; only overloads in a row multiply. And the next raise waits for a hundred successes
 * after a cut, a quarter of that after each raise that went well, so that probing costs about one rejection in a
 * hundred while new room is taken quickly.
 */
export class AdaptiveConcurrency {
  readonly #minimum: number;
  readonly #maximum: number;
  #limit: number;
  #successes = 0;
  #successesNeeded: number;
  #cutsInARow = 0;
  // Requests are numbered as they start; those that started before the last cut say nothing about the new limit.
  #started = 0;
  #firstSinceCut = 0;
  #raises = 0;
  #cuts = 0;

  constructor(options: AdaptiveConcurrencyOptions = {}) {
    const { minimum = 1, maximum = 1_000, initial = 10 } = options;
    this.#minimum = minimum;
    this.#maximum = maximum;
    this.#limit = Math.min(maximum, Math.max(minimum, initial));
    this.#successesNeeded = this.#limit;
  }

  /** Requests allowed at once now. */
  get limit(): number {
    return this.#limit;
  }

  /** A request starts; the number goes into {@link succeeded} or {@link overloaded}. */
  started(): number {
    return this.#started++;
  }

  /** A request was answered. `inFlight` are those in flight, itself included. Returns whether the limit changed. */
  succeeded(request: number, inFlight: number): boolean {
    if (request >= this.#firstSinceCut) this.#countSuccess(inFlight);
    if (this.#successes < Math.max(this.#limit, this.#successesNeeded)) return false;
    this.#successes = 0;
    if (this.#limit >= this.#maximum) return false;
    this.#limit += 1;
    this.#raises += 1;
    this.#successesNeeded = Math.floor(this.#successesNeeded / IMPATIENCE);
    return true;
  }

  /** A request met an overload: 429, 529 or a timeout. Returns whether the limit changed. */
  overloaded(request: number): boolean {
    // Many requests meet the same overload; it is one reason to cut, not many.
    if (request < this.#firstSinceCut) return false;
    const factor = CUT_FACTORS[Math.min(this.#cutsInARow, CUT_FACTORS.length) - 1];
    const cut = factor === undefined ? this.#limit - 1 : Math.floor(this.#limit * factor);
    const limit = Math.max(this.#minimum, Math.min(cut, this.#limit - 1));
    this.#firstSinceCut = this.#started;
    this.#cutsInARow += 1;
    this.#successes = 0;
    this.#successesNeeded = CAREFUL_SUCCESSES;
    if (limit === this.#limit) return false;
    this.#limit = limit;
    this.#cuts += 1;
    return true;
  }

  stats(): AdaptiveConcurrencyStats {
    return { limit: this.#limit, raises: this.#raises, cuts: this.#cuts };
  }

  #countSuccess(inFlight: number): void {
    // Far below the limit a success says nothing about the limit.
    if (inFlight * 2 < this.#limit) return;
    this.#successes += 1;
    if (this.#successes >= this.#limit) this.#cutsInARow = 0;
  }
}

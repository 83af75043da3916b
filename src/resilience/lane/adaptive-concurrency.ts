import { OutcomeWindow } from './outcome-window.js';

/** Options of {@link AdaptiveConcurrency}. */
export interface AdaptiveConcurrencyOptions {
  /** The limit never falls below this. @default 1 */
  minimum?: number | undefined;
  /** Requests at once before the first overload. @default no limit */
  initial?: number | undefined;
}

/** The state of adaptive concurrency. */
export interface AdaptiveConcurrencyStats {
  /** Requests allowed at once; `Infinity` before the first overload. */
  limit: number;
  /** Raises so far. */
  raises: number;
  /** Cuts so far. */
  cuts: number;
}

/** Requests that are looked at, and how many of them have to be rejected, before the limit is cut. */
const OUTCOMES = 8;
const OVERLOADED = 4;
/** Answers at the limit before it is raised by one, after a cut. */
const CAREFUL_ANSWERS = 64;
/** That number is divided by this after each raise that went well. */
const IMPATIENCE = 4;

/**
 * Finds out how many requests a provider takes at once, if it does not say: additive increase, multiplicative
 * decrease, after D.-M. Chiu and R. Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance",
 * 1989.
 *
 * There is no limit until half of the latest requests are rejected (429, 529) while others are answered. What was in
 * flight beside the rejected ones is what the provider takes: that becomes the limit. A rejection right after a raise
 * undoes the raise and no more. Where everything is rejected, concurrency is not the reason, and the limit stays.
 */
export class AdaptiveConcurrency {
  readonly #minimum: number;
  readonly #outcomes = new OutcomeWindow(OUTCOMES);
  #limit: number;
  /** The limit that is known to work: below `limit` only while a raise is being tried. */
  #proven: number;
  /** What was in flight beside the latest rejected request, and the number of the next request to be sent then. */
  #beside: { readonly inFlight: number; readonly nextRequest: number } | undefined = undefined;
  #answers = 0;
  #answersNeeded = CAREFUL_ANSWERS;
  #firstSinceChange = 0;
  #raises = 0;
  #cuts = 0;

  constructor(options: AdaptiveConcurrencyOptions = {}) {
    const { minimum = 1, initial = Number.POSITIVE_INFINITY } = options;
    this.#minimum = minimum;
    this.#limit = Math.max(minimum, initial);
    this.#proven = this.#limit;
  }

  /** Requests allowed at once now. */
  get limit(): number {
    return this.#limit;
  }

  /** The limit that is known to work; what is in flight beyond it tries whether more does. */
  get proven(): number {
    return this.#proven;
  }

  /**
   * A request was answered.
   *
   * @param request Its number, in the order in which requests are sent.
   * @param inFlight Requests in flight, itself included.
   * @param nextRequest The number of the next request to be sent.
   * @returns Whether the limit has changed.
   */
  answered(request: number, inFlight: number, nextRequest: number): boolean {
    this.#outcomes.add(false);
    const beside = this.#beside;
    if (beside !== undefined && request < beside.nextRequest && this.#outcomes.failures >= OVERLOADED) {
      return this.#cut(beside.inFlight, nextRequest);
    }
    if (request >= this.#firstSinceChange) this.#countAnswer(inFlight);
    if (this.#answers < Math.max(this.#limit, this.#answersNeeded)) return false;
    this.#raise(nextRequest);
    return true;
  }

  /**
   * A request was rejected because there were too many (429, 529).
   *
   * @param request Its number, in the order in which requests are sent.
   * @param inFlight Requests in flight, itself not included.
   * @param nextRequest The number of the next request to be sent.
   * @returns Whether the limit has changed.
   */
  rejected(request: number, inFlight: number, nextRequest: number): boolean {
    this.#outcomes.add(true);
    this.#beside = { inFlight, nextRequest };
    if (this.#limit <= this.#proven || request < this.#firstSinceChange) return false;
    this.#limit = this.#proven;
    this.#cuts += 1;
    this.#startOver(CAREFUL_ANSWERS, nextRequest);
    return true;
  }

  stats(): AdaptiveConcurrencyStats {
    return { limit: this.#limit, raises: this.#raises, cuts: this.#cuts };
  }

  #countAnswer(inFlight: number): void {
    // Far below the limit an answer says nothing about the limit.
    if (inFlight * 2 < this.#limit) return;
    this.#answers += 1;
    if (this.#answers >= this.#limit) this.#proven = this.#limit;
  }

  #raise(nextRequest: number): void {
    this.#proven = this.#limit;
    this.#limit += 1;
    this.#raises += 1;
    this.#startOver(Math.floor(this.#answersNeeded / IMPATIENCE), nextRequest);
  }

  #cut(inFlight: number, nextRequest: number): boolean {
    this.#beside = undefined;
    const limit = Math.max(this.#minimum, Math.min(inFlight, this.#limit));
    const isLower = limit < this.#limit;
    this.#limit = limit;
    this.#proven = limit;
    if (isLower) this.#cuts += 1;
    this.#outcomes.clear();
    this.#startOver(CAREFUL_ANSWERS, nextRequest);
    return isLower;
  }

  #startOver(answersNeeded: number, nextRequest: number): void {
    this.#answers = 0;
    this.#answersNeeded = answersNeeded;
    this.#firstSinceChange = nextRequest;
  }
}

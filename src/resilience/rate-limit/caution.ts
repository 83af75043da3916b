/** How much later than due a probe is sent after one that found nothing, at least, in milliseconds. */
const LEAST_PATIENCE_MS = 20;
/** What one that found something multiplies that with. */
const IMPATIENCE = 0.8;
/** What is kept free at most, as the time in which it comes back, in milliseconds. */
const MOST_KEPT_FREE_MS = 1_000;
/** The least share of what is left that is sent before the next report. */
const LEAST_SHARE = 1 / 16;
/** Each rejection divides the share by this. */
const SHARE_CUT = 4;
/** After so many answers less is kept free, and the share is larger. */
const ANSWERS_A_STEP = 100;
const KEPT_FREE_DECAY = 0.9;
const SHARE_GROWTH = 1.1;

/**
 * How far a limit is used, after rejections that should not have happened and probes that found nothing. Mostly they
 * mean that other processes use the same limit, of whose requests only later reports tell.
 */
export class Caution {
  /** How much later than due the next probe is sent, in milliseconds. */
  patienceMs = 0;
  /** How much of a limit that refills all the time is not used. */
  keptFree = 0;
  /** The share of what is left in a fixed window that may be on its way before the next report. */
  share = 1;
  #answersLeft = ANSWERS_A_STEP;
  // Requests sent earlier meet an end of what was left that is known already.
  #firstOrder = 0;

  /** Requests before this position were sent without knowing the limit. */
  startAt(order: number): void {
    this.#firstOrder = order;
  }

  /** A probe was sent `afterMs` after the last report, and found something or not. */
  probed(foundSome: boolean, afterMs: number): void {
    if (foundSome) this.patienceMs *= IMPATIENCE;
    else this.patienceMs = Math.max(LEAST_PATIENCE_MS, 2 * this.patienceMs, afterMs / 2);
  }

  answered(): void {
    this.#answersLeft -= 1;
    if (this.#answersLeft > 0) return;
    this.#answersLeft = ANSWERS_A_STEP;
    this.keptFree = Math.floor(this.keptFree * KEPT_FREE_DECAY);
    this.share = Math.min(1, this.share * SHARE_GROWTH);
  }

  /**
   * A request for `amount` was rejected. Many requests meet the same end of what was left: that is one reason to be
   * careful, not many. Returns whether this one is the first.
   *
   * @param nextOrder The position of the next request that will be sent.
   * @param perMs How much comes back in a millisecond.
   */
  rejected(amount: number, sendOrder: number, nextOrder: number, perMs: number): boolean {
    if (sendOrder < this.#firstOrder) return false;
    this.#firstOrder = nextOrder;
    this.#answersLeft = ANSWERS_A_STEP;
    const most = Math.max(amount, perMs * MOST_KEPT_FREE_MS);
    if (perMs > 0) this.keptFree = Math.min(most, this.keptFree + amount);
    return true;
  }

  /** Others use the same window. */
  cutShare(): void {
    this.share = Math.max(LEAST_SHARE, this.share / SHARE_CUT);
  }
}

import type { OwnUse } from './own-use.js';
import type { ReportedRequest } from './reported-request.js';

/** What a report allows: the total may rise to `ceiling`, as of a time, and higher as the limit refills. */
interface Allowance {
  readonly ceiling: number;
  readonly atMs: number;
  readonly sendOrder: number;
}

/**
 * What the newest reports allow. Requests overtake each other on their way, so that a single report may allow too
 * much: the lowest report of one round trip and of the one before count. That may be too little; how much is left is
 * known exactly whenever no response is outstanding.
 */
export class Allowances {
  readonly #own: OwnUse;
  #current: Allowance | undefined = undefined;
  #before: Allowance | undefined = undefined;
  #roundEndsWith = 0;
  #newestOrder = -1;
  #newestTotal = 0;
  #newestRemaining = 0;
  #lowestRemaining = Number.POSITIVE_INFINITY;

  constructor(own: OwnUse) {
    this.#own = own;
  }

  /** Whether any report is known. */
  get isKnown(): boolean {
    return this.#current !== undefined;
  }

  /** What was left by the newest report. */
  get newestRemaining(): number {
    return this.#newestRemaining;
  }

  /** What is reserved or was sent since the newest report. */
  get onItsWay(): number {
    return this.#own.total + this.#own.reserved - this.#newestTotal;
  }

  /** Forgets all reports: it is another limit now. */
  restart(): void {
    this.#current = undefined;
    this.#before = undefined;
    this.#lowestRemaining = Number.POSITIVE_INFINITY;
  }

  /** A report, in whatever order. */
  heard(remaining: number): void {
    this.#lowestRemaining = Math.min(this.#lowestRemaining, remaining);
  }

  /**
   * Every response is known, of a limit that does not refill all the time: the lowest report since that was so the
   * last time was written last.
   */
  allHeard(nowMs: number): void {
    const remaining = this.#lowestRemaining;
    this.#lowestRemaining = Number.POSITIVE_INFINITY;
    this.#newestTotal = this.#own.total;
    this.#newestRemaining = remaining;
    this.#current = { ceiling: this.#own.total + remaining, atMs: nowMs, sendOrder: this.#newestOrder };
    this.#before = undefined;
  }

  /**
   * A report on a request sent later than any other that was reported on.
   *
   * @param isNewStart Whether what was reported earlier is about an ended window.
   * @param perMs How much comes back at least in a millisecond.
   */
  report(remaining: number, request: ReportedRequest, isNewStart: boolean, perMs: number): void {
    const { sendOrder, sentAtMs, totalWhenSent, nextOrder } = request;
    this.#newestOrder = sendOrder;
    this.#newestTotal = totalWhenSent;
    this.#newestRemaining = remaining;
    const allowance = { ceiling: remaining + totalWhenSent, atMs: sentAtMs, sendOrder };
    const current = this.#current;
    if (isNewStart) this.#lowestRemaining = remaining;
    if (current !== undefined && !isNewStart && sendOrder < this.#roundEndsWith) {
      this.#roundEndsWith = Math.min(this.#roundEndsWith, nextOrder);
      if (allowance.ceiling < ceilingAt(current, sentAtMs, perMs)) this.#current = allowance;
      return;
    }
    this.#before = isNewStart ? undefined : current;
    this.#current = allowance;
    this.#roundEndsWith = nextOrder;
  }

  /** Everything is there again but what was sent since the newest report. */
  refill(limit: number, nowMs: number): void {
    this.#newestRemaining = limit;
    this.#current = { ceiling: this.#newestTotal + limit, atMs: nowMs, sendOrder: this.#newestOrder };
    this.#before = undefined;
    this.#roundEndsWith = Number.POSITIVE_INFINITY;
  }

  /** The total is about to grow: what is full does not become fuller meanwhile. `perMs` as for {@link report}. */
  using(limit: number, perMs: number, nowMs: number): void {
    const full = limit + this.#own.total;
    this.#current = atMost(this.#current, full, perMs, nowMs);
    this.#before = atMost(this.#before, full, perMs, nowMs);
  }

  /** `amount` was taken off the total: reports on this or later requests know that already. */
  returned(amount: number, sendOrder: number): void {
    if (this.#newestOrder >= sendOrder) this.#newestTotal -= amount;
    this.#current = withoutReturned(this.#current, amount, sendOrder);
    this.#before = withoutReturned(this.#before, amount, sendOrder);
  }

  /** How much is lacking for the amount if nothing has come back since the reports; negative if there is more. */
  lacking(amount: number): number {
    return (
      this.#own.total +
      this.#own.reserved +
      amount -
      Math.min(ceilingOf(this.#current), ceilingOf(this.#before))
    );
  }

  /** When the amount is there, if `perMs` comes back in a millisecond. */
  refilledAtMs(amount: number, perMs: number, nowMs: number): number {
    const needed = this.#own.total + this.#own.reserved + amount;
    return Math.max(
      reachedAtMs(this.#current, needed, perMs),
      reachedAtMs(this.#before, needed, perMs),
      nowMs,
    );
  }
}

function ceilingOf(allowance: Allowance | undefined): number {
  return allowance?.ceiling ?? Number.POSITIVE_INFINITY;
}

function ceilingAt({ ceiling, atMs }: Allowance, nowMs: number, perMs: number): number {
  return ceiling + Math.max(0, nowMs - atMs) * perMs;
}

function reachedAtMs(allowance: Allowance | undefined, needed: number, perMs: number): number {
  if (allowance === undefined || needed <= allowance.ceiling) return Number.NEGATIVE_INFINITY;
  return allowance.atMs + (needed - allowance.ceiling) / perMs;
}

function atMost(
  allowance: Allowance | undefined,
  full: number,
  perMs: number,
  nowMs: number,
): Allowance | undefined {
  if (allowance === undefined || ceilingAt(allowance, nowMs, perMs) <= full) return allowance;
  return { ...allowance, ceiling: full, atMs: nowMs };
}

function withoutReturned(
  allowance: Allowance | undefined,
  amount: number,
  sendOrder: number,
): Allowance | undefined {
  if (allowance === undefined || allowance.sendOrder < sendOrder) return allowance;
  return { ...allowance, ceiling: allowance.ceiling - amount };
}

import type { RateLimitWindow } from '../../contracts/rate-limits.js';
import { LearnedLimit } from './learned-limit.js';
import { OwnUse } from './own-use.js';
import type { ReportedRequest } from './reported-request.js';
import type { SlidingWindow } from './sliding-window.js';
import type { WindowMargin } from './window-margin.js';

/**
 * One limited quantity of a lane (requests, or a kind of tokens): what this process used and reserved, and the two
 * limits on it. The configured one applies to any 60 seconds, the reported one as the provider's reports show.
 */
export class QuantityUsage {
  readonly #configured: number | undefined;
  readonly #learned: LearnedLimit;
  readonly #margin: WindowMargin;
  readonly #own: OwnUse;

  /**
   * @param configured The limit from the options; `undefined` for none.
   * @param isExact Whether what is used is known exactly, not estimated.
   */
  constructor(margin: WindowMargin, configured: number | undefined, isExact: boolean) {
    this.#configured = configured;
    this.#margin = margin;
    this.#own = new OwnUse(margin.spanMs);
    this.#learned = new LearnedLimit(this.#own, margin, isExact);
  }

  /** The margin has changed. */
  applyMargin(): void {
    // Entries are kept for as long as either limit needs them.
    const configuredMs = this.#configured === undefined ? 0 : this.#margin.spanMs;
    this.#own.log.spanMs = Math.max(configuredMs, this.#learned.spanMs);
  }

  /** The configured or the reported limit, whichever is lower; `undefined` if there is neither. */
  get limit(): number | undefined {
    const learned = this.#learned.limit;
    if (this.#configured === undefined) return learned;
    return learned === undefined ? this.#configured : Math.min(this.#configured, learned);
  }

  /** Used in the window by this process, reservations included. */
  usedAt(nowMs: number): number {
    return this.#usedInWindow(nowMs) + this.#own.reserved;
  }

  /** Used by other clients according to the provider, while the report is recent enough. */
  usedByOthersAt(nowMs: number): number {
    return this.#learned.usedByOthersAt(nowMs);
  }

  /** Used in the window, reservations excluded. */
  usedInWindowAt(nowMs: number): number {
    return this.#log.usedAt(nowMs, this.#learned.spanMs);
  }

  /** What no sliding window of the provider's can have lost yet. */
  leastUsedAt(nowMs: number): number {
    return this.#learned.leastUsedAt(nowMs);
  }

  /** All that was ever used by requests that were written to their connections. */
  get totalSent(): number {
    return this.#own.total - this.#own.unsent;
  }

  /** Reserves an amount that enters the window later. */
  reserve(amount: number, nowMs: number): void {
    this.#learned.reserving(amount, nowMs);
    this.#own.reserved += amount;
  }

  /** An amount that has entered is about to be written to a connection, or known to have been. */
  leave(amount: number): void {
    this.#own.unsent -= amount;
  }

  /** Ends a reservation of a request that is being sent: it enters the window now. Returns the number of its entry. */
  send(amount: number, nowMs: number): number {
    this.#own.unsent += amount;
    return this.enter(amount, amount, nowMs);
  }

  /** Ends a reservation: `used` enters the window now. Returns the number of the entry. */
  enter(reserved: number, used: number, nowMs: number): number {
    this.#learned.using(nowMs);
    this.#own.reserved -= reserved;
    this.#own.total += used;
    return this.#log.add(used, nowMs);
  }

  /** Makes an entry count from now on; returns its new number. */
  move(entry: number, amount: number, nowMs: number): number {
    this.#log.takeBack(entry, amount, nowMs);
    return this.#log.add(amount, nowMs);
  }

  /** Replaces the reserved amount of a request's entry with the amount used; any excess counts from now on. */
  correct(entry: number, reserved: number, used: number, sendOrder: number, nowMs: number): void {
    if (used < reserved) {
      this.returned(reserved - used, sendOrder);
      this.#log.takeBack(entry, reserved - used, nowMs);
    } else if (used > reserved) {
      this.#own.total += used - reserved;
      this.#log.add(used - reserved, nowMs);
    }
  }

  /** The provider did not count what a request took. It stays in the window, as for some providers it does count. */
  returned(amount: number, sendOrder: number): void {
    this.#own.total -= amount;
    this.#learned.returned(amount, sendOrder);
  }

  /** A request that used `amount` was answered, and its response had reported `remaining`. `isLast` if no response is outstanding. */
  answered(amount: number, remaining: number, isLast: boolean, nowMs: number): void {
    this.#learned.answered(amount, remaining, isLast, nowMs);
  }

  /** The provider rejected a request for `amount`, because less was left. */
  rejected(amount: number, sendOrder: number, nextOrder: number): void {
    this.#learned.rejected(amount, sendOrder, nextOrder);
  }

  /**
   * The earliest time at which `amount` more fits, assuming nothing else happens until then: now, later, or infinite
   * if only a request in flight can tell or make room.
   *
   * @param mayProbe Whether no response is outstanding.
   */
  fitsAtMs(amount: number, mayProbe: boolean, nowMs: number): number {
    const learnedMs = this.#learned.fitsAtMs(amount, mayProbe, nowMs);
    if (this.#configured === undefined) return learnedMs;
    const lacking = this.#usedInSpan(nowMs) + this.#own.reserved + amount - this.#configured;
    return Math.max(learnedMs, this.#log.leftByMs(lacking, nowMs, this.#margin.spanMs));
  }

  /** The earliest time at which `amount` more may fit behind `ahead` that is already waiting. */
  estimateMs(ahead: number, amount: number, nowMs: number): number {
    const learnedMs = this.#learned.estimateMs(ahead, amount, nowMs);
    const limit = this.#configured;
    if (limit === undefined) return learnedMs;
    const lacking = this.#usedInSpan(nowMs) + this.#own.reserved + ahead + amount - limit;
    if (lacking <= 0) return learnedMs;
    // The room needed becomes free in the order in which it was taken, and after that once per span.
    const { spanMs } = this.#margin;
    const spans = Math.ceil(lacking / limit) - 1;
    const leftMs = this.#log.leftByMs(lacking - spans * limit, nowMs, spanMs);
    return Math.max(learnedMs, Math.min(leftMs, nowMs + spanMs) + spans * spanMs);
  }

  /** Learns from a response. */
  learn(report: RateLimitWindow, request: ReportedRequest, nowMs: number): void {
    this.#learned.learn(report, request, nowMs);
    this.applyMargin();
  }

  get #log(): SlidingWindow {
    return this.#own.log;
  }

  #usedInWindow(nowMs: number): number {
    const isLearned = this.#learned.limit !== undefined;
    return isLearned ? this.usedInWindowAt(nowMs) : this.#usedInSpan(nowMs);
  }

  #usedInSpan(nowMs: number): number {
    return this.#log.usedAt(nowMs, this.#margin.spanMs);
  }
}

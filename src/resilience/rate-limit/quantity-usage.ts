import type { RateLimitWindow } from '../../contracts/rate-limits.js';
import { SlidingWindow } from './sliding-window.js';

/** How many windows a report about other clients' use is trusted for if no newer one arrives. */
const REPORT_SPANS = 10;

/**
 * One limited quantity of a lane (requests, or a kind of tokens): what this process used in the window, what is
 * reserved for requests in flight, and what other clients used according to the provider.
 */
export class QuantityUsage {
  readonly #configured: number | undefined;
  #learned: number | undefined = undefined;
  readonly #window: SlidingWindow;
  #reserved = 0;
  #usedByOthers = 0;
  #othersUntilMs = 0;
  #lastReportOrder = -1;

  /** @param configured The limit from the options; `undefined` for none. */
  constructor(spanMs: number, configured: number | undefined) {
    this.#window = new SlidingWindow(spanMs);
    this.#configured = configured;
  }

  /** How long an entry counts, in milliseconds. */
  set spanMs(spanMs: number) {
    this.#window.spanMs = spanMs;
  }

  /** The configured or the reported limit, whichever is lower; `undefined` if there is neither. */
  get limit(): number | undefined {
    if (this.#configured === undefined) return this.#learned;
    return this.#learned === undefined ? this.#configured : Math.min(this.#configured, this.#learned);
  }

  /** Used in the window by this process, reservations included. */
  usedAt(nowMs: number): number {
    return this.#window.usedAt(nowMs) + this.#reserved;
  }

  /** Used by other clients according to the provider, while the report is recent enough. */
  usedByOthersAt(nowMs: number): number {
    return nowMs < this.#othersUntilMs ? this.#usedByOthers : 0;
  }

  /** Used in the window, reservations excluded, as of the last change to the window. */
  get usedInWindow(): number {
    return this.#window.used;
  }

  /** Reserves an amount that enters the window later. */
  reserve(amount: number): void {
    this.#reserved += amount;
  }

  /** Ends a reservation: `used` enters the window now. Returns the number of the entry. */
  enter(reserved: number, used: number, nowMs: number): number {
    this.#reserved -= reserved;
    return this.#window.add(used, nowMs);
  }

  /** Makes an entry count from now on; returns its new number. */
  move(entry: number, amount: number, nowMs: number): number {
    this.#window.takeBack(entry, amount, nowMs);
    return this.#window.add(amount, nowMs);
  }

  /** Replaces the reserved amount of an entry with the amount used; any excess counts from now on. */
  correct(entry: number, reserved: number, used: number, nowMs: number): void {
    if (used < reserved) this.#window.takeBack(entry, reserved - used, nowMs);
    else if (used > reserved) this.#window.add(used - reserved, nowMs);
  }

  /**
   * The earliest time at which `amount` more fits, assuming nothing else happens until then: now, later, or infinite
   * if only the end of a request in flight can make room.
   */
  fitsAtMs(amount: number, nowMs: number): number {
    const configured = this.#configured;
    const learned = this.#learned;
    if (configured === undefined && learned === undefined) return nowMs;
    const used = this.usedAt(nowMs) + amount;
    const own = configured === undefined ? nowMs : this.#window.leftByMs(used - configured, nowMs);
    if (learned === undefined) return own;
    const withOthers = this.#window.leftByMs(used + this.usedByOthersAt(nowMs) - learned, nowMs);
    const withoutOthers = Math.max(this.#othersUntilMs, this.#window.leftByMs(used - learned, nowMs));
    return Math.max(own, Math.min(withOthers, withoutOthers));
  }

  /**
   * The earliest time at which `amount` more will fit behind `ahead` that is already waiting: the room needed becomes
   * free in the order in which it was taken, and after that once per span.
   */
  estimateMs(ahead: number, amount: number, nowMs: number): number {
    const { limit } = this;
    if (limit === undefined) return nowMs;
    const lacking = this.usedAt(nowMs) + this.usedByOthersAt(nowMs) + ahead + amount - limit;
    if (lacking <= 0) return nowMs;
    const spans = Math.ceil(lacking / limit) - 1;
    const leftMs = this.#window.leftByMs(lacking - spans * limit, nowMs);
    return Math.min(leftMs, nowMs + this.#window.spanMs) + spans * this.#window.spanMs;
  }

  /**
   * Learns from a response. `sendOrder` and `usedWhenSent` belong to the request that was answered: whatever the
   * provider counted beyond them was used by other clients. A report on an older request than the last one is
   * ignored, so responses may arrive in any order.
   */
  learn(report: RateLimitWindow, sendOrder: number, usedWhenSent: number, nowMs: number): void {
    if (sendOrder < this.#lastReportOrder) return;
    this.#lastReportOrder = sendOrder;
    if (report.limit !== undefined && report.limit > 0) this.#learned = report.limit;
    const limit = this.#learned ?? this.#configured;
    if (report.remaining === undefined || limit === undefined) return;
    this.#usedByOthers = Math.max(0, limit - report.remaining - usedWhenSent);
    const untilMs = Math.min(report.resetMs ?? this.#window.spanMs, REPORT_SPANS * this.#window.spanMs);
    this.#othersUntilMs = this.#usedByOthers > 0 ? nowMs + untilMs : nowMs;
  }
}

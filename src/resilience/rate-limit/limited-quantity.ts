import { RateLimitWindow } from './sliding-window.js';

/** What a provider says about one of its limits. */
export interface LimitReport {
  /** How much it allows a window. */
  readonly limit?: number | undefined;
  /** How much of it is left. */
  readonly remaining?: number | undefined;
  /** How long until all of it is there again, in milliseconds from the moment of the report. */
  readonly resetMs?: number | undefined;
}

/** How many windows a report about others' use is believed when nothing newer comes. */
const REPORT_SPANS = 10;

/**
 * One limited quantity of a lane (requests, or a kind of tokens): what this process used in the window, what is
 * promised to calls under way, and what the provider says others used.
 */
export class RateLimitDimension {
  /** The limit from the options; `undefined` for none. */
  configured: number | undefined;
  /** The limit that the provider reported. */
  learned: number | undefined = undefined;
  readonly #window: RateLimitWindow;
  #pending = 0;
  #othersUsed = 0;
  #othersUntilMs = 0;
  #lastReport = -1;

  constructor(spanMs: number, configured: number | undefined) {
    this.#window = new RateLimitWindow(spanMs);
    this.configured = configured;
  }

  /** How long what was used counts, in milliseconds. */
  set spanMs(spanMs: number) {
    this.#window.spanMs = spanMs;
  }

  /** The lower of the limits that are known. */
  get limit(): number | undefined {
    if (this.configured === undefined) return this.learned;
    return this.learned === undefined ? this.configured : Math.min(this.configured, this.learned);
  }

  /** Used in the window by this process, promises included. */
  usedAt(nowMs: number): number {
    return this.#window.usedAt(nowMs) + this.#pending;
  }

  /** What the provider says others used, as long as that is news. */
  othersAt(nowMs: number): number {
    return nowMs < this.#othersUntilMs ? this.#othersUsed : 0;
  }

  /** Used in the window by what was sent, when an entry was made last. */
  get entered(): number {
    return this.#window.used;
  }

  /** Promises an amount that enters the window later. */
  promise(amount: number): void {
    this.#pending += amount;
  }

  /** Ends a promise: `used` enters the window now. Gives the entry's number. */
  keep(promised: number, used: number, nowMs: number): number {
    this.#pending -= promised;
    return this.#window.add(used, nowMs);
  }

  /** Has an entry count from now on; gives its new number. */
  move(entry: number, amount: number, nowMs: number): number {
    this.#window.takeBack(entry, amount, nowMs);
    return this.#window.add(amount, nowMs);
  }

  /** Replaces what an entry reserved with what was used; what exceeds the reservation counts from now. */
  correct(entry: number, reserved: number, used: number, nowMs: number): void {
    if (used < reserved) this.#window.takeBack(entry, reserved - used, nowMs);
    else if (used > reserved) this.#window.add(used - reserved, nowMs);
  }

  /**
   * The earliest instant at which `amount` more fits, if nothing else happens until then: now, later, or infinite
   * where only the end of a call under way can make room.
   */
  fitsAtMs(amount: number, nowMs: number): number {
    const { configured, learned } = this;
    if (configured === undefined && learned === undefined) return nowMs;
    const used = this.usedAt(nowMs) + amount;
    const own = configured === undefined ? nowMs : this.#window.leftByMs(used - configured, nowMs);
    if (learned === undefined) return own;
    const withOthers = this.#window.leftByMs(used + this.othersAt(nowMs) - learned, nowMs);
    const withoutOthers = Math.max(this.#othersUntilMs, this.#window.leftByMs(used - learned, nowMs));
    return Math.max(own, Math.min(withOthers, withoutOthers));
  }

  /**
   * When `amount` more will have fitted behind `ahead` that waits already, at the earliest: what the window still
   * lacks leaves it in the order in which it came, and from then on once a span.
   */
  estimateMs(ahead: number, amount: number, nowMs: number): number {
    const { limit } = this;
    if (limit === undefined) return nowMs;
    const lacking = this.usedAt(nowMs) + this.othersAt(nowMs) + ahead + amount - limit;
    if (lacking <= 0) return nowMs;
    const spans = Math.ceil(lacking / limit) - 1;
    const leftMs = this.#window.leftByMs(lacking - spans * limit, nowMs);
    return Math.min(leftMs, nowMs + this.#window.spanMs) + spans * this.#window.spanMs;
  }

  /**
   * Learns from an answer. `sentOrder` and `usedWhenSent` are those of the call that was answered: what the
   * provider counted beyond them was used by others. A report about an older call than the last one is ignored, so
   * answers that overtake each other do no harm.
   */
  learn(report: LimitReport, sentOrder: number, usedWhenSent: number, nowMs: number): void {
    if (sentOrder < this.#lastReport) return;
    this.#lastReport = sentOrder;
    if (report.limit !== undefined && report.limit > 0) this.learned = report.limit;
    const limit = this.learned ?? this.configured;
    if (report.remaining === undefined || limit === undefined) return;
    this.#othersUsed = Math.max(0, limit - report.remaining - usedWhenSent);
    const untilMs = Math.min(report.resetMs ?? this.#window.spanMs, REPORT_SPANS * this.#window.spanMs);
    this.#othersUntilMs = this.#othersUsed > 0 ? nowMs + untilMs : nowMs;
  }
}

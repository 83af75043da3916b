/** Used amounts are whole numbers in reports, so that each may be off by one. */
const ROUNDING = 1;
/** By how much more each restart distrusts the reports: the first time in milliseconds, then as a factor. */
const FIRST_DOUBT_MS = 10;
const MORE_DOUBT = 4;
/** A sliding window counts as known once its longest possible length is at most this many times its shortest. */
const KNOWN_WITHIN = 2;
/** Lengths that windows usually have, in milliseconds. */
const USUAL_LENGTHS_MS = [1_000, 10_000, 60_000, 3_600_000, 86_400_000] as const;

/** What one response says about a limit, and when. Times in milliseconds of the clock's `now()`. */
export interface ShapeReport {
  readonly limit: number;
  readonly remaining: number;
  /** Time until the whole amount is there again, as reported. */
  readonly resetMs: number;
  /** How far off `resetMs` may be, because of how it was written. */
  readonly toleranceMs: number;
  /** When the request was sent. The provider wrote the report between then and `heardAtMs`. */
  readonly sentAtMs: number;
  readonly heardAtMs: number;
}

/** A number of which only bounds are known. */
class Bounds {
  lowest = 0;
  highest = Number.POSITIVE_INFINITY;
  /** No number is within all the bounds that were observed. */
  isRefuted = false;

  narrow(lowest: number, highest: number): void {
    this.lowest = Math.max(this.lowest, lowest);
    this.highest = Math.min(this.highest, highest);
    if (this.lowest > this.highest) this.isRefuted = true;
  }

  replace(lowest: number, highest: number): void {
    this.lowest = lowest;
    this.highest = highest;
  }

  restart(): void {
    this.replace(0, Number.POSITIVE_INFINITY);
    this.isRefuted = false;
  }
}

/**
 * Finds out what kind of limit a provider has, from what its responses say about it. There are three kinds, each with
 * one number to find:
 *
 * - a bucket refills all the time: the time until it is full is in proportion to what was taken, so each report gives
 *   the time that an empty one takes to refill;
 * - a fixed window is full again at once when it ends: its reports all give the same instant;
 * - a sliding window gives back what it took after its length: an accepted request is the youngest in it, so its
 *   report gives the length.
 *
 * Every report narrows the bounds of each number; a kind is refuted when no number is left. Reports are inexact: they
 * are rounded, and written at an unknown moment of the request. If all kinds are refuted, the reports were less exact
 * than assumed, and all starts from the beginning with wider bounds.
 */
export class LimitShape {
  readonly #refillMs = new Bounds();
  readonly #windowEndMs = new Bounds();
  readonly #slidingMs = new Bounds();
  #nominalEndMs = Number.POSITIVE_INFINITY;
  #longestResetMs = 0;
  #doubtMs = 0;
  #hasReports = false;

  /** Whether any report said when everything will be there again. */
  get hasReports(): boolean {
    return this.#hasReports;
  }

  /** Whether it may be a bucket, and how fast that refills is known at least roughly. */
  get isBucket(): boolean {
    return !this.#refillMs.isRefuted && this.#refillMs.highest < Number.POSITIVE_INFINITY;
  }

  /** Whether it may be a fixed window. */
  get isFixedWindow(): boolean {
    return this.#hasReports && !this.#windowEndMs.isRefuted;
  }

  /** Whether it may be a sliding window of about known length. Without any reports of resets it is assumed to be one. */
  get isSlidingWindow(): boolean {
    const { isRefuted, lowest, highest } = this.#slidingMs;
    return !isRefuted && (!this.#hasReports || highest <= KNOWN_WITHIN * lowest);
  }

  /** Whether it can only be a fixed window. */
  get isCertainlyFixed(): boolean {
    return this.isFixedWindow && !this.isBucket && !this.isSlidingWindow;
  }

  /** Whether it can be of one kind only, and if that is a bucket, it is known about how fast it refills. */
  get isCertain(): boolean {
    const { lowest, highest } = this.#refillMs;
    if (this.isBucket)
      return !this.isFixedWindow && !this.isSlidingWindow && highest <= KNOWN_WITHIN * lowest;
    return this.#hasReports && this.isFixedWindow !== this.isSlidingWindow;
  }

  /** The longest time that an empty bucket may take to refill, in milliseconds. */
  get longestRefillMs(): number {
    return this.#refillMs.highest;
  }

  /** The shortest time that an empty bucket may take to refill, in milliseconds. */
  get shortestRefillMs(): number {
    return this.#refillMs.lowest;
  }

  /** The shortest length that a sliding window may have, in milliseconds; `undefined` without any reports of resets. */
  get shortestSlidingMs(): number | undefined {
    return this.#hasReports ? this.#slidingMs.lowest : undefined;
  }

  /** Whether it is known, to half its length at least, when the fixed window ends. */
  get isEndKnown(): boolean {
    const { lowest, highest } = this.#windowEndMs;
    return this.isFixedWindow && KNOWN_WITHIN * (highest - lowest) <= this.lengthMs;
  }

  /** When the fixed window ends at the latest; infinite if that is not known. */
  get windowEndsByMs(): number {
    return this.#windowEndMs.highest;
  }

  /** When the fixed window ends according to its reports. */
  get windowEndsAtMs(): number {
    return this.#nominalEndMs;
  }

  /** The length of the window as far as it is known, in milliseconds; 0 if no report tells. */
  get lengthMs(): number {
    const { windowMs } = this;
    return windowMs === undefined ? 0 : windowMs;
  }

  /** The length of the window, fixed or sliding, in milliseconds; `undefined` if no report of a reset tells. */
  get windowMs(): number | undefined {
    const longestMs = this.#longestResetMs;
    if (longestMs === 0) return undefined;
    const { highest } = this.#slidingMs;
    const usualMs = USUAL_LENGTHS_MS.find((lengthMs) => lengthMs >= longestMs && lengthMs <= highest);
    // What is left of a window when its report arrives is a little less than its length.
    return usualMs ?? (this.isSlidingWindow ? Math.max(longestMs, highest) : longestMs);
  }

  /** Learns from one report. Returns whether it is the first of a new fixed window. */
  observe(report: ShapeReport): boolean {
    const isNewWindow = this.#narrow(report);
    if (!this.#isImpossible) return isNewWindow && this.isFixedWindow;
    this.#doubtMs = Math.max(FIRST_DOUBT_MS, this.#doubtMs * MORE_DOUBT);
    this.restart();
    this.#narrow(report);
    return false;
  }

  /** Forgets everything: it is another limit now. */
  restart(): void {
    for (const bounds of [this.#refillMs, this.#windowEndMs, this.#slidingMs]) bounds.restart();
    this.#nominalEndMs = Number.POSITIVE_INFINITY;
    this.#longestResetMs = 0;
    this.#hasReports = false;
  }

  /** The window has ended, and no report tells when the next one will. */
  endWindow(nowMs: number): void {
    this.#windowEndMs.replace(nowMs, Number.POSITIVE_INFINITY);
    this.#nominalEndMs = Number.POSITIVE_INFINITY;
  }

  /** The provider counts less than was sent within the length of the window. */
  refuteSliding(): void {
    this.#slidingMs.isRefuted = true;
  }

  get #isImpossible(): boolean {
    return this.#refillMs.isRefuted && this.#windowEndMs.isRefuted && this.#slidingMs.isRefuted;
  }

  #narrow(report: ShapeReport): boolean {
    const { limit, remaining, resetMs, sentAtMs, heardAtMs } = report;
    const doubtMs = report.toleranceMs + this.#doubtMs;
    const shortestMs = Math.max(0, resetMs - doubtMs);
    // A reset written as an instant has shrunk since it was written by the time it is heard.
    const longestMs = resetMs + doubtMs + heardAtMs - sentAtMs;
    this.#hasReports = true;
    this.#longestResetMs = Math.max(this.#longestResetMs, resetMs);
    const used = limit - remaining;
    const longestRefillMs =
      used > ROUNDING ? (longestMs * limit) / (used - ROUNDING) : Number.POSITIVE_INFINITY;
    this.#refillMs.narrow((shortestMs * limit) / (used + ROUNDING), longestRefillMs);
    // A rejected request is not the youngest in a sliding window.
    this.#slidingMs.narrow(shortestMs, remaining > 0 ? longestMs : Number.POSITIVE_INFINITY);
    return this.#narrowEnd(sentAtMs + shortestMs, heardAtMs + resetMs + doubtMs, report);
  }

  #narrowEnd(lowest: number, highest: number, { resetMs, heardAtMs }: ShapeReport): boolean {
    const end = this.#windowEndMs;
    const isBetween = end.highest === Number.POSITIVE_INFINITY;
    // A late report on the window that has ended already.
    if (isBetween && highest <= end.lowest) return false;
    const isNewWindow = lowest > end.highest && heardAtMs >= end.lowest;
    if (isNewWindow || isBetween) {
      end.replace(lowest, highest);
      this.#nominalEndMs = Number.POSITIVE_INFINITY;
    } else {
      end.narrow(lowest, highest);
    }
    this.#nominalEndMs = Math.min(this.#nominalEndMs, heardAtMs + resetMs);
    return isNewWindow;
  }
}

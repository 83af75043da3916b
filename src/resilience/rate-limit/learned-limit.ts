import type { RateLimitWindow } from '../../contracts/rate-limits.js';
import { Allowances } from './allowances.js';
import { Caution } from './caution.js';
import { Enforcement } from './enforcement.js';
import { LimitShape } from './limit-shape.js';
import type { OwnUse } from './own-use.js';
import type { ReportedRequest } from './reported-request.js';
import type { WindowMargin } from './window-margin.js';

/** How many windows a report about other clients' use is trusted for if no newer one arrives. */
const REPORT_SPANS = 10;
/** Reports without a reset do not tell when to ask again: this long after the last, in milliseconds. */
const FIRST_PROBE_MS = 1_000;
/** By what share of the limit, and by how many requests besides, a sliding window's count may differ from ours. */
const COUNT_SHARE = 0.05;
const COUNT_SLACK = 2;
/** A process that is rejected after it used less than this share of a window is not alone. */
const ALONE_SHARE = 0.95;

/**
 * A limit that responses report, and what is left of it at any time: what was left by the newest reports, plus what
 * has come back since, minus what this process has sent since. When how much comes back depends on the kind of limit.
 * As long as several kinds are possible, the one that allows the least counts; when another says that something should
 * have come back and no response is outstanding, a single request goes and finds out.
 */
export class LearnedLimit {
  readonly #own: OwnUse;
  readonly #margin: WindowMargin;
  readonly #isExact: boolean;
  readonly #shape = new LimitShape();
  readonly #caution = new Caution();
  readonly #enforcement = new Enforcement();
  readonly #allowances: Allowances;
  #limit: number | undefined = undefined;
  #reportedLimit: number | undefined = undefined;
  #namedWindowMs: number | undefined = undefined;
  #lastOrder = -1;
  #lastHeardMs = 0;
  #totalAtWindowStart = 0;
  #countsOwn: boolean;
  #usedByOthers = 0;
  #othersUntilMs = 0;
  #probedAfterMs: number | undefined = undefined;

  /** @param isExact Whether what is used is known exactly, not estimated, so that it can be compared with reports. */
  constructor(own: OwnUse, margin: WindowMargin, isExact: boolean) {
    this.#own = own;
    this.#margin = margin;
    this.#isExact = isExact;
    this.#countsOwn = isExact;
    this.#allowances = new Allowances(own);
  }

  /** The reported limit; `undefined` before any report. */
  get limit(): number | undefined {
    return this.#limit;
  }

  /** How long an entry of the log may count, in milliseconds. */
  get spanMs(): number {
    return this.#margin.spanOf(this.#shape.windowMs ?? this.#namedWindowMs ?? this.#margin.windowMs);
  }

  /** Used by other clients according to the provider, while the report is recent enough. */
  usedByOthersAt(nowMs: number): number {
    return nowMs < this.#othersUntilMs ? this.#usedByOthers : 0;
  }

  /** What the log contains that no sliding window can have lost yet. */
  leastUsedAt(nowMs: number): number {
    const shortestMs = this.#shape.shortestSlidingMs ?? this.#namedWindowMs ?? this.#margin.windowMs;
    return this.#own.log.usedAt(nowMs, shortestMs * (1 - COUNT_SHARE));
  }

  /**
   * Learns from a response. Whatever the provider counted beyond the request and those before it was used by other
   * clients. A report on an older request than the last one is ignored, so responses may arrive in any order.
   */
  learn(report: RateLimitWindow, request: ReportedRequest, nowMs: number): void {
    const isNewest = request.sendOrder >= this.#lastOrder;
    if (isNewest) this.#learnNewest(report, request, nowMs);
    if (this.#limit === undefined || report.remaining === undefined) return;
    this.#allowances.heard(Math.min(this.#limit, report.remaining));
    if (request.isLast && !this.#shape.isBucket) this.#allowances.allHeard(nowMs);
    if (isNewest) this.#judgeProbe(report.remaining);
  }

  #learnNewest(report: RateLimitWindow, request: ReportedRequest, nowMs: number): void {
    this.#lastOrder = request.sendOrder;
    if (report.limit !== undefined && report.limit > 0) this.#setLimit(report.limit, report.remaining);
    const limit = this.#limit;
    if (limit === undefined) return;
    this.#namedWindowMs = report.windowMs ?? this.#namedWindowMs;
    if (report.remaining === undefined) return;
    if (!this.#allowances.isKnown) this.#caution.startAt(request.nextOrder);
    const remaining = Math.min(limit, report.remaining);
    const isNewWindow = this.#learnShape(limit, remaining, report, request, nowMs);
    if (isNewWindow) this.#totalAtWindowStart = request.totalWhenSent;
    this.#allowances.report(remaining, request, isNewWindow, this.#leastPerMs(limit));
    this.#countOthers(limit - remaining - request.usedWhenSent, report.resetMs, nowMs);
    this.#lastHeardMs = nowMs;
    if (remaining > 0) this.#enforcement.foundSome();
  }

  /**
   * The earliest time at which `amount` more fits, assuming nothing else happens until then: now, later, or infinite
   * if only a response can tell.
   *
   * @param mayProbe Whether no response is outstanding.
   */
  fitsAtMs(amount: number, mayProbe: boolean, nowMs: number): number {
    const limit = this.#limit;
    if (limit === undefined || !this.#enforcement.isEnforced) return nowMs;
    const certainMs = this.#certainlyFitsAtMs(amount, limit, nowMs);
    if (certainMs <= nowMs || !mayProbe) return certainMs;
    return Math.min(certainMs, Math.max(nowMs, this.#probeAtMs(amount, limit, certainMs, nowMs)));
  }

  /** The earliest time at which `amount` more may fit behind `ahead` that is already waiting. */
  estimateMs(ahead: number, amount: number, nowMs: number): number {
    const limit = this.#limit;
    if (limit === undefined || !this.#enforcement.isEnforced) return nowMs;
    const { isBucket, isFixedWindow, isSlidingWindow } = this.#shape;
    const needed = ahead + amount;
    return Math.max(
      isBucket ? this.#allowances.refilledAtMs(needed, this.#mostPerMs(limit), nowMs) : nowMs,
      isFixedWindow ? this.#inWindowAtMs(needed, limit, nowMs) : nowMs,
      isSlidingWindow ? this.#leftWindowByMs(needed, limit, nowMs) : nowMs,
    );
  }

  /** `amount` is being reserved. */
  reserving(amount: number, nowMs: number): void {
    const limit = this.#limit;
    if (limit === undefined || !this.#enforcement.isEnforced) return;
    const isProbe = this.#certainlyFitsAtMs(amount, limit, nowMs) > nowMs;
    this.#probedAfterMs = isProbe ? nowMs - this.#lastHeardMs : undefined;
  }

  /** Something is about to be added to the total. */
  using(nowMs: number): void {
    if (this.#limit !== undefined) this.#allowances.using(this.#limit, this.#leastPerMs(this.#limit), nowMs);
  }

  /** Part of what a request took was taken off the total. */
  returned(amount: number, sendOrder: number): void {
    this.#allowances.returned(amount, sendOrder);
  }

  /** A request that used `amount` was answered, and its response had reported `remaining`. `isLast` if no response is outstanding. */
  answered(amount: number, remaining: number, isLast: boolean, nowMs: number): void {
    const limit = this.#limit;
    if (limit === undefined) return;
    this.#caution.answered();
    if (isLast && this.#isExact) this.#compareCounts(limit, nowMs);
    if (remaining > 0) return;
    const expired = this.#own.total - this.#usedAt(nowMs);
    this.#enforcement.answeredWhenEmpty(amount, this.#mostPerMs(limit), expired, nowMs);
  }

  /** All that was sent was answered: if that is more than the limit, the provider counts otherwise than its reports say. */
  #compareCounts(limit: number, nowMs: number): void {
    const most = limit * (1 + COUNT_SHARE);
    if (this.leastUsedAt(nowMs) > most) this.#shape.refuteSliding();
    if (this.#own.total - this.#totalAtWindowStart > most) this.#countsOwn = false;
  }

  /**
   * The provider rejected a request for `amount`, because less was left.
   *
   * @param nextOrder The position of the next request that will be sent.
   */
  rejected(amount: number, sendOrder: number, nextOrder: number): void {
    const limit = this.#limit;
    if (limit === undefined) return;
    this.#enforcement.rejected();
    if (!this.#caution.rejected(amount, sendOrder, nextOrder, this.#leastPerMs(limit))) return;
    const usedInWindow = this.#own.total - this.#totalAtWindowStart;
    if (this.#shape.isCertainlyFixed && usedInWindow < ALONE_SHARE * limit) this.#caution.cutShare();
  }

  #setLimit(reported: number, remaining = 0): void {
    // Where more is left than the limit, that is the rate, and a burst may be larger.
    const known = reported === this.#reportedLimit ? (this.#limit ?? 0) : 0;
    const limit = Math.max(reported, remaining, known);
    this.#reportedLimit = reported;
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#countsOwn = this.#isExact;
    this.#allowances.restart();
    this.#shape.restart();
  }

  /** Returns whether the report is the first of a new fixed window. */
  #learnShape(
    limit: number,
    remaining: number,
    { resetMs, resetToleranceMs: toleranceMs = 1 }: RateLimitWindow,
    { sentAtMs, leastUsedWhenSent, unheardWhenSent }: ReportedRequest,
    nowMs: number,
  ): boolean {
    const slack = COUNT_SLACK + COUNT_SHARE * limit + unheardWhenSent;
    if (this.#isExact && leastUsedWhenSent > limit - remaining + slack) this.#shape.refuteSliding();
    if (resetMs === undefined) return false;
    return this.#shape.observe({ limit, remaining, resetMs, toleranceMs, sentAtMs, heardAtMs: nowMs });
  }

  #countOthers(used: number, resetMs: number | undefined, nowMs: number): void {
    const { spanMs } = this;
    this.#usedByOthers = Math.max(0, used);
    this.#othersUntilMs = nowMs + Math.min(resetMs ?? spanMs, REPORT_SPANS * spanMs);
  }

  /** A probe found something if more is left than was sent meanwhile. */
  #judgeProbe(remaining: number): void {
    const afterMs = this.#probedAfterMs;
    this.#probedAfterMs = undefined;
    const { onItsWay } = this.#allowances;
    if (afterMs !== undefined) this.#caution.probed(remaining - onItsWay + this.#own.reserved >= 1, afterMs);
  }

  /** When the amount fits, whatever kind of limit it is. */
  #certainlyFitsAtMs(amount: number, limit: number, nowMs: number): number {
    this.#endWindow(limit, nowMs);
    const { isBucket, isFixedWindow, isSlidingWindow } = this.#shape;
    const isUnknown = !isBucket && !isFixedWindow && !isSlidingWindow;
    return Math.max(
      isBucket ? this.#refilledAtMs(amount, limit, nowMs) : nowMs,
      isFixedWindow || isUnknown ? this.#leftInWindowAtMs(amount, isFixedWindow, nowMs) : nowMs,
      isSlidingWindow ? this.#fitsInSlidingAtMs(amount, limit, nowMs) : nowMs,
    );
  }

  /** When a single request may find out whether something has come back. */
  #probeAtMs(amount: number, limit: number, certainMs: number, nowMs: number): number {
    const { hasReports, isBucket, isFixedWindow, isCertain, windowEndsAtMs } = this.#shape;
    if (isCertain && !isFixedWindow) return certainMs;
    let dueMs = isFixedWindow ? windowEndsAtMs : Number.POSITIVE_INFINITY;
    if (isBucket) {
      const hoped = Math.max(amount, 1 - this.#allowances.lacking(0));
      dueMs = Math.min(dueMs, this.#allowances.refilledAtMs(hoped, this.#mostPerMs(limit), nowMs));
    }
    const isUnknown = !hasReports || certainMs === Number.POSITIVE_INFINITY;
    if (dueMs === Number.POSITIVE_INFINITY && isUnknown && this.#namedWindowMs === undefined) {
      dueMs = this.#lastHeardMs + FIRST_PROBE_MS;
    }
    return Math.max(dueMs, this.#lastHeardMs) + this.#caution.patienceMs;
  }

  #refilledAtMs(amount: number, limit: number, nowMs: number): number {
    const { reserved } = this.#own;
    // More than a full bucket fits only when what is reserved has been used.
    if (reserved > 0 && reserved + amount > limit) return Number.POSITIVE_INFINITY;
    const kept = Math.max(0, Math.min(this.#caution.keptFree, limit - reserved - amount));
    return this.#allowances.refilledAtMs(amount + kept, this.#leastPerMs(limit), nowMs);
  }

  #leftInWindowAtMs(amount: number, isFixedWindow: boolean, nowMs: number): number {
    if (this.#lackingInWindow(amount) <= 0 && this.#isWithinShare(amount)) return nowMs;
    return isFixedWindow ? Math.max(nowMs, this.#windowEndsByMs) : Number.POSITIVE_INFINITY;
  }

  /** How much is lacking in the current window, which this process alone may not exceed whatever the provider says is left. */
  #lackingInWindow(amount: number): number {
    const lacking = this.#allowances.lacking(amount);
    if (!this.#countsOwn || !this.#shape.isEndKnown) return lacking;
    const { total, reserved } = this.#own;
    return Math.max(lacking, total + reserved + amount - this.#totalAtWindowStart - (this.#limit as number));
  }

  /** Whether no more is on its way than the share of what was left that others leave to this process. */
  #isWithinShare(amount: number): boolean {
    const { share } = this.#caution;
    if (share === 1 || !this.#shape.isCertainlyFixed) return true;
    const { onItsWay, newestRemaining } = this.#allowances;
    return onItsWay + amount <= Math.max(amount, share * newestRemaining);
  }

  /** When the current window has certainly ended. */
  get #windowEndsByMs(): number {
    const { windowEndsByMs, lengthMs } = this.#shape;
    return windowEndsByMs + this.#margin.spanOf(lengthMs) - lengthMs;
  }

  /** Once the window has certainly ended everything is there again, whether or not a report says so. */
  #endWindow(limit: number, nowMs: number): void {
    if (!this.#shape.isFixedWindow || nowMs < this.#windowEndsByMs || !this.#allowances.isKnown) return;
    this.#allowances.refill(limit, nowMs);
    this.#totalAtWindowStart = this.#own.total;
    this.#shape.endWindow(nowMs);
  }

  #inWindowAtMs(amount: number, limit: number, nowMs: number): number {
    const lacking = this.#lackingInWindow(amount);
    const { windowEndsAtMs, lengthMs } = this.#shape;
    if (lacking <= 0 || windowEndsAtMs === Number.POSITIVE_INFINITY) return nowMs;
    return Math.max(nowMs, windowEndsAtMs) + (Math.ceil(lacking / limit) - 1) * lengthMs;
  }

  #usedAt(nowMs: number): number {
    return this.#own.log.usedAt(nowMs, this.spanMs);
  }

  #fitsInSlidingAtMs(amount: number, limit: number, nowMs: number): number {
    const { log, reserved } = this.#own;
    const { spanMs } = this;
    const lacking = log.usedAt(nowMs, spanMs) + reserved + amount - limit;
    const withOthers = log.leftByMs(lacking + this.usedByOthersAt(nowMs), nowMs, spanMs);
    if (withOthers <= nowMs) return nowMs;
    const withoutOthers = Math.max(this.#othersUntilMs, log.leftByMs(lacking, nowMs, spanMs));
    return Math.min(withOthers, withoutOthers);
  }

  /** The room needed becomes free in the order in which it was taken, and after that once per span. */
  #leftWindowByMs(amount: number, limit: number, nowMs: number): number {
    const { log, reserved } = this.#own;
    const { spanMs } = this;
    const lacking = log.usedAt(nowMs, spanMs) + reserved + this.usedByOthersAt(nowMs) + amount - limit;
    if (lacking <= 0) return nowMs;
    const spans = Math.ceil(lacking / limit) - 1;
    const leftMs = log.leftByMs(lacking - spans * limit, nowMs, spanMs);
    return Math.min(leftMs, nowMs + spanMs) + spans * spanMs;
  }

  /** How much comes back in a millisecond, at least and at most; 0 and infinite if that is not known. */
  #leastPerMs(limit: number): number {
    return this.#shape.isBucket ? limit / this.#shape.longestRefillMs : 0;
  }

  #mostPerMs(limit: number): number {
    return this.#shape.isBucket ? limit / this.#shape.shortestRefillMs : 0;
  }
}

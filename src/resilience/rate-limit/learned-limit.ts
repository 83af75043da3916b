import type { RateLimitWindow } from '../../contracts/rate-limits.js';
import { LimitShape } from './limit-shape.js';
import type { OwnUse } from './own-use.js';
import type { WindowMargin } from './window-margin.js';

/** How many windows a report about other clients' use is trusted for if no newer one arrives. */
const REPORT_SPANS = 10;
/** Responses without a reset say nothing about when to ask again: first after this long, in milliseconds. */
const FIRST_PROBE_MS = 1_000;
/** How much later than due a probe is sent after one that found nothing, at least; and what is taken off after others. */
const LEAST_PATIENCE_MS = 20;
const IMPATIENCE = 0.8;
/** Share of the limit by which a sliding window's count may differ from ours, and the amount besides. */
const COUNT_SHARE = 0.05;
const COUNT_SLACK = 2;
/** Requests answered although nothing was left, beyond those that can be explained, before a limit counts as not enforced. */
const UNEXPLAINED_ANSWERS = 2;
/** The most that is kept free in a bucket after rejections: what it refills in this time. */
const MOST_KEPT_FREE_MS = 1_000;
/** Answers after which one less is kept free. */
const ANSWERS_A_STEP = 100;
/** A process that is rejected after less use than this share of the limit is not alone. */
const OWN_LIMIT_SHARE = 0.8;
const LEAST_SHARE = 1 / 16;
const SHARE_GROWTH = 1.1;

/** One request, as the report of its response is compared with what this process knows. */
export interface ReportedRequest {
  /** Its position among all sent requests. */
  readonly sendOrder: number;
  /** When it was sent, in milliseconds of the clock's `now()`. */
  readonly sentAtMs: number;
  /** {@link OwnUse.total} when it was sent, itself included. */
  readonly totalWhenSent: number;
  /** What the window contained when it was sent, itself included. */
  readonly usedWhenSent: number;
  /** Whether the two amounts are known exactly, not estimated. */
  readonly isExact: boolean;
  /** The least that a sliding window contained when it was sent, itself included. */
  readonly leastUsedWhenSent: number;
  /** Requests on their way when it was sent, of which no response had been heard. */
  readonly unheardWhenSent: number;
}

/** What a report allows: `total` may rise to `ceiling`, as of a time. */
interface Allowance {
  readonly ceiling: number;
  readonly atMs: number;
  readonly sendOrder: number;
}

/**
 * A limit that responses report, and what is left of it at any time: what was left by the newest reports, plus what
 * has come back since, minus what this process has sent since. How much comes back when depends on the kind of limit;
 * as long as several kinds are possible, the one that allows the least counts. When one of them says that something
 * should have come back and nothing is on its way, a single request may go and find out.
 */
export class LearnedLimit {
  readonly #own: OwnUse;
  readonly #margin: WindowMargin;
  readonly #shape = new LimitShape();
  #limit: number | undefined = undefined;
  #windowMs: number | undefined = undefined;
  #lastReportOrder = -1;
  #lastReportTotal = 0;
  #lastRemaining = 0;
  #totalAtWindowStart = 0;
  #share = 1;
  #lastHeardMs = 0;
  // Requests overtake each other on their way, so a single report may allow too much: the lowest of one round trip and
  // of the one before count.
  #allowance: Allowance | undefined = undefined;
  #allowanceBefore: Allowance | undefined = undefined;
  #roundEndsWith = 0;
  #usedByOthers = 0;
  #othersUntilMs = 0;
  #isProbing = false;
  #probedAfterMs = 0;
  #patienceMs = 0;
  #keptFree = 0;
  #carefulFrom = 0;
  #answersLeft = ANSWERS_A_STEP;
  #isEnforced = true;
  #hasRejected = false;
  #emptyAnswers = 0;
  #firstEmptyMs = 0;
  #expiredAtFirstEmpty = 0;

  constructor(own: OwnUse, margin: WindowMargin) {
    this.#own = own;
    this.#margin = margin;
  }

  /** The reported limit; `undefined` before any report. */
  get limit(): number | undefined {
    return this.#limit;
  }

  /** How long an entry of the log may count, in milliseconds. */
  get spanMs(): number {
    return this.#margin.spanOf(this.#shape.windowMs || this.#windowMs || this.#margin.windowMs);
  }

  /** What the log contains that no sliding window can have lost yet. */
  leastUsedAt(nowMs: number): number {
    const { shortestSlidingMs } = this.#shape;
    const knownMs = shortestSlidingMs === 0 ? (this.#windowMs ?? this.#margin.windowMs) : shortestSlidingMs;
    return this.#own.log.usedAt(nowMs, knownMs * (1 - COUNT_SHARE));
  }

  /** Used by other clients according to the provider, while the report is recent enough. */
  usedByOthersAt(nowMs: number): number {
    return nowMs < this.#othersUntilMs ? this.#usedByOthers : 0;
  }

  /**
   * Learns from a response. Whatever the provider counted beyond the request and those before it was used by other
   * clients. A report on an older request than the last one is ignored, so responses may arrive in any order.
   *
   * @param nextOrder The position of the next request that will be sent.
   */
  learn(report: RateLimitWindow, request: ReportedRequest, nextOrder: number, nowMs: number): void {
    if (request.sendOrder < this.#lastReportOrder) return;
    this.#lastReportOrder = request.sendOrder;
    if (report.limit !== undefined && report.limit > 0) this.#setLimit(report.limit);
    const limit = this.#limit;
    if (limit === undefined) return;
    this.#windowMs = report.windowMs ?? this.#windowMs;
    if (report.remaining === undefined) return;
    const remaining = Math.min(limit, report.remaining);
    this.#lastReportTotal = request.totalWhenSent;
    this.#lastRemaining = remaining;
    if (this.#allowance === undefined) this.#carefulFrom = nextOrder;
    this.#lastHeardMs = nowMs;
    const isNewWindow = this.#observe(limit, remaining, report, request, nowMs);
    this.#allow(remaining, request, isNewWindow, nextOrder, nowMs);
    this.#countOthers(limit, remaining, report, request, nowMs);
    this.#judgeProbe(remaining, request);
    if (remaining > 0) this.#trust();
  }

  /**
   * The earliest time at which `amount` more fits, assuming nothing else happens until then: now, later, or infinite
   * if only a response can tell.
   *
   * @param mayProbe Whether nothing is on its way of which no response was heard.
   */
  fitsAtMs(amount: number, mayProbe: boolean, nowMs: number): number {
    if (this.#limit === undefined || !this.#isEnforced) return nowMs;
    const certainMs = this.#certainlyFitsAtMs(amount, nowMs);
    if (certainMs <= nowMs || !mayProbe) return certainMs;
    return Math.min(certainMs, this.#probeAtMs(amount, certainMs, nowMs));
  }

  /** The earliest time at which `amount` more may fit behind `ahead` that is already waiting. */
  estimateMs(ahead: number, amount: number, nowMs: number): number {
    const limit = this.#limit;
    if (limit === undefined || !this.#isEnforced) return nowMs;
    let atMs = nowMs;
    if (this.#shape.isBucket)
      atMs = Math.max(atMs, this.#refilledAtMs(ahead + amount, this.#shape.shortestRefillMs, nowMs));
    if (this.#shape.isFixedWindow) atMs = Math.max(atMs, this.#inWindowAtMs(ahead + amount, limit, nowMs));
    if (this.#shape.isSlidingWindow) atMs = Math.max(atMs, this.#slidOutByMs(ahead + amount, limit, nowMs));
    return atMs;
  }

  /** `amount` is being reserved. */
  reserving(amount: number, nowMs: number): void {
    if (this.#limit === undefined || !this.#isEnforced) return;
    this.#isProbing = this.#certainlyFitsAtMs(amount, nowMs) > nowMs;
    this.#probedAfterMs = nowMs - this.#lastHeardMs;
  }

  /** Something is about to be added to the total: a full bucket does not become fuller meanwhile. */
  using(nowMs: number): void {
    if (this.#limit === undefined) return;
    const full = this.#limit + this.#own.total;
    this.#allowance = this.#atMost(this.#allowance, full, nowMs);
    this.#allowanceBefore = this.#atMost(this.#allowanceBefore, full, nowMs);
  }

  /** `amount` that a request took did not count for the provider. */
  returned(amount: number, sendOrder: number): void {
    if (this.#lastReportOrder >= sendOrder) {
      this.#lastReportTotal -= amount;
    }
    this.#allowance = withoutReturned(this.#allowance, amount, sendOrder);
    this.#allowanceBefore = withoutReturned(this.#allowanceBefore, amount, sendOrder);
  }

  /** A request was answered whose response had reported `remaining`. `isLast` if no other response is outstanding. */
  answered(remaining: number, isLast: boolean, nowMs: number): void {
    const limit = this.#limit;
    if (limit === undefined) return;
    this.#answersLeft -= 1;
    if (this.#answersLeft === 0) {
      this.#answersLeft = ANSWERS_A_STEP;
      this.#keptFree = Math.max(0, this.#keptFree - 1);
      this.#share = Math.min(1, this.#share * SHARE_GROWTH);
    }
    if (isLast && this.leastUsedAt(nowMs) > limit * (1 + COUNT_SHARE)) this.#shape.refuteSliding();
    if (remaining === 0 && !this.#hasRejected) this.#answeredWhenEmpty(limit, nowMs);
  }

  /**
   * The provider rejected a request because nothing was left.
   *
   * @param nextOrder The position of the next request that will be sent.
   */
  rejected(sendOrder: number, nextOrder: number): void {
    this.#trust();
    this.#hasRejected = true;
    // Many requests meet the same end of what was left; it is one reason to be careful, not many.
    if (this.#limit === undefined || sendOrder < this.#carefulFrom) return;
    this.#carefulFrom = nextOrder;
    this.#answersLeft = ANSWERS_A_STEP;
    const usedInWindow = this.#own.total - this.#totalAtWindowStart;
    if (this.#shape.isCertainlyFixed && usedInWindow < OWN_LIMIT_SHARE * this.#limit)
      this.#share = Math.max(LEAST_SHARE, this.#share / 4);
    const mostKept = (this.#limit * MOST_KEPT_FREE_MS) / this.#shape.longestRefillMs;
    this.#keptFree = Math.min(Math.ceil(mostKept), this.#keptFree + 1);
  }

  #setLimit(limit: number): void {
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#allowance = undefined;
    this.#allowanceBefore = undefined;
    this.#shape.restart();
  }

  /** Narrows the kind of limit. Returns whether the report is the first of a new fixed window. */
  #observe(
    limit: number,
    remaining: number,
    { resetMs, resetToleranceMs = 1 }: RateLimitWindow,
    request: ReportedRequest,
    nowMs: number,
  ): boolean {
    const counted = limit - remaining + COUNT_SLACK + COUNT_SHARE * limit + request.unheardWhenSent;
    if (request.isExact && request.leastUsedWhenSent > counted) this.#shape.refuteSliding();
    if (resetMs === undefined) return false;
    const { sentAtMs } = request;
    const isNewWindow = this.#shape.observe({
      limit,
      remaining,
      resetMs,
      toleranceMs: resetToleranceMs,
      sentAtMs,
      heardAtMs: nowMs,
    });
    return isNewWindow && this.#shape.isFixedWindow;
  }

  #allow(
    remaining: number,
    { sendOrder, sentAtMs, totalWhenSent }: ReportedRequest,
    isNewWindow: boolean,
    nextOrder: number,
    nowMs: number,
  ): void {
    const allowance = { ceiling: remaining + totalWhenSent, atMs: sentAtMs, sendOrder };
    const current = this.#allowance;
    if (current === undefined || isNewWindow) {
      this.#allowanceBefore = undefined;
      this.#totalAtWindowStart = totalWhenSent;
    } else if (sendOrder >= this.#roundEndsWith) {
      this.#allowanceBefore = current;
    } else {
      if (this.#ceilingAt(allowance, nowMs) < this.#ceilingAt(current, nowMs)) this.#allowance = allowance;
      this.#roundEndsWith = Math.min(this.#roundEndsWith, nextOrder);
      return;
    }
    this.#allowance = allowance;
    this.#roundEndsWith = nextOrder;
  }

  #countOthers(
    limit: number,
    remaining: number,
    { resetMs }: RateLimitWindow,
    { usedWhenSent }: ReportedRequest,
    nowMs: number,
  ): void {
    const used = limit - remaining - usedWhenSent;
    this.#usedByOthers = Math.max(0, used);
    const untilMs = Math.min(resetMs ?? this.spanMs, REPORT_SPANS * this.spanMs);
    this.#othersUntilMs = nowMs + untilMs;
  }

  /** A probe found something if more is left than was sent meanwhile; if it did not, the next one waits longer. */
  #judgeProbe(remaining: number, { totalWhenSent }: ReportedRequest): void {
    if (!this.#isProbing) return;
    this.#isProbing = false;
    if (remaining - (this.#own.total - totalWhenSent) >= 1) this.#patienceMs *= IMPATIENCE;
    else this.#patienceMs = Math.max(LEAST_PATIENCE_MS, 2 * this.#patienceMs, this.#probedAfterMs / 2);
  }

  #trust(): void {
    this.#isEnforced = true;
    this.#emptyAnswers = 0;
  }

  /** Too many of these, and the limit is one that the provider only talks about. */
  #answeredWhenEmpty(limit: number, nowMs: number): void {
    const expired = this.#own.total - this.#usedAt(nowMs);
    if (this.#emptyAnswers === 0) {
      this.#firstEmptyMs = nowMs;
      this.#expiredAtFirstEmpty = expired;
    }
    this.#emptyAnswers += 1;
    const { isBucket, shortestRefillMs } = this.#shape;
    const passedMs = nowMs - this.#firstEmptyMs;
    const refilled = isBucket && passedMs > 0 ? (passedMs * limit) / shortestRefillMs : 0;
    const explained = 1 + refilled + expired - this.#expiredAtFirstEmpty;
    if (this.#emptyAnswers > UNEXPLAINED_ANSWERS + explained) this.#isEnforced = false;
  }

  /** When the amount fits whatever kind of limit it is. */
  #certainlyFitsAtMs(amount: number, nowMs: number): number {
    const limit = this.#limit as number;
    const shape = this.#shape;
    const kept = Math.max(0, Math.min(this.#keptFree, limit - amount));
    this.#endWindow(limit, nowMs);
    let atMs = nowMs;
    let isKnown = false;
    if (shape.isSlidingWindow) {
      isKnown = true;
      atMs = Math.max(atMs, this.#slidFreeAtMs(amount, limit, nowMs));
    }
    if (shape.isBucket) {
      isKnown = true;
      atMs = Math.max(atMs, this.#refilledAtMs(amount + kept, shape.longestRefillMs, nowMs));
    }
    if (!isKnown || shape.isFixedWindow) {
      const isLeft = this.#lacking(amount) <= 0 && this.#isWithinShare(amount);
      const endsByMs = shape.isFixedWindow ? this.#windowEndsByMs : Number.POSITIVE_INFINITY;
      atMs = Math.max(atMs, isLeft ? nowMs : endsByMs);
    }
    return atMs;
  }

  /** When a single request may find out whether something has come back. */
  #probeAtMs(amount: number, certainMs: number, nowMs: number): number {
    const shape = this.#shape;
    if (shape.isCertainlyBucket || (shape.hasReports && shape.isCertainlySliding)) return certainMs;
    let dueMs = Number.POSITIVE_INFINITY;
    if (shape.isBucket) {
      const hoped = Math.max(amount, 1 - this.#lacking(0));
      dueMs = Math.min(dueMs, this.#refilledAtMs(hoped, shape.shortestRefillMs, nowMs));
    }
    if (shape.isFixedWindow) dueMs = Math.min(dueMs, shape.windowEndsAtMs);
    const isUnknown = certainMs === Number.POSITIVE_INFINITY || !shape.hasReports;
    if (isUnknown && dueMs === Number.POSITIVE_INFINITY && this.#windowMs === undefined) {
      dueMs = this.#lastHeardMs + FIRST_PROBE_MS;
    }
    return Math.max(nowMs, Math.max(dueMs, this.#lastHeardMs) + this.#patienceMs);
  }

  /** How much is lacking for the amount, by the lowest report, if nothing has come back since. */
  #lacking(amount: number): number {
    const { total, reserved } = this.#own;
    const ceiling = Math.min(ceilingOf(this.#allowance), ceilingOf(this.#allowanceBefore));
    return total + reserved + amount - ceiling;
  }

  /** Whether no more is on its way than the share of what was left that others leave to this process. */
  #isWithinShare(amount: number): boolean {
    if (this.#share === 1 || !this.#shape.isCertainlyFixed) return true;
    const { total, reserved } = this.#own;
    const onItsWay = total + reserved - this.#lastReportTotal;
    return onItsWay + amount <= Math.max(amount, this.#share * this.#lastRemaining);
  }

  #refilledAtMs(amount: number, refillMs: number, nowMs: number): number {
    const { total, reserved } = this.#own;
    const limit = this.#limit as number;
    // More than a full bucket fits only when what is reserved has been used.
    if (reserved > 0 && reserved + amount > limit) return Number.POSITIVE_INFINITY;
    const needed = total + reserved + amount;
    let atMs = nowMs;
    for (const allowance of [this.#allowance, this.#allowanceBefore]) {
      if (allowance === undefined || needed <= allowance.ceiling) continue;
      atMs = Math.max(atMs, allowance.atMs + ((needed - allowance.ceiling) * refillMs) / limit);
    }
    return atMs;
  }

  /** When the current window has certainly ended. */
  get #windowEndsByMs(): number {
    const { windowEndsByMs, windowMs } = this.#shape;
    return windowEndsByMs + this.#margin.spanOf(windowMs) - windowMs;
  }

  /** Once the window has certainly ended, everything is there again but what was sent since the report that told when. */
  #endWindow(limit: number, nowMs: number): void {
    if (!this.#shape.isFixedWindow || nowMs < this.#windowEndsByMs || this.#allowance === undefined) return;
    const total = this.#lastReportTotal;
    this.#lastRemaining = limit;
    this.#totalAtWindowStart = total;
    this.#allowance = { ceiling: total + limit, atMs: nowMs, sendOrder: this.#lastReportOrder };
    this.#allowanceBefore = undefined;
    this.#roundEndsWith = Number.POSITIVE_INFINITY;
    this.#shape.endWindow(nowMs);
  }

  #inWindowAtMs(amount: number, limit: number, nowMs: number): number {
    const lacking = this.#lacking(amount);
    const { windowEndsAtMs, windowMs } = this.#shape;
    if (lacking <= 0 || windowEndsAtMs === Number.POSITIVE_INFINITY) return nowMs;
    return Math.max(nowMs, windowEndsAtMs) + (Math.ceil(lacking / limit) - 1) * windowMs;
  }

  #usedAt(nowMs: number): number {
    return this.#own.log.usedAt(nowMs, this.spanMs);
  }

  #slidFreeAtMs(amount: number, limit: number, nowMs: number): number {
    const { log, reserved } = this.#own;
    const { spanMs } = this;
    const needed = this.#usedAt(nowMs) + reserved + amount - limit;
    const withOthers = log.leftByMs(needed + this.usedByOthersAt(nowMs), nowMs, spanMs);
    const withoutOthers = Math.max(this.#othersUntilMs, log.leftByMs(needed, nowMs, spanMs));
    return Math.min(withOthers, withoutOthers);
  }

  /** The room needed becomes free in the order in which it was taken, and after that once per span. */
  #slidOutByMs(amount: number, limit: number, nowMs: number): number {
    const { log, reserved } = this.#own;
    const { spanMs } = this;
    const lacking = this.#usedAt(nowMs) + reserved + this.usedByOthersAt(nowMs) + amount - limit;
    if (lacking <= 0) return nowMs;
    const spans = Math.ceil(lacking / limit) - 1;
    const leftMs = log.leftByMs(lacking - spans * limit, nowMs, spanMs);
    return Math.min(leftMs, nowMs + spanMs) + spans * spanMs;
  }

  #ceilingAt(allowance: Allowance, nowMs: number): number {
    const { isBucket, longestRefillMs } = this.#shape;
    if (!isBucket) return allowance.ceiling;
    return allowance.ceiling + ((nowMs - allowance.atMs) * (this.#limit as number)) / longestRefillMs;
  }

  #atMost(allowance: Allowance | undefined, full: number, nowMs: number): Allowance | undefined {
    if (allowance === undefined || this.#ceilingAt(allowance, nowMs) <= full) return allowance;
    return { ...allowance, ceiling: full, atMs: nowMs };
  }
}

function ceilingOf(allowance: Allowance | undefined): number {
  return allowance?.ceiling ?? Number.POSITIVE_INFINITY;
}

/** A report on a later request already knows that the amount was not counted. */
function withoutReturned(
  allowance: Allowance | undefined,
  amount: number,
  sendOrder: number,
): Allowance | undefined {
  if (allowance === undefined || allowance.sendOrder < sendOrder) return allowance;
  return { ...allowance, ceiling: allowance.ceiling - amount };
}

import type { LimitedQuantity, RateLimits } from '../../contracts/rate-limits.js';
import type { LaneLimits } from '../../contracts/traffic.js';
import { QuantityUsage } from './quantity-usage.js';
import type { RateReservation } from './reservation.js';
import { NO_TOKENS, type TokenCost, totalOf } from './token-cost.js';
import type { WindowMargin } from './window-margin.js';

/** Sums over waiting requests. */
export interface WaitingSum {
  requests: number;
  inputTokens: number;
  outputTokens: number;
}

/**
 * The four limited quantities of a lane as one: when a request fits, what it takes when it starts, what it returns
 * when it ends, and what responses report.
 *
 * Everything a request may use is reserved from its admission on, so that it can wait for a permit for as long as
 * necessary. Requests and input tokens enter their windows when the request is sent. Output tokens enter theirs with
 * the answer, because providers count them as they are generated.
 */
export class RateLimitUsage {
  readonly #requests: QuantityUsage;
  readonly #input: QuantityUsage;
  readonly #output: QuantityUsage;
  readonly #tokens: QuantityUsage;
  readonly #margin: WindowMargin;
  /** Every quantity with its name. */
  readonly quantities: ReadonlyArray<readonly [LimitedQuantity, QuantityUsage]>;
  #sent = 0;
  /** Requests admitted of which neither a response nor the end is known. */
  #unheard = 0;

  constructor(margin: WindowMargin, limits: LaneLimits) {
    this.#margin = margin;
    this.#requests = new QuantityUsage(margin, limits.requestsPerMinute, true);
    // Tokens are estimated until the answer is there, so that ours cannot be compared with the provider's count.
    this.#input = new QuantityUsage(margin, limits.inputTokensPerMinute, false);
    this.#output = new QuantityUsage(margin, limits.outputTokensPerMinute, false);
    this.#tokens = new QuantityUsage(margin, limits.tokensPerMinute, false);
    this.quantities = [
      ['requests', this.#requests],
      ['inputTokens', this.#input],
      ['outputTokens', this.#output],
      ['tokens', this.#tokens],
    ];
  }

  /** The most tokens that one request can send. */
  get maxInputTokens(): number {
    return Math.min(limitOf(this.#input), limitOf(this.#tokens));
  }

  /** The earliest time at which the request fits, assuming nothing else happens until then; may be infinite. */
  fitsAtMs(whole: TokenCost, nowMs: number): number {
    const { inputTokens, outputTokens } = this.#fittingCost(whole);
    const mayProbe = this.#unheard === 0;
    return Math.max(
      this.#requests.fitsAtMs(1, mayProbe, nowMs),
      this.#input.fitsAtMs(inputTokens, mayProbe, nowMs),
      this.#output.fitsAtMs(outputTokens, mayProbe, nowMs),
      this.#tokens.fitsAtMs(inputTokens + outputTokens, mayProbe, nowMs),
    );
  }

  /** The earliest time at which the request will fit behind the requests that are already waiting. */
  estimateMs(ahead: WaitingSum, { inputTokens, outputTokens }: TokenCost, nowMs: number): number {
    const tokensAhead = ahead.inputTokens + ahead.outputTokens;
    return Math.max(
      this.#requests.estimateMs(ahead.requests, 1, nowMs),
      this.#input.estimateMs(ahead.inputTokens, inputTokens, nowMs),
      this.#output.estimateMs(ahead.outputTokens, outputTokens, nowMs),
      this.#tokens.estimateMs(tokensAhead, inputTokens + outputTokens, nowMs),
    );
  }

  /** Reserves what a request may use. Returns the reserved tokens, which can be fewer than `whole`. */
  reserve(whole: TokenCost, nowMs: number): TokenCost {
    const cost = this.#fittingCost(whole);
    this.#unheard += 1;
    this.#requests.reserve(1, nowMs);
    this.#input.reserve(cost.inputTokens, nowMs);
    this.#output.reserve(cost.outputTokens, nowMs);
    this.#tokens.reserve(totalOf(cost), nowMs);
    return cost;
  }

  /** The request is being sent. Only the first call has an effect. */
  send(reservation: RateReservation, nowMs: number): void {
    if (reservation.sendOrder !== undefined) return;
    if (this.#margin.sent(nowMs)) this.#applyMargin();
    const { inputTokens } = reservation.cost;
    const total = totalOf(reservation.cost);
    reservation.requestsEntry = this.#requests.send(1, nowMs);
    reservation.inputEntry = this.#input.send(inputTokens, nowMs);
    reservation.tokensEntry = this.#tokens.send(total, nowMs);
    this.#note(reservation, nowMs);
  }

  /** The request was written to its connection: its entries move. Only the first call has an effect. */
  leave(reservation: RateReservation, nowMs: number): void {
    if (reservation.hasLeft || reservation.sendOrder === undefined) return;
    this.#leave(reservation);
    const { requestsEntry, inputEntry, tokensEntry, cost } = reservation;
    reservation.requestsEntry = this.#requests.move(requestsEntry, 1, nowMs);
    reservation.inputEntry = this.#input.move(inputEntry, cost.inputTokens, nowMs);
    reservation.tokensEntry = this.#tokens.move(tokensEntry, totalOf(cost), nowMs);
    this.#note(reservation, nowMs);
  }

  /** The request was answered, or rejected: the tokens used replace the reserved ones. */
  settle(reservation: RateReservation, used: TokenCost, nowMs: number): void {
    this.send(reservation, nowMs);
    this.#hear(reservation);
    const { cost, reported } = reservation;
    const sendOrder = reservation.sendOrder as number;
    if (reported !== undefined) this.#conclude(reservation, reported, used, nowMs);
    this.#input.correct(reservation.inputEntry, cost.inputTokens, used.inputTokens, sendOrder, nowMs);
    this.#tokens.correct(reservation.tokensEntry, totalOf(cost), totalOf(used), sendOrder, nowMs);
    this.#output.enter(cost.outputTokens, used.outputTokens, nowMs);
  }

  /** The request was never sent, or nothing of it arrived. */
  release(reservation: RateReservation, nowMs: number): void {
    this.send(reservation, nowMs);
    this.#requests.correct(reservation.requestsEntry, 1, 0, reservation.sendOrder as number, nowMs);
    this.settle(reservation, NO_TOKENS, nowMs);
  }

  /** The response to the request reported these limits. */
  learn(limits: RateLimits, reservation: RateReservation, nowMs: number): void {
    this.send(reservation, nowMs);
    this.#hear(reservation);
    reservation.reported = limits;
    for (const [name, quantity] of this.quantities) {
      const report = limits[name];
      if (report === undefined) continue;
      const request = {
        sendOrder: reservation.sendOrder as number,
        nextOrder: this.#sent,
        sentAtMs: reservation.sentAtMs,
        totalWhenSent: reservation.totalWhenSent[name],
        usedWhenSent: reservation.usedWhenSent[name],
        leastUsedWhenSent: name === 'requests' ? reservation.leastRequestsWhenSent : 0,
        unheardWhenSent: reservation.unheardWhenSent,
        isLast: this.#unheard === 0,
      };
      quantity.learn(report, request, nowMs);
    }
  }

  /** What became of a request, compared with what its response reported. What used no tokens was rejected. */
  #conclude(reservation: RateReservation, reported: RateLimits, used: TokenCost, nowMs: number): void {
    const { sendOrder = 0, cost } = reservation;
    const isAnswered = totalOf(used) > 0;
    // A rejected request was mostly not counted; the next report shows if it was.
    if (!isAnswered) this.#requests.returned(1, sendOrder);
    const amounts = amountsOf(isAnswered ? used : cost);
    for (const [name, quantity] of this.quantities) {
      const remaining = reported[name]?.remaining;
      const amount = amounts[name];
      if (remaining === undefined) continue;
      if (isAnswered) quantity.answered(amount, remaining, this.#unheard === 0, nowMs);
      else if (remaining < amount) quantity.rejected(amount, sendOrder, this.#sent);
    }
  }

  /** The provider rejected a request that should have fitted: entries count for longer from now on. */
  unexpectedRejection(): void {
    this.#margin.unexpectedRejection();
    this.#applyMargin();
  }

  /** Reports on the request will be compared with what was used at this moment. */
  #note(reservation: RateReservation, nowMs: number): void {
    const { cost } = reservation;
    // What is not known to have left counts only for the request itself.
    const isOnItsWay = reservation.hasLeft ? 0 : 1;
    reservation.sendOrder = this.#sent++;
    reservation.sentAtMs = nowMs;
    reservation.unheardWhenSent = this.#unheard;
    reservation.leastRequestsWhenSent = this.#requests.leastUsedAt(nowMs);
    reservation.usedWhenSent = {
      requests: this.#requests.usedInWindowAt(nowMs),
      inputTokens: this.#input.usedInWindowAt(nowMs),
      outputTokens: this.#output.usedAt(nowMs),
      tokens: this.#tokens.usedInWindowAt(nowMs),
    };
    reservation.totalWhenSent = {
      requests: this.#requests.totalSent + isOnItsWay,
      inputTokens: this.#input.totalSent + isOnItsWay * cost.inputTokens,
      outputTokens: this.#output.totalSent,
      tokens: this.#tokens.totalSent + isOnItsWay * totalOf(cost),
    };
  }

  #leave(reservation: RateReservation): void {
    if (reservation.hasLeft) return;
    reservation.hasLeft = true;
    const { cost } = reservation;
    this.#requests.leave(1);
    this.#input.leave(cost.inputTokens);
    this.#tokens.leave(totalOf(cost));
  }

  /** A response of the request, or its end, is known. */
  #hear(reservation: RateReservation): void {
    if (reservation.isHeard) return;
    reservation.isHeard = true;
    this.#unheard -= 1;
    this.#leave(reservation);
  }

  #applyMargin(): void {
    for (const [, quantity] of this.quantities) quantity.applyMargin();
  }

  /**
   * The cost with its uncertain part, the answer, reduced to what a window allows. A request that might exceed the
   * limit, but need not, starts in an empty window instead of never.
   */
  #fittingCost(cost: TokenCost): TokenCost {
    const outputTokens = Math.max(
      0,
      Math.min(cost.outputTokens, limitOf(this.#output), limitOf(this.#tokens) - cost.inputTokens),
    );
    return outputTokens === cost.outputTokens ? cost : { inputTokens: cost.inputTokens, outputTokens };
  }
}

function limitOf(quantity: QuantityUsage): number {
  return quantity.limit ?? Number.POSITIVE_INFINITY;
}

function amountsOf(cost: TokenCost): Record<LimitedQuantity, number> {
  return { requests: 1, tokens: totalOf(cost), ...cost };
}

import type { LimitedQuantity, RateLimitReport } from '../rate-limit-headers.js';
import { type LimitReport, RateLimitDimension } from './limited-quantity.js';
import type { RateLimitMargin } from './window-margin.js';

/** A lane's limits. What is left out is not limited until the provider reports a limit. */
export interface RateLimits {
  /** Requests a minute. */
  requestsPerMinute?: number | undefined;
  /** Tokens sent a minute. */
  inputTokensPerMinute?: number | undefined;
  /** Tokens received a minute. */
  outputTokensPerMinute?: number | undefined;
  /** Tokens a minute, sent and received together. */
  tokensPerMinute?: number | undefined;
  /** Requests under way at once. */
  maxConcurrent?: number | undefined;
}

/** Tokens of one request: estimated before it, real after it. */
export interface TokenCost {
  /** Tokens sent. */
  readonly inputTokens: number;
  /** Tokens received; before the call the most there can be. */
  readonly outputTokens: number;
}

/** Requests and tokens that wait, added up. */
export interface WaitingSum {
  requests: number;
  inputTokens: number;
  outputTokens: number;
}

/** What a request was promised, and once it was sent, what it took. */
export class Booking {
  readonly cost: TokenCost;
  /** Counts the requests in the order in which they were sent; `undefined` before. */
  order: number | undefined = undefined;
  /** Whether it is known when it really left. */
  hasLeft = false;
  // Its entries in the windows.
  requestsEntry = 0;
  inputEntry = 0;
  tokensEntry = 0;
  // How much of every quantity was used when it was sent, itself included.
  requests = 0;
  inputTokens = 0;
  outputTokens = 0;
  tokens = 0;

  constructor(cost: TokenCost) {
    this.cost = cost;
  }
}

const NO_TOKENS: TokenCost = { inputTokens: 0, outputTokens: 0 };

/**
 * A lane's four limited quantities as one: when a request fits, what it takes when it starts, what it gives back
 * when it ends, what answers teach.
 *
 * From its admission on everything a request may use is promised to it, so that it can wait for a permit as long
 * as it has to. Requests and sent tokens enter their windows when it is sent. Received tokens enter theirs with the
 * answer, because providers count them as they are made.
 */
export class RateLimitUsage {
  readonly #requests: RateLimitDimension;
  readonly #input: RateLimitDimension;
  readonly #output: RateLimitDimension;
  readonly #tokens: RateLimitDimension;
  readonly #margin: RateLimitMargin;
  /** Every quantity with its name. */
  readonly dimensions: ReadonlyArray<readonly [LimitedQuantity, RateLimitDimension]>;
  #order = 0;

  constructor(margin: RateLimitMargin, limits: RateLimits) {
    const { spanMs } = margin;
    this.#margin = margin;
    this.#requests = new RateLimitDimension(spanMs, limits.requestsPerMinute);
    this.#input = new RateLimitDimension(spanMs, limits.inputTokensPerMinute);
    this.#output = new RateLimitDimension(spanMs, limits.outputTokensPerMinute);
    this.#tokens = new RateLimitDimension(spanMs, limits.tokensPerMinute);
    this.dimensions = [
      ['requests', this.#requests],
      ['inputTokens', this.#input],
      ['outputTokens', this.#output],
      ['tokens', this.#tokens],
    ];
  }

  /** Replaces the limits from the options; what was learned stays. */
  setLimits(limits: RateLimits): void {
    this.#requests.configured = limits.requestsPerMinute;
    this.#input.configured = limits.inputTokensPerMinute;
    this.#output.configured = limits.outputTokensPerMinute;
    this.#tokens.configured = limits.tokensPerMinute;
  }

  /** The most tokens that one request can send. */
  get maxInputTokens(): number {
    return Math.min(limitOf(this.#input), limitOf(this.#tokens));
  }

  /** The earliest instant at which the request fits, if nothing else happens until then; may be infinite. */
  fitsAtMs(whole: TokenCost, nowMs: number): number {
    const { inputTokens, outputTokens } = this.#fittingCost(whole);
    return Math.max(
      this.#requests.fitsAtMs(1, nowMs),
      this.#input.fitsAtMs(inputTokens, nowMs),
      this.#output.fitsAtMs(outputTokens, nowMs),
      this.#tokens.fitsAtMs(inputTokens + outputTokens, nowMs),
    );
  }

  /** When the request will have fitted behind what waits already, at the earliest. */
  estimateMs(ahead: WaitingSum, { inputTokens, outputTokens }: TokenCost, nowMs: number): number {
    const tokensAhead = ahead.inputTokens + ahead.outputTokens;
    return Math.max(
      this.#requests.estimateMs(ahead.requests, 1, nowMs),
      this.#input.estimateMs(ahead.inputTokens, inputTokens, nowMs),
      this.#output.estimateMs(ahead.outputTokens, outputTokens, nowMs),
      this.#tokens.estimateMs(tokensAhead, inputTokens + outputTokens, nowMs),
    );
  }

  /** A request is admitted: what it may use is promised to it. */
  book(whole: TokenCost): Booking {
    const cost = this.#fittingCost(whole);
    this.#requests.promise(1);
    this.#input.promise(cost.inputTokens);
    this.#output.promise(cost.outputTokens);
    this.#tokens.promise(totalOf(cost));
    return new Booking(cost);
  }

  /** The request is sent now. */
  send(booking: Booking, nowMs: number): void {
    if (booking.order !== undefined) return;
    if (this.#margin.sent(nowMs)) this.#applyMargin();
    const { inputTokens } = booking.cost;
    const total = totalOf(booking.cost);
    booking.requestsEntry = this.#requests.keep(1, 1, nowMs);
    booking.inputEntry = this.#input.keep(inputTokens, inputTokens, nowMs);
    booking.tokensEntry = this.#tokens.keep(total, total, nowMs);
    this.#note(booking, nowMs);
  }

  /** What reports on the request are compared with. */
  #note(booking: Booking, nowMs: number): void {
    booking.order = this.#order++;
    booking.requests = this.#requests.entered;
    booking.inputTokens = this.#input.entered;
    booking.outputTokens = this.#output.usedAt(nowMs);
    booking.tokens = this.#tokens.entered;
  }

  /** The request leaves only now: its entries move. */
  leave(booking: Booking, nowMs: number): void {
    if (booking.hasLeft || booking.order === undefined) return;
    booking.hasLeft = true;
    const { inputTokens } = booking.cost;
    booking.requestsEntry = this.#requests.move(booking.requestsEntry, 1, nowMs);
    booking.inputEntry = this.#input.move(booking.inputEntry, inputTokens, nowMs);
    booking.tokensEntry = this.#tokens.move(booking.tokensEntry, totalOf(booking.cost), nowMs);
    this.#note(booking, nowMs);
  }

  /** The request was answered: what it really used takes the place of what it reserved. */
  settle(booking: Booking, used: TokenCost, nowMs: number): void {
    this.send(booking, nowMs);
    const { cost } = booking;
    this.#input.correct(booking.inputEntry, cost.inputTokens, used.inputTokens, nowMs);
    this.#tokens.correct(booking.tokensEntry, totalOf(cost), totalOf(used), nowMs);
    this.#output.keep(cost.outputTokens, used.outputTokens, nowMs);
  }

  /** The request was never sent, or nothing of it arrived. */
  release(booking: Booking, nowMs: number): void {
    this.send(booking, nowMs);
    this.#requests.correct(booking.requestsEntry, 1, 0, nowMs);
    this.settle(booking, NO_TOKENS, nowMs);
  }

  /** Learns from the headers of a request's answer. */
  learn(report: RateLimitReport, booking: Booking, nowMs: number): void {
    this.send(booking, nowMs);
    for (const [quantity, dimension] of this.dimensions) {
      const said: LimitReport | undefined = report[quantity];
      if (said !== undefined) dimension.learn(said, booking.order as number, booking[quantity], nowMs);
    }
  }

  /** The provider rejected a request that should have fitted: entries count longer from now on. */
  surprised(): void {
    this.#margin.surprised();
    this.#applyMargin();
  }

  #applyMargin(): void {
    for (const [, dimension] of this.dimensions) dimension.spanMs = this.#margin.spanMs;
  }

  /**
   * The cost with its uncertain part, the answer, cut to what a window allows: a request that could be larger than
   * the limit, but need not be, starts in an empty window instead of never.
   */
  #fittingCost(cost: TokenCost): TokenCost {
    const outputTokens = Math.max(
      0,
      Math.min(cost.outputTokens, limitOf(this.#output), limitOf(this.#tokens) - cost.inputTokens),
    );
    return outputTokens === cost.outputTokens ? cost : { inputTokens: cost.inputTokens, outputTokens };
  }
}

function limitOf(dimension: RateLimitDimension): number {
  return dimension.limit ?? Number.POSITIVE_INFINITY;
}

function totalOf({ inputTokens, outputTokens }: TokenCost): number {
  return inputTokens + outputTokens;
}

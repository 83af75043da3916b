import type { Cancellable } from '../../time/cancel-scope.js';
import type { CancelPoint } from '../../time/sleep.js';
import type { FairQueueHandle } from '../permits/fair-queue.js';
import type { RateReservation } from './reservation.js';
import type { TokenCost } from './usage.js';

/** How a request waits. */
export interface AcquireOptions {
  /** Higher goes first; equal ones in order of arrival. @default 0 */
  readonly priority?: number | undefined;
  /** On whose behalf; tenants share a lane fairly. */
  readonly tenant?: string | undefined;
  /** Who asks; a tenant's agents share only where they have weights. */
  readonly agent?: string | undefined;
  /** Instant of the clock's `now()` at which waiting is no use any more, in milliseconds. */
  readonly deadlineAtMs?: number | undefined;
  /** Ends the waiting when it is cancelled. */
  readonly scope?: CancelPoint | undefined;
}

/** A request that wants a place in a lane. One of `admit` and `refuse` is called, once, maybe at once. */
export class RateRequest implements Cancellable {
  readonly priority: number;
  readonly tenant: string | undefined;
  readonly agent: string | undefined;
  /** What it will take from the limits. */
  readonly cost: TokenCost;
  readonly deadlineAtMs: number;
  readonly scope: CancelPoint | undefined;
  readonly admit: (reservation: RateReservation) => void;
  readonly refuse: (error: Error) => void;
  /** Where it waits; `undefined` when it does not. */
  place: FairQueueHandle<RateRequest> | undefined = undefined;
  /** Takes it out of the queue it waits in. */
  withdraw: ((request: RateRequest) => void) | undefined = undefined;

  constructor(
    cost: TokenCost,
    options: AcquireOptions,
    admit: (reservation: RateReservation) => void,
    refuse: (error: Error) => void,
  ) {
    this.cost = wholeCost(cost);
    this.priority = options.priority ?? 0;
    this.tenant = options.tenant;
    this.agent = options.agent;
    this.deadlineAtMs = options.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    this.scope = options.scope;
    this.admit = admit;
    this.refuse = refuse;
  }

  /** Its scope was cancelled while it waited. */
  cancel(reason: Error): void {
    this.withdraw?.(this);
    this.refuse(reason);
  }
}

/** Whole tokens, rounded up, so that sums stay exact; what is no number counts as nothing. */
export function wholeCost(cost: TokenCost): TokenCost {
  const { inputTokens, outputTokens } = cost;
  if (isWhole(inputTokens) && isWhole(outputTokens)) return cost;
  return { inputTokens: wholeTokens(inputTokens), outputTokens: wholeTokens(outputTokens) };
}

function isWhole(tokens: number): boolean {
  return Number.isSafeInteger(tokens) && tokens >= 0;
}

function wholeTokens(tokens: number): number {
  return tokens > 0 && Number.isFinite(tokens) ? Math.ceil(tokens) : 0;
}

import type { Cancellable } from '../../time/cancel-scope.js';
import type { CancelPoint } from '../../time/sleep.js';
import type { FairQueueHandle } from '../permits/fair-queue.js';
import { NO_RETRIES, type RetryOutlook } from '../retry/retry-outlook.js';
import type { RateReservation } from './reservation.js';
import { type TokenCost, wholeCost } from './token-cost.js';

/** How a request waits. */
export interface RateRequestOptions {
  /** Higher goes first; equal ones in order of arrival. @default 0 */
  readonly priority?: number | undefined;
  /** The tenant that the request belongs to. Tenants share a lane fairly. */
  readonly tenant?: string | undefined;
  /** The agent that sends it. The agents of a tenant share only if they have weights. */
  readonly agent?: string | undefined;
  /** The time after which waiting is pointless, in milliseconds of the clock's `now()`. */
  readonly deadlineAtMs?: number | undefined;
  /** Ends the wait when it is cancelled. */
  readonly scope?: CancelPoint | undefined;
  /** The longest pause of the lane that it waits for, in milliseconds. @default Infinity */
  readonly maxWaitMs?: number | undefined;
  /** When its call was made, in milliseconds of the clock. @default when it is looked at */
  readonly calledAtMs?: number | undefined;
  /** What its call may still do. @default nothing: it is the call's only attempt */
  readonly outlook?: RetryOutlook | undefined;
}

/** A request that needs a reservation. Exactly one of `admit` and `refuse` is called, once, maybe at once. */
export class RateRequest implements Cancellable {
  readonly priority: number;
  readonly tenant: string | undefined;
  readonly agent: string | undefined;
  /** What it needs of the limits. */
  readonly cost: TokenCost;
  readonly deadlineAtMs: number;
  readonly scope: CancelPoint | undefined;
  readonly maxWaitMs: number;
  readonly calledAtMs: number | undefined;
  readonly outlook: RetryOutlook;
  /** When it may be sent, in milliseconds of the clock. */
  readyAtMs: number;
  /** Since when a lane that is down keeps it waiting, in milliseconds of the clock; `undefined` if none does. */
  heldSinceMs: number | undefined = undefined;
  readonly admit: (reservation: RateReservation) => void;
  readonly refuse: (error: Error) => void;
  /** Its place in the queue; `undefined` while it does not wait. */
  handle: FairQueueHandle<RateRequest> | undefined = undefined;
  /** Removes it from the queue in which it waits. */
  withdraw: ((request: RateRequest) => void) | undefined = undefined;

  constructor(
    cost: TokenCost,
    options: RateRequestOptions,
    admit: (reservation: RateReservation) => void,
    refuse: (error: Error) => void,
  ) {
    this.cost = wholeCost(cost);
    this.priority = options.priority ?? 0;
    this.tenant = options.tenant;
    this.agent = options.agent;
    this.deadlineAtMs = options.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    this.scope = options.scope;
    this.maxWaitMs = options.maxWaitMs ?? Number.POSITIVE_INFINITY;
    this.calledAtMs = options.calledAtMs;
    this.outlook = options.outlook ?? NO_RETRIES;
    this.readyAtMs = this.outlook.readyAtMs;
    this.admit = admit;
    this.refuse = refuse;
  }

  /** Its scope was cancelled while it waited. */
  cancel(reason: Error): void {
    this.withdraw?.(this);
    this.refuse(reason);
  }
}

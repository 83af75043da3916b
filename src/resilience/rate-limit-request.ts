import { QueueNode } from '../collections/priority-queue.js';
import type { Cancellable, CancelScope } from '../time/cancel-scope.js';
import type { RateReservation } from './rate-limit-reservation.js';
import type { TokenCost } from './rate-limit-usage.js';

/** How a request waits. */
export interface AcquireOptions {
  /** Higher goes first; equal ones in order of arrival. @default 0 */
  readonly priority?: number | undefined;
  /** Instant of the clock's `now()` at which waiting is no use any more, in milliseconds. */
  readonly deadlineAtMs?: number | undefined;
  /** Ends the waiting when it is cancelled. */
  readonly scope?: CancelScope | undefined;
}

/** A request that wants a place in a lane. One of `admit` and `refuse` is called, once, maybe at once. */
export class RateRequest extends QueueNode implements Cancellable {
  readonly priority: number;
  queuedAtMs = 0;
  /** What it will take from the limits. */
  readonly cost: TokenCost;
  readonly deadlineAtMs: number;
  readonly scope: CancelScope | undefined;
  readonly admit: (reservation: RateReservation) => void;
  readonly refuse: (error: Error) => void;
  /** Takes it out of the queue it waits in. */
  withdraw: ((request: RateRequest) => void) | undefined = undefined;

  constructor(
    cost: TokenCost,
    options: AcquireOptions,
    admit: (reservation: RateReservation) => void,
    refuse: (error: Error) => void,
  ) {
    super();
    this.cost = wholeCost(cost);
    this.priority = options.priority ?? 0;
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
export function wholeCost({ inputTokens, outputTokens }: TokenCost): TokenCost {
  return { inputTokens: wholeTokens(inputTokens), outputTokens: wholeTokens(outputTokens) };
}

function wholeTokens(tokens: number): number {
  return tokens > 0 && Number.isFinite(tokens) ? Math.ceil(tokens) : 0;
}

import { messageOf } from './foreign.js';
import { TuttiError } from './tutti-error.js';

/** Why a call was not let through to its lane. */
export type RateLimitedReason = 'wait-too-long' | 'too-large';

/**
 * A call was refused before it was sent: its lane would have made it wait past its deadline, the provider demands a
 * longer wait than `retry.maxWaitMs`, or the call needs more than the limit allows at all.
 */
export class RateLimitedError extends TuttiError {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  readonly lane: string;
  /** Which rule refused it. */
  readonly reason: RateLimitedReason;
  /** Estimated wait until the call could have started, in milliseconds; `undefined` where no wait would help. */
  readonly retryAfterMs: number | undefined;

  constructor(lane: string, reason: RateLimitedReason, message: string, retryAfterMs: number | undefined) {
    super('TUTTI_RATE_LIMITED', message, {
      // A call that is larger than the limit stays larger.
      retryable: reason === 'wait-too-long',
      details: { lane, reason, retryAfterMs },
    });
    this.lane = lane;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * The call's lane has been down, with nothing answered and every probe failed, for longer than the call's own retries
 * would have lasted. Retryable. The `cause` is the latest failure of the lane.
 */
export class LaneDownError extends TuttiError {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  readonly lane: string;
  /** How long the lane has been down, in milliseconds. */
  readonly downForMs: number;

  constructor(lane: string, downForMs: number, cause: unknown) {
    super(
      'TUTTI_LANE_DOWN',
      `"${lane}" has not answered for ${Math.ceil(downForMs)} ms, longer than the call's own retries would have lasted: ` +
        `${messageOf(cause)}`,
      { retryable: true, cause, details: { lane, downForMs } },
    );
    this.lane = lane;
    this.downForMs = downForMs;
  }
}

/** The lane failed too often of late, so the call was not sent. */
export class CircuitOpenError extends TuttiError {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  readonly lane: string;
  /** How long until the lane is tried again, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(lane: string, retryAfterMs: number) {
    super(
      'TUTTI_CIRCUIT_OPEN',
      `Circuit open: "${lane}" failed too often of late; it is tried again in ${Math.ceil(retryAfterMs)} ms. ` +
        'Name fallbacks to have such calls answered elsewhere.',
      { retryable: true, details: { lane, retryAfterMs } },
    );
    this.lane = lane;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a budget belongs to. */
export type BudgetScope = 'run' | 'agent' | 'tenant' | 'process';

/** What a budget counts. */
export type BudgetUnit = 'usd' | 'tokens';

/** Which budget refused a call, and how things stood. */
export interface BudgetRefusal {
  /** What the budget belongs to. */
  scope: BudgetScope;
  /** Whose it is: the run's id, the agent's or tenant's name; empty for the process. */
  owner: string;
  /** What it counts. */
  unit: BudgetUnit;
  /** All that may be spent. */
  limit: number;
  /** What is neither spent nor reserved. */
  left: number;
  /** What the call needs at worst; `undefined` where that is unknown. */
  needed: number | undefined;
}

/**
 * The call could cost more than a budget has left, or nobody can say what it could cost. Refused before it was
 * sent: nothing was spent.
 */
export class BudgetExceededError extends TuttiError {
  /** What the budget belongs to. */
  readonly scope: BudgetScope;
  /** Whose it is: the run's id, the agent's or tenant's name; empty for the process. */
  readonly owner: string;
  /** What it counts. */
  readonly unit: BudgetUnit;
  /** All that may be spent, in `unit`. */
  readonly limit: number;
  /** What is neither spent nor reserved, in `unit`. */
  readonly left: number;
  /** What the call needs at worst, in `unit`; `undefined` where that is unknown. */
  readonly needed: number | undefined;

  constructor(refusal: BudgetRefusal) {
    super('TUTTI_BUDGET_EXCEEDED', budgetMessage(refusal), { details: { ...refusal } });
    this.scope = refusal.scope;
    this.owner = refusal.owner;
    this.unit = refusal.unit;
    this.limit = refusal.limit;
    this.left = refusal.left;
    this.needed = refusal.needed;
  }
}

function budgetMessage({ scope, owner, unit, limit, left, needed }: BudgetRefusal): string {
  const whose = owner === '' ? scope : `${scope} "${owner}"`;
  const state = `${amount(left, unit)} of ${amount(limit, unit)} are left`;
  if (needed !== undefined) {
    return `Budget of ${whose} exceeded: the call needs up to ${amount(needed, unit)}, ${state}. Lower maxTokens or raise the budget.`;
  }
  const cure = unit === 'usd' ? 'a price for the model, budget.perCallUsd or maxCostUsd' : 'maxTokens';
  return `Budget of ${whose} cannot be kept: nobody knows what the call may use (${state}). Set ${cure}.`;
}

function amount(value: number, unit: BudgetUnit): string {
  return unit === 'usd' ? `${value} dollars` : `${value} tokens`;
}

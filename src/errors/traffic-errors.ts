import { messageOf } from './foreign.js';
import { TuttiError } from './tutti-error.js';

/** Why a call was not admitted to its lane. */
export type RateLimitedReason = 'wait-too-long' | 'too-large';

/**
 * A call was refused before it was sent: its lane would have made it wait past its deadline, the provider demands a
 * longer wait than `retry.maxWaitMs`, or the call needs more than the limit allows at all.
 */
export class RateLimitedError extends TuttiError<'TUTTI_RATE_LIMITED'> {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  readonly lane: string;
  /** Which rule rejected it. */
  readonly reason: RateLimitedReason;
  /** Estimated wait until the call could have started, in milliseconds; `undefined` if waiting would not help. */
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
export class LaneDownError extends TuttiError<'TUTTI_LANE_DOWN'> {
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

/** The lane failed too often recently, so the call was not sent. */
export class CircuitOpenError extends TuttiError<'TUTTI_CIRCUIT_OPEN'> {
  /** The lane, for instance `anthropic/claude-sonnet-4-5`. */
  readonly lane: string;
  /** Time until the lane is tried again, in milliseconds. */
  readonly retryAfterMs: number;

  constructor(lane: string, retryAfterMs: number) {
    super(
      'TUTTI_CIRCUIT_OPEN',
      `Circuit open: "${lane}" failed too often recently; it is tried again in ${Math.ceil(retryAfterMs)} ms. ` +
        'Set fallbacks to have other agents answer such calls.',
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

/** Which budget rejected a call, and the state of that budget. */
export interface BudgetRefusal {
  /** What the budget belongs to. */
  scope: BudgetScope;
  /** The owner: the run's id, or the name of the agent or tenant; empty for the process. */
  owner: string;
  /** What it counts. */
  unit: BudgetUnit;
  /** The whole budget. */
  limit: number;
  /** The part that is not spent. */
  left: number;
  /** The call's maximum cost; `undefined` if it is unknown. */
  needed: number | undefined;
  /** If the maximum cost is unknown: the settings that would make it known. */
  missing?: string | undefined;
}

/**
 * The call could cost more than is left of a budget, or its maximum cost is unknown. It was rejected before it was
 * sent: nothing was spent.
 */
export class BudgetExceededError extends TuttiError<'TUTTI_BUDGET_EXCEEDED'> {
  /** What the budget belongs to. */
  readonly scope: BudgetScope;
  /** The owner: the run's id, or the name of the agent or tenant; empty for the process. */
  readonly owner: string;
  /** What it counts. */
  readonly unit: BudgetUnit;
  /** The whole budget, in `unit`. */
  readonly limit: number;
  /** The part that is not spent, in `unit`. */
  readonly left: number;
  /** The call's maximum cost, in `unit`; `undefined` if it is unknown. */
  readonly needed: number | undefined;

  constructor(refusal: BudgetRefusal) {
    const { missing: _, ...details } = refusal;
    super('TUTTI_BUDGET_EXCEEDED', budgetMessage(refusal), { details });
    this.scope = refusal.scope;
    this.owner = refusal.owner;
    this.unit = refusal.unit;
    this.limit = refusal.limit;
    this.left = refusal.left;
    this.needed = refusal.needed;
  }
}

function budgetMessage({ scope, owner, unit, limit, left, needed, missing }: BudgetRefusal): string {
  const whose = owner === '' ? scope : `${scope} "${owner}"`;
  const state = `${left} of ${amount(limit, unit)} are left`;
  if (needed !== undefined) {
    return `Budget of ${whose} exceeded: the call needs up to ${amount(needed, unit)}, but only ${state}. Lower maxTokens or raise the budget.`;
  }
  const fix =
    unit === 'usd' ? (missing ?? 'a price for the model, budget.perCallUsd or maxCostUsd') : 'maxTokens';
  return `Budget of ${whose} cannot be enforced: the call's maximum cost is unknown (${state}). Set ${fix}.`;
}

function amount(value: number, unit: BudgetUnit): string {
  return unit === 'usd' ? `${value} dollars` : `${value} tokens`;
}

import type { AgentReply } from '../../contracts/reply.js';
import { totalTokensOf, type Usage } from '../../contracts/usage.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import type { BudgetClaim, CallCost } from '../../resilience/budget/budget.js';
import { type FailureClass, failureClassOf } from '../../resilience/retry/failure-class.js';
import { priceOf, type RunningAttempt } from './running-attempt.js';

/** Failures that a provider charges nothing for. */
const FREE: ReadonlySet<FailureClass> = new Set([
  'rate-limited',
  'overloaded',
  'server',
  'auth',
  'request',
  'circuit-open',
]);

/** Ends that came from outside while the agent worked. */
const STOPPED: ReadonlySet<FailureClass> = new Set(['cancelled', 'deadline', 'timeout']);

/** A function that was stopped may have spent anything; one that says that it failed is believed. */
function isFree(failure: FailureClass, { target }: RunningAttempt): boolean {
  return FREE.has(failure) || (target.definition.provider === undefined && !STOPPED.has(failure));
}

/** Charges what a failed attempt has cost; nothing where it never ran. */
export function chargeFailure(
  claim: BudgetClaim,
  attempt: RunningAttempt | undefined,
  error: TuttiError,
  usage = attempt?.usage,
): void {
  if (attempt === undefined) {
    claim.release();
    return;
  }
  if (usage !== undefined) claim.settle({ usd: priceOf(attempt, usage), tokens: totalTokensOf(usage) });
  else if (isFree(failureClassOf(error), attempt)) claim.release();
  // It was sent, and what the provider has done is unknown: charged as it was reserved.
  else claim.settle(UNKNOWN);
}

const UNKNOWN: CallCost = Object.freeze({ usd: undefined, tokens: undefined });

/** What an answer says that it has cost; what it does not say is charged as it was reserved. */
export function spendingOf(reply: AgentReply): CallCost {
  const usage = replyUsage(reply);
  const usd = typeof reply === 'string' ? undefined : reply?.costUsd;
  return { usd, tokens: usage && totalTokensOf(usage) };
}

/** Tokens that an answer says it has used. */
export function replyUsage(reply: AgentReply): Partial<Usage> | undefined {
  // An answer that is no reply at all is found out later.
  return typeof reply === 'string' ? undefined : (reply?.usage ?? undefined);
}

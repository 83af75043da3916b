import type { AgentReply } from '../contracts/reply.js';
import type { Usage } from '../contracts/usage.js';
import { CancelledError } from '../errors/execution-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { type BudgetReservation, reserveBudgets, type Spending } from '../resilience/budget.js';
import { failureClassOf } from '../resilience/failure-class.js';
import { hedge } from '../resilience/hedge.js';
import type { HedgePolicy } from '../resilience/hedge-policy.js';
import type { Lane } from '../resilience/lane.js';
import type { LanePass } from '../resilience/lane-pass.js';
import type { TokenCost } from '../resilience/rate-limit-usage.js';
import type { CancelScope } from '../time/cancel-scope.js';
import type { Attempt } from './attempt.js';
import { worstCase } from './attempt-cost.js';
import type { Call } from './call.js';
import { publishHedge } from './call-events.js';
import { runInTurn } from './permit-turn.js';
import type { RegisteredAgent } from './registered-agent.js';

/** One attempt, or two that race, within the budgets: budget ⊃ hedge ⊃ rate limit ⊃ permit ⊃ breaker ⊃ timeout. */
export function runGuardedAttempt(
  call: Call,
  scope: CancelScope,
  target: RegisteredAgent,
): Promise<AgentReply> {
  const { traffic, clock } = call.parts;
  const lane = traffic.laneOf(call, target);
  const policy = lane && mayHedge(call, target) ? traffic.hedgeOf(lane, target.definition) : undefined;
  const delayMs = policy?.attemptStarts();
  if (lane === undefined || policy === undefined || delayMs === undefined) {
    return runBudgeted(call, scope, target, lane);
  }
  return hedge(
    (own, attempt) => {
      if (attempt === 2) publishHedge(call, delayMs);
      return runBudgeted(call, own, target, lane);
    },
    {
      clock,
      scope,
      delayMs,
      mayHedge: () => hasRoom(call, target, lane, policy),
      loserReason: () =>
        new CancelledError({ agent: call.agent, attempt: call.attempts }, 'another attempt answered first'),
    },
  );
}

/** A stream has one reader, and tools may act twice: neither is raced. */
function mayHedge(call: Call, { definition }: RegisteredAgent): boolean {
  if (call.sink !== undefined) return false;
  return definition.provider?.identity?.tools === undefined || definition.idempotent === true;
}

function hasRoom(call: Call, target: RegisteredAgent, lane: Lane, policy: HedgePolicy): boolean {
  return lane.hasRoomForHedge && !target.permits.isFull && call.reason === undefined && policy.tryHedge();
}

/** Reserves what the attempt can cost at worst, and settles what it has cost. */
async function runBudgeted(
  call: Call,
  scope: CancelScope,
  target: RegisteredAgent,
  lane: Lane | undefined,
): Promise<AgentReply> {
  const budgets = call.parts.traffic.budgetsOf(call, target);
  const cost = worstCase(call, target, lane);
  const reservation = budgets.length === 0 ? undefined : reserveBudgets(budgets, cost.spending);
  const run: GuardedRun = { call, scope, target, lane, tokens: cost.tokens, sizeBytes: cost.sizeBytes };
  try {
    const reply = await runInLane(run);
    reservation?.settle(spendingOf(reply));
    return reply;
  } catch (error) {
    if (reservation !== undefined) settleFailure(reservation, run, error as TuttiError);
    throw error;
  }
}

interface GuardedRun {
  readonly call: Call;
  readonly scope: CancelScope;
  readonly target: RegisteredAgent;
  readonly lane: Lane | undefined;
  readonly tokens: TokenCost;
  readonly sizeBytes: number;
  /** The attempt, once it has its permit. */
  attempt?: Attempt;
}

async function runInLane(run: GuardedRun): Promise<AgentReply> {
  const { call, scope, target, lane } = run;
  if (lane === undefined)
    return await runInTurn(call, { point: scope, target, beforeStart: noteAttempt(run) });
  const pass = await acquire(run, lane);
  try {
    const reply = await runInTurn(call, { point: scope, target, beforeStart: send(run, pass) });
    pass.answered(usageOf(reply));
    return reply;
  } catch (error) {
    endPass(pass, run, error as TuttiError);
    throw error;
  }
}

/** Waits for the lane; the call needs no permit meanwhile. */
async function acquire(run: GuardedRun, lane: Lane): Promise<LanePass> {
  const { call, scope, target, tokens, sizeBytes } = run;
  const atOnce = lane.tryAcquire(tokens, sizeBytes);
  if (atOnce !== undefined) return atOnce;
  const { priority, tenant, deadlineMs } = call;
  const deadlineAtMs = deadlineMs === undefined ? undefined : call.queuedAtMs + deadlineMs;
  call.setAside();
  try {
    const agent = target.definition.name;
    return await lane.acquire(tokens, sizeBytes, { priority, tenant, agent, deadlineAtMs, scope });
  } finally {
    call.takenUp();
  }
}

function noteAttempt(run: GuardedRun): (attempt: Attempt) => void {
  return (attempt) => {
    run.attempt = attempt;
  };
}

function send(run: GuardedRun, pass: LanePass): (attempt: Attempt) => void {
  return (attempt) => {
    run.attempt = attempt;
    attempt.onResponse = (info) => pass.heard(info);
    pass.send();
  };
}

function endPass(pass: LanePass, run: GuardedRun, error: TuttiError): void {
  const { attempt } = run;
  if (attempt === undefined) {
    pass.release();
    return;
  }
  const failure = failureClassOf(error);
  const { usage } = attempt;
  if (failure === 'cancelled' || failure === 'deadline') pass.cancelled(usage);
  else {
    const { retryAfterMs, cause } = error as { retryAfterMs?: number; cause?: { headers?: unknown } };
    pass.failed({ failure, retryAfterMs, headers: headersOf(cause), usage });
  }
}

function headersOf(cause: unknown): unknown {
  return typeof cause === 'object' && cause !== null && 'headers' in cause ? cause.headers : undefined;
}

/** Failures that a provider charges nothing for. */
const FREE: ReadonlySet<string> = new Set([
  'rate-limited',
  'overloaded',
  'server',
  'auth',
  'request',
  'circuit-open',
]);

function settleFailure(reservation: BudgetReservation, run: GuardedRun, error: TuttiError): void {
  const { attempt } = run;
  if (attempt === undefined) {
    reservation.release();
    return;
  }
  const { usage } = attempt;
  if (usage !== undefined) reservation.settle({ usd: run.call.spent?.costUsd, tokens: totalOf(usage) });
  else if (FREE.has(failureClassOf(error)) || run.target.definition.provider === undefined)
    reservation.release();
  // It was sent, and nobody knows what the provider has worked: charged as it was reserved.
  else reservation.settle({ usd: undefined, tokens: undefined });
}

function spendingOf(reply: AgentReply): Spending {
  if (typeof reply === 'string') return { usd: undefined, tokens: undefined };
  return { usd: reply.costUsd, tokens: reply.usage && totalOf(reply.usage) };
}

function usageOf(reply: AgentReply): Partial<Usage> | undefined {
  return typeof reply === 'string' ? undefined : reply.usage;
}

function totalOf(usage: Partial<Usage>): number {
  const { inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage;
  return usage.totalTokens ?? inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens;
}

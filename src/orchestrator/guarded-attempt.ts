import type { AgentDefinition } from '../contracts/agent.js';
import type { AgentReply } from '../contracts/reply.js';
import type { Usage } from '../contracts/usage.js';
import { CancelledError, TimeoutError } from '../errors/execution-errors.js';
import type { TuttiError } from '../errors/tutti-error.js';
import { type BudgetReservation, reserveBudgets, type Spending } from '../resilience/budget.js';
import { type FailureClass, failureClassOf } from '../resilience/failure-class.js';
import { hedge } from '../resilience/hedge.js';
import type { HedgePolicy } from '../resilience/hedge-policy.js';
import type { Lane } from '../resilience/lane.js';
import type { LanePass } from '../resilience/lane-pass.js';
import type { TokenCost } from '../resilience/rate-limit-usage.js';
import { CancelScope } from '../time/cancel-scope.js';
import type { TimerHandle } from '../time/clock.js';
import type { Attempt } from './attempt.js';
import { worstCase } from './attempt-cost.js';
import type { Call } from './call.js';
import { publishHedge } from './call-events.js';
import { runInTurn } from './permit-turn.js';
import { priceOf } from './price-of.js';
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
    return runBudgeted({ call, scope, target, lane });
  }
  const accounts = new RaceAccounts(call);
  return hedge(
    (own, attempt) => {
      const request = { call, scope: own, target, lane };
      if (attempt === 1) return accounts.book(runBudgeted(request));
      return accounts.book(runBudgeted({ ...request, onAdmitted: () => publishHedge(call, delayMs) }));
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

/** Two attempts may answer in the same moment, too late to stop the second: it was paid for too. */
class RaceAccounts {
  readonly #call: Call;
  #isWon = false;

  constructor(call: Call) {
    this.#call = call;
  }

  async book(attempt: Promise<AgentReply>): Promise<AgentReply> {
    const reply = await attempt;
    if (this.#isWon && typeof reply !== 'string' && reply.usage !== undefined)
      this.#call.addSpent(reply.usage, reply.costUsd);
    this.#isWon = true;
    return reply;
  }
}

function hasTools({ provider }: AgentDefinition): boolean {
  const tools = provider?.identity?.tools;
  return Array.isArray(tools) ? tools.length > 0 : tools !== undefined;
}

/** A stream has one reader, and tools may act twice: neither is raced. */
function mayHedge(call: Call, { definition }: RegisteredAgent): boolean {
  if (call.sink !== undefined) return false;
  return !hasTools(definition) || definition.idempotent === true;
}

function hasRoom(call: Call, target: RegisteredAgent, lane: Lane, policy: HedgePolicy): boolean {
  return lane.hasRoomForHedge && !target.permits.isFull && call.reason === undefined && policy.tryHedge();
}

/** What is attempted. */
interface GuardedRequest {
  readonly call: Call;
  readonly scope: CancelScope;
  readonly target: RegisteredAgent;
  readonly lane: Lane | undefined;
  /** Of a hedge: told when budgets and lane have room for it. A hedge does not wait for its lane. */
  readonly onAdmitted?: (() => void) | undefined;
}

/** Reserves what the attempt can cost at worst, and settles what it has cost. */
async function runBudgeted(request: GuardedRequest): Promise<AgentReply> {
  const { call, scope, target, lane, onAdmitted } = request;
  const budgets = call.parts.traffic.budgetsOf(call, target);
  const cost = worstCase(call, target, lane);
  const reservation = budgets.length === 0 ? undefined : reserveBudgets(budgets, cost.spending);
  const { tokens, sizeBytes } = cost;
  const sinceMs = call.parts.clock.now();
  const run: GuardedRun = {
    call,
    scope,
    target,
    lane,
    onAdmitted,
    tokens,
    sizeBytes,
    sinceMs,
    attempt: undefined,
  };
  try {
    const reply = await runInLane(run);
    reservation?.settle(spendingOf(reply));
    return reply;
  } catch (error) {
    if (reservation !== undefined) settleFailure(reservation, run, error as TuttiError);
    throw error;
  }
}

interface GuardedRun extends GuardedRequest {
  readonly tokens: TokenCost;
  readonly sizeBytes: number;
  /** When it began to wait, for its lane first and then for a permit. */
  readonly sinceMs: number;
  /** The attempt, once it has its permit. */
  attempt: Attempt | undefined;
}

async function runInLane(run: GuardedRun): Promise<AgentReply> {
  const { call, scope: point, target, lane, sinceMs } = run;
  if (lane === undefined)
    return await runInTurn(call, { point, target, sinceMs, beforeStart: noteAttempt(run) });
  // Nothing is awaited where there is room: a hedge was told of room that may be gone a moment later.
  const pass = lane.tryAcquire(run.tokens, run.sizeBytes) ?? (await waitForLane(run, lane));
  run.onAdmitted?.();
  try {
    const reply = await runInTurn(call, { point, target, sinceMs, beforeStart: send(run, pass) });
    pass.answered(usageOf(reply));
    return reply;
  } catch (error) {
    endPass(pass, run, error as TuttiError);
    throw error;
  }
}

/** Waits for the lane; the call needs no permit meanwhile. */
async function waitForLane(run: GuardedRun, lane: Lane): Promise<LanePass> {
  const { call, onAdmitted } = run;
  if (onAdmitted !== undefined) throw noRoomForHedge(call);
  const wait = new CancelScope();
  run.scope.add(wait);
  const timer = limitWait(call, wait);
  call.setAside();
  try {
    return await acquireInTime(run, lane, wait);
  } finally {
    call.takenUp();
    run.scope.delete(wait);
    if (timer !== undefined) call.parts.clock.clearTimeout(timer);
  }
}

async function acquireInTime(run: GuardedRun, lane: Lane, scope: CancelScope): Promise<LanePass> {
  const { call, target, tokens, sizeBytes } = run;
  const { priority, tenant, deadlineAtMs } = call;
  const agent = target.definition.name;
  try {
    return await lane.acquire(tokens, sizeBytes, { priority, tenant, agent, deadlineAtMs, scope });
  } catch (refusal) {
    const isLonger = deadlineAtMs !== undefined && (call.deadlineAtMs ?? Infinity) > deadlineAtMs;
    if (failureClassOf(refusal) !== 'rate-limited' || !isLonger) throw refusal;
    // Somebody with more time has joined a shared call meanwhile.
    return await acquireInTime(run, lane, scope);
  }
}

/** `timeouts.queueMs` counts from here on, for the lane and the permit together. */
function limitWait(call: Call, wait: CancelScope): TimerHandle | undefined {
  const queueMs = call.settings.timeouts?.queueMs;
  if (queueMs === undefined) return undefined;
  const identity = { agent: call.agent, attempt: call.attempts };
  const end = (): void => wait.cancel(new TimeoutError('queue', queueMs, identity));
  return call.parts.clock.setTimeout(end, queueMs, undefined);
}

function noRoomForHedge({ agent, attempts }: Call): CancelledError {
  return new CancelledError({ agent, attempt: attempts }, 'its lane has no room for a second attempt');
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
function isFree(failure: FailureClass, { definition }: RegisteredAgent): boolean {
  return FREE.has(failure) || (definition.provider === undefined && !STOPPED.has(failure));
}

function settleFailure(reservation: BudgetReservation, run: GuardedRun, error: TuttiError): void {
  const { attempt } = run;
  if (attempt === undefined) {
    reservation.release();
    return;
  }
  const { usage } = attempt;
  if (usage !== undefined) reservation.settle({ usd: priceOf(attempt, usage), tokens: totalOf(usage) });
  else if (isFree(failureClassOf(error), run.target)) reservation.release();
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

import { QueueNode } from '../../collections/priority-queue.js';
import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import type { AgentReply } from '../../contracts/reply.js';
import { subtractUsage, totalTokensOf, type Usage } from '../../contracts/usage.js';
import { CancelledError, TimeoutError } from '../../errors/execution-errors.js';
import { CircuitOpenError } from '../../errors/traffic-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { captureContext, runIn } from '../../lifecycle/async-context.js';
import type { CallCost } from '../../resilience/budget/budget.js';
import type { AttemptEnds } from '../../resilience/hedge/attempt-ends.js';
import type { Racer } from '../../resilience/hedge/hedge.js';
import type { Lane } from '../../resilience/lane/lane.js';
import type { LanePass } from '../../resilience/lane/lane-pass.js';
import type { PermitRequest } from '../../resilience/permits/waiting-queue.js';
import type { TokenCost } from '../../resilience/rate-limit/token-cost.js';
import { failureClassOf } from '../../resilience/retry/failure-class.js';
import type { RetryOutlook } from '../../resilience/retry/retry-outlook.js';
import type { Cancellable } from '../../time/cancel-scope.js';
import type { TimerHandle } from '../../time/clock.js';
import type { CancelPoint } from '../../time/sleep.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { publishWait } from '../retry-events.js';
import { Attempt } from './attempt.js';
import { AttemptBudget, type BudgetedAttempt } from './attempt-budget.js';
import { chargeFailure, replyUsage, spendingOf } from './charge.js';
import { type Admission, priceOf, RESUMED_PRIORITY } from './running-attempt.js';
import { sizeOf, spendingAtWorst, worstTokens } from './worst-case.js';

/** How an attempt stands in the series of attempts of its call at one agent. */
export interface AttemptPlace {
  readonly call: Call;
  readonly target: RegisteredAgent;
  readonly outlook: RetryOutlook;
  /** The longest pause of its lane that it waits for, in milliseconds. */
  readonly maxWaitMs: number;
}

const NO_TOKENS: TokenCost = Object.freeze({ inputTokens: 0, outputTokens: 0 });

/**
 * Any attempt but the first one of a call without traffic control: rate limit ⊃ permit ⊃ budget ⊃ breaker ⊃ timeout.
 * It is one object from its queue to its end, stands in the queue for its permit itself, and reports to `ends` without a
 * promise in between: thousands may wait at once.
 */
export class QueuedAttempt extends QueueNode implements PermitRequest, BudgetedAttempt, Racer, CancelPoint {
  readonly call: Call;
  /** The agent that answers: the call's own, or one of its fallbacks. */
  readonly target: RegisteredAgent;
  priority: number;
  /** When it began to wait, for its lane too. */
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  /** Why it was cancelled. */
  reason: Error | undefined = undefined;
  readonly #lane: Lane | undefined;
  readonly #outlook: RetryOutlook;
  readonly #maxWaitMs: number;
  readonly #ends: AttemptEnds<AgentReply>;
  #queueTimer: TimerHandle | undefined = undefined;
  #isWaiting = true;
  /** Whether its pass was reserved ahead of its permit, and may be out of date when it has that. */
  #hasOnlyReserved = false;
  #sizeBytes = 0;
  #tokens: TokenCost = NO_TOKENS;
  /** What it reserves; `undefined` if no budget applies. */
  #budget: AttemptBudget | undefined = undefined;
  #pass: LanePass | undefined = undefined;
  #tenantPass: LanePass | undefined = undefined;
  #work: PermittedAttempt | undefined = undefined;
  /** What its work had used when it last gave back what it held. */
  #settled: Partial<Usage> | undefined = undefined;
  /** Called when its work may go on. */
  #resumed: ((freePermit: () => void) => void) | undefined = undefined;
  // What is ended when it is cancelled: the wait for its lane, or its work.
  #stage: Cancellable | undefined = undefined;

  constructor(place: AttemptPlace, lane: Lane | undefined, ends: AttemptEnds<AgentReply>) {
    super();
    const { call, target } = place;
    this.call = call;
    this.target = target;
    this.priority = call.priority;
    this.tenant = call.tenant;
    // What is left of its backoff is no time in a queue.
    this.queuedAtMs = Math.max(call.services.clock.now(), place.outlook.readyAtMs);
    this.#lane = lane;
    this.#outlook = place.outlook;
    this.#maxWaitMs = place.maxWaitMs;
    this.#ends = ends;
  }

  get agent(): string {
    return this.target.definition.name;
  }

  get laneName(): string | undefined {
    return this.#lane?.name;
  }

  /** Waits for its lane, if it has one, for its permit, and for room in its budgets. */
  begin(): void {
    if (this.call.reason !== undefined) {
      this.#ends.failed(this.call.reason);
      return;
    }
    this.call.services.recorder?.step({ kind: 'queued', call: this.call });
    this.#limitWait();
    this.#estimate();
    this.#enter();
  }

  /** Gives back its passes and its reservation, for what its work has used so far. */
  giveBack(): void {
    const used = this.#newlyUsed(this.#work?.usage);
    this.#pass?.answered(used, false);
    this.#tenantPass?.answered(used);
    this.#pass = undefined;
    this.#tenantPass = undefined;
    if (this.#budget !== undefined) {
      this.#budget.claim?.settle(this.#costOf(used));
      this.#budget.claim = undefined;
    }
    this.#settled = this.#work?.usage;
  }

  /** Waits for passes, reservation and permit again, in front of calls that have not begun. */
  waitAgain(resumed: (freePermit: () => void) => void): void {
    this.#resumed = resumed;
    this.#isWaiting = true;
    this.priority = RESUMED_PRIORITY;
    this.#enter();
  }

  /** It has its permit, which is freed when the promise settles. */
  start(): Promise<void> | undefined {
    if (!this.#isWaiting) return undefined;
    if (this.#hasOnlyReserved && this.#lane?.mayStart === false) {
      this.#giveWay(this.#lane);
      return undefined;
    }
    const { clock, overdue } = this.call.services;
    overdue.noteWaiting();
    if (this.#budget?.reserve() === false) return undefined;
    this.#endWait();
    try {
      this.#pass?.send();
      this.#tenantPass?.send();
    } catch (refusal) {
      this.#refuse(refusal as TuttiError);
      return undefined;
    }
    if (this.#resumed !== undefined) return this.#resume(this.#resumed);
    this.#work = new PermittedAttempt(this, Math.max(0, clock.now() - this.queuedAtMs));
    return this.#work.run();
  }

  /** Ends it in whatever stage it is. */
  cancel(reason: Error): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    const stage = this.#stage;
    // Its work is no stage of its own while it waits to go on.
    const isBehindWait = stage === this.#work && this.#isWaiting;
    if (stage !== undefined && !isBehindWait) stage.cancel(reason);
    else this.leave(reason);
  }

  /** Its work goes on, under the permit that is freed when the promise settles. */
  #resume(resumed: (freePermit: () => void) => void): Promise<void> {
    this.#resumed = undefined;
    this.#stage = this.#work;
    return new Promise(resumed);
  }

  /** What its work has used since it last gave back what it held. */
  #newlyUsed(usage: Partial<Usage> | undefined): Partial<Usage> | undefined {
    return usage === undefined || this.#settled === undefined ? usage : subtractUsage(usage, this.#settled);
  }

  #costOf(usage: Partial<Usage> | undefined): CallCost {
    if (usage === undefined || this.#work === undefined) return { usd: undefined, tokens: undefined };
    return { usd: priceOf(this.#work, usage), tokens: totalTokensOf(usage) };
  }

  /** It enters a stage, which is cancelled with it. */
  add(stage: Cancellable): void {
    this.#stage = stage;
  }

  /** It has left a stage. */
  delete(stage: Cancellable): void {
    if (this.#stage === stage) this.#stage = undefined;
  }

  /** Its agent runs next. */
  starting(): void {
    this.#ends.sent?.();
  }

  /** Called when a request was written to its connection. */
  get onSent(): (() => void) | undefined {
    const pass = this.#pass;
    const tenantPass = this.#tenantPass;
    if (pass === undefined && tenantPass === undefined) return undefined;
    return () => {
      pass?.left();
      tenantPass?.left();
    };
  }

  /** Called with each of the provider's responses. */
  get onResponse(): ((info: ProviderResponseInfo) => void) | undefined {
    const pass = this.#pass;
    return pass && ((info) => pass.heard(info));
  }

  /** For its work alone. */
  succeeded(reply: AgentReply): void {
    const usage = this.#newlyUsed(replyUsage(reply));
    this.#pass?.answered(usage, this.#outlook.failures === 0);
    this.#tenantPass?.answered(usage);
    this.#budget?.claim?.settle(this.#settled === undefined ? spendingOf(reply) : this.#costOf(usage));
    this.call.delete(this);
    this.#ends.succeeded(reply);
  }

  /** For its work alone. */
  failed(error: TuttiError): void {
    const attempt = this.#work;
    const usage = this.#newlyUsed(attempt?.usage);
    const end = { attempt, error, usage, outlook: this.#outlook };
    if (this.#pass !== undefined) endPass(this.#pass, end);
    if (this.#tenantPass !== undefined) endPass(this.#tenantPass, end);
    const claim = this.#budget?.claim;
    if (claim !== undefined) chargeFailure(claim, attempt, error, usage);
    this.call.delete(this);
    this.#ends.failed(error);
  }

  /** Estimates its size, and the most that it can cost where budgets apply. */
  #estimate(): void {
    const { call, target } = this;
    const hasBudgets = call.services.traffic.budgetsOf(call, target).length > 0;
    const isCounted = this.#lane !== undefined || hasBudgets;
    if (!isCounted && call.services.traffic.tenantLaneOf(call) === undefined) return;
    const size = sizeOf(call, target);
    // What files take says nothing about bytes of text: a lane learns nothing from such an answer.
    this.#sizeBytes = size.fileTokens === 0 ? size.textBytes : 0;
    this.#tokens = worstTokens(call, target, this.#lane, size);
    if (hasBudgets) this.#budget = new AttemptBudget(this, spendingAtWorst(call, target, this.#lane, size));
  }

  /** First its budgets; a hedge, which does not wait, reserves at once. */
  #enter(): void {
    if (this.#budget === undefined) this.budgetHasRoom();
    else if (!this.#isHedge) this.#budget.enter();
    else this.#reserveForHedge(this.#budget);
  }

  #reserveForHedge(budget: AttemptBudget): void {
    try {
      if (budget.tryReserve()) this.budgetHasRoom();
      else this.leave(noRoomForHedge(this.call));
    } catch (refusal) {
      this.leave(refusal as Error);
    }
  }

  /** First the limits of its tenant: what waits for them takes nothing of the lane that it shares with other tenants. */
  budgetHasRoom(): void {
    const lane = this.call.services.traffic.tenantLaneOf(this.call);
    if (lane === undefined) {
      this.#enterLane();
      return;
    }
    const pass = this.#isBackingOff ? undefined : lane.tryAcquire(this.#tokens, this.#sizeBytes);
    const admitted = (tenantPass: LanePass): void => {
      this.#tenantPass = tenantPass;
      this.#enterLane();
    };
    if (pass !== undefined) admitted(pass);
    else if (this.#isHedge) this.leave(noRoomForHedge(this.call));
    else this.#waitForLane(lane, admitted);
  }

  releasePasses(): void {
    this.#pass?.release();
    this.#tenantPass?.release();
    this.#pass = undefined;
    this.#tenantPass = undefined;
  }

  #enterLane(): void {
    const lane = this.#lane;
    if (lane === undefined) {
      this.#admitted(undefined);
      return;
    }
    if (!lane.isAvailable) {
      this.leave(new CircuitOpenError(lane.name, lane.breaker?.retryAfterMs ?? 0));
      return;
    }
    const pass = this.#isBackingOff ? undefined : this.#passWithoutWait(lane);
    if (pass !== undefined) this.#admitted(pass);
    else if (this.#isHedge) this.leave(noRoomForHedge(this.call));
    else this.#waitForOwnLane(lane);
  }

  /** A hedge was started because there was room, which may be gone a moment later; it does not wait. */
  get #isHedge(): boolean {
    return this.#ends.admitted !== undefined;
  }

  /** Whether it is a retry whose backoff has not ended. */
  get #isBackingOff(): boolean {
    const { readyAtMs } = this.#outlook;
    return readyAtMs > 0 && readyAtMs > this.call.services.clock.now();
  }

  #passWithoutWait(lane: Lane): LanePass | undefined {
    this.#hasOnlyReserved = !this.#isHedge && lane.mayStart;
    return this.#hasOnlyReserved
      ? lane.tryReserve(this.#tokens, this.#sizeBytes)
      : lane.tryAcquire(this.#tokens, this.#sizeBytes);
  }

  #waitForOwnLane(lane: Lane): void {
    this.#hasOnlyReserved = false;
    this.#waitForLane(lane, (pass) => this.#admitted(pass));
  }

  /** Waits for a lane; the call needs no permit meanwhile. */
  #waitForLane(lane: Lane, admitted: (pass: LanePass) => void): void {
    const { call, priority, tenant, agent } = this;
    // The others of its group wait for a lane that is down like any other calls, not one after the other.
    if (lane.isStopped) this.#budget?.arrive();
    const { deadlineAtMs, queuedAtMs: calledAtMs } = call;
    call.setAside();
    // It is let in when another call leaves the lane, in that call's context.
    const context = captureContext();
    let isDone = false;
    const admit = (pass: LanePass): void => {
      isDone = true;
      call.services.recorder?.step({ kind: 'wait-over', call });
      call.takenUp();
      runIn(context, () => admitted(pass));
    };
    const refuse = (refusal: Error): void => {
      isDone = true;
      call.services.recorder?.step({ kind: 'wait-over', call });
      const isLonger = deadlineAtMs !== undefined && (call.deadlineAtMs ?? Infinity) > deadlineAtMs;
      if (failureClassOf(refusal) === 'rate-limited' && isLonger) {
        // A caller with more time has joined a shared call meanwhile.
        call.takenUp();
        this.#waitForLane(lane, admitted);
        return;
      }
      call.takenUp();
      this.leave(refusal);
    };
    const [maxWaitMs, outlook] = [this.#maxWaitMs, this.#outlook];
    const options = { priority, tenant, agent, deadlineAtMs, scope: this, maxWaitMs, calledAtMs, outlook };
    lane.submit(this.#tokens, this.#sizeBytes, options, admit, refuse);
    if (!isDone) publishWait(call, lane, this.#outlook.readyAtMs);
  }

  #admitted(pass: LanePass | undefined): void {
    this.#pass = pass;
    this.#ends.admitted?.();
    this.#queue();
  }

  /** The lane got into trouble while it waited for its permit: it waits for the lane, as all others do. */
  #giveWay(lane: Lane): void {
    this.#pass?.release();
    this.#pass = undefined;
    this.#waitForOwnLane(lane);
  }

  /** Waits for the permit. */
  #queue(): void {
    this.target.permits.submit(this);
    this.call.services.overdue.noteWaiting();
  }

  /** Has `timeouts.queueMs` end the wait. */
  #limitWait(): void {
    const { settings, services } = this.call;
    const queueMs = settings.timeouts?.queueMs;
    if (queueMs === undefined) return;
    const delayMs = this.queuedAtMs - services.clock.now() + queueMs;
    this.#queueTimer = services.clock.setTimeout(passQueueLimit, delayMs, this);
  }

  /** Leaves the queue, if it still waits. */
  leave(reason: Error): void {
    if (!this.#isWaiting) return;
    this.#endWait();
    this.#budget?.leave();
    this.target.permits.withdraw(this);
    this.call.services.overdue.noteWaiting();
    this.#refuse(reason as TuttiError);
  }

  #refuse(reason: TuttiError): void {
    // Work that waits to go on ends with it.
    if (this.#work === undefined) this.failed(reason);
    else this.#work.cancel(reason);
  }

  #endWait(): void {
    this.#isWaiting = false;
    if (this.#queueTimer !== undefined) this.call.services.clock.clearTimeout(this.#queueTimer);
  }
}

/** The attempt's part under its permit. */
class PermittedAttempt extends Attempt {
  readonly #queued: QueuedAttempt;

  constructor(queued: QueuedAttempt, queuedMs: number) {
    super(queued.call, queuedMs, queued, queued.target);
    this.#queued = queued;
  }

  override get admission(): Admission {
    return this.#queued;
  }

  override get onSent(): (() => void) | undefined {
    return this.#queued.onSent;
  }

  override get onResponse(): ((info: ProviderResponseInfo) => void) | undefined {
    return this.#queued.onResponse;
  }

  protected override starting(): void {
    this.#queued.starting();
  }

  protected succeeded(reply: AgentReply): void {
    this.#queued.succeeded(reply);
  }

  protected failed(error: TuttiError): void {
    this.#queued.failed(error);
  }
}

function passQueueLimit(attempt: QueuedAttempt): void {
  const { agent, attempts, settings } = attempt.call;
  const queueMs = settings.timeouts?.queueMs as number;
  attempt.cancel(new TimeoutError('queue', queueMs, { agent, attempt: attempts }));
}

function noRoomForHedge({ agent, attempts }: Call): CancelledError {
  return new CancelledError({ agent, attempt: attempts }, 'its lane has no room for a second attempt');
}

interface FailedWork {
  readonly attempt: Attempt | undefined;
  readonly error: TuttiError;
  readonly usage: Partial<Usage> | undefined;
  readonly outlook: RetryOutlook;
}

function endPass(pass: LanePass, { attempt, error, usage, outlook }: FailedWork): void {
  if (attempt === undefined) {
    pass.release();
    return;
  }
  const failure = failureClassOf(error);
  if (failure === 'cancelled' || failure === 'deadline') pass.cancelled(usage);
  else {
    const { retryAfterMs, status } = error as { retryAfterMs?: number; status?: number };
    pass.failed({ failure, error, status, retryAfterMs, usage, outlook });
  }
}

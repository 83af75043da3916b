import type { ProviderResponseInfo } from '../../contracts/rate-limits.js';
import type { AgentReply } from '../../contracts/reply.js';
import { CancelledError } from '../../errors/execution-errors.js';
import type { TuttiError } from '../../errors/tutti-error.js';
import { captureContext, runIn } from '../../lifecycle/async-context.js';
import { type BudgetReservation, reserveBudgets } from '../../resilience/budget/budget.js';
import type { AttemptEnds } from '../../resilience/hedge/attempt-ends.js';
import type { Racer } from '../../resilience/hedge/hedge.js';
import type { Lane } from '../../resilience/lane/lane.js';
import type { LanePass } from '../../resilience/lane/lane-pass.js';
import type { TokenCost } from '../../resilience/rate-limit/usage.js';
import { failureClassOf } from '../../resilience/retry/failure-class.js';
import type { Cancellable } from '../../time/cancel-scope.js';
import type { CancelPoint } from '../../time/sleep.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { Attempt } from './attempt.js';
import { settleFailure, spendingOf, usageOf } from './charge.js';
import { PermitTurn } from './permit-turn.js';
import { sizeOf, spendingAtWorst, worstTokens } from './worst-case.js';

const NO_TOKENS: TokenCost = Object.freeze({ inputTokens: 0, outputTokens: 0 });

/**
 * One attempt under traffic control: budget ⊃ rate limit ⊃ permit ⊃ breaker ⊃ timeout. It is one object from its
 * reservation to its end, stands in the queue for its permit itself, and tells `ends` without a promise in between:
 * thousands may wait at once.
 */
export class GuardedAttempt extends PermitTurn implements Racer, CancelPoint {
  /** Why it was cancelled. */
  reason: Error | undefined = undefined;
  readonly #lane: Lane | undefined;
  readonly #ends: AttemptEnds<AgentReply>;
  #sizeBytes = 0;
  #tokens: TokenCost = NO_TOKENS;
  #reservation: BudgetReservation | undefined = undefined;
  #pass: LanePass | undefined = undefined;
  #work: GuardedWork | undefined = undefined;
  // What has to be ended when it is cancelled: the wait for its lane, or its work.
  #stage: Cancellable | undefined = undefined;

  constructor(call: Call, target: RegisteredAgent, lane: Lane | undefined, ends: AttemptEnds<AgentReply>) {
    super(call, target);
    this.#lane = lane;
    this.#ends = ends;
  }

  /** Reserves what it can cost at worst, then waits for its lane where there is one. */
  begin(): void {
    if (this.call.reason !== undefined) this.#ends.failed(this.call.reason);
    else if (this.#reserve()) this.#enterLane();
  }

  cancel(reason: Error): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    if (this.#stage !== undefined) this.#stage.cancel(reason);
    else this.leave(reason);
  }

  /** It enters a stage, which hears of a cancellation. */
  add(stage: Cancellable): void {
    this.#stage = stage;
  }

  /** It has left a stage. */
  delete(stage: Cancellable): void {
    if (this.#stage === stage) this.#stage = undefined;
  }

  /** Its permit is there and its agent runs next. @throws {@link CircuitOpenError} where the lane's breaker is open. */
  send(): void {
    this.#pass?.send();
    this.#ends.sent?.();
  }

  /** What hears that a request was written to its connection. */
  get onSent(): (() => void) | undefined {
    const pass = this.#pass;
    return pass && (() => pass.left());
  }

  /** What hears of the provider's responses. */
  get onResponse(): ((info: ProviderResponseInfo) => void) | undefined {
    const pass = this.#pass;
    return pass && ((info) => pass.heard(info));
  }

  /** For its work alone. */
  succeeded(reply: AgentReply): void {
    this.#pass?.answered(usageOf(reply));
    this.#reservation?.settle(spendingOf(reply));
    this.call.delete(this);
    this.#ends.succeeded(reply);
  }

  /** For its work alone. */
  failed(error: TuttiError): void {
    const attempt = this.#work;
    if (this.#pass !== undefined) endPass(this.#pass, attempt, error);
    if (this.#reservation !== undefined) settleFailure(this.#reservation, attempt, error);
    this.call.delete(this);
    this.#ends.failed(error);
  }

  protected granted(queuedMs: number): Promise<void> | undefined {
    this.#work = new GuardedWork(this, queuedMs);
    return this.#work.run();
  }

  protected refused(reason: Error): void {
    this.failed(reason as TuttiError);
  }

  #reserve(): boolean {
    const { call, target } = this;
    const lane = this.#lane;
    const budgets = call.parts.traffic.budgetsOf(call, target);
    if (lane === undefined && budgets.length === 0) return true;
    this.#sizeBytes = sizeOf(call, target);
    this.#tokens = worstTokens(call, target, lane, this.#sizeBytes);
    if (budgets.length === 0) return true;
    try {
      this.#reservation = reserveBudgets(budgets, spendingAtWorst(call, target, this.#tokens));
      return true;
    } catch (refusal) {
      this.leave(refusal as Error);
      return false;
    }
  }

  #enterLane(): void {
    this.limitWait();
    const lane = this.#lane;
    if (lane === undefined) {
      this.submit();
      return;
    }
    const pass = lane.tryAcquire(this.#tokens, this.#sizeBytes);
    if (pass !== undefined) this.#admitted(pass);
    // A hedge was told of room that may be gone a moment later; it does not wait.
    else if (this.#ends.admitted !== undefined) this.leave(noRoomForHedge(this.call));
    else {
      this.call.setAside();
      this.#waitForLane(lane);
    }
  }

  /** Waits for the lane; the call needs no permit meanwhile. */
  #waitForLane(lane: Lane): void {
    const { call, priority, tenant, agent } = this;
    const { deadlineAtMs } = call;
    // It is let in by whoever leaves the lane, whose context is not its own.
    const context = captureContext();
    const admit = (pass: LanePass): void => {
      call.takenUp();
      runIn(context, () => this.#admitted(pass));
    };
    const refuse = (refusal: Error): void => {
      const isLonger = deadlineAtMs !== undefined && (call.deadlineAtMs ?? Infinity) > deadlineAtMs;
      if (failureClassOf(refusal) === 'rate-limited' && isLonger) {
        // Somebody with more time has joined a shared call meanwhile.
        this.#waitForLane(lane);
        return;
      }
      call.takenUp();
      this.leave(refusal);
    };
    const options = { priority, tenant, agent, deadlineAtMs, scope: this };
    lane.submit(this.#tokens, this.#sizeBytes, options, admit, refuse);
  }

  #admitted(pass: LanePass): void {
    this.#pass = pass;
    this.#ends.admitted?.();
    this.submit();
  }
}

/** The attempt's part under its permit. */
class GuardedWork extends Attempt {
  readonly #guarded: GuardedAttempt;

  constructor(guarded: GuardedAttempt, queuedMs: number) {
    super(guarded.call, queuedMs, guarded, guarded.target);
    this.#guarded = guarded;
  }

  override get onSent(): (() => void) | undefined {
    return this.#guarded.onSent;
  }

  override get onResponse(): ((info: ProviderResponseInfo) => void) | undefined {
    return this.#guarded.onResponse;
  }

  protected override starting(): void {
    this.#guarded.send();
  }

  protected succeeded(reply: AgentReply): void {
    this.#guarded.succeeded(reply);
  }

  protected failed(error: TuttiError): void {
    this.#guarded.failed(error);
  }
}

function noRoomForHedge({ agent, attempts }: Call): CancelledError {
  return new CancelledError({ agent, attempt: attempts }, 'its lane has no room for a second attempt');
}

function endPass(pass: LanePass, attempt: Attempt | undefined, error: TuttiError): void {
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

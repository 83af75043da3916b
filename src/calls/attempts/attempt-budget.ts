import { QueueNode } from '../../collections/priority-queue.js';
import { type AsyncContext, captureContext, runIn } from '../../lifecycle/async-context.js';
import {
  type Budget,
  type BudgetClaim,
  type CallCost,
  claimBudgets,
  fullBudget,
} from '../../resilience/budget/budget.js';
import type { BudgetQueue, BudgetRequest } from '../../resilience/budget/budget-queue.js';
import type { Call } from '../call.js';
import type { RegisteredAgent } from '../registered-agent.js';
import { publishBudgetWait } from '../retry-events.js';

/** The attempt that budgets apply to. */
export interface BudgetedAttempt {
  readonly call: Call;
  readonly target: RegisteredAgent;
  readonly priority: number;
  readonly queuedAtMs: number;
  /** The name of its lane, if it has one. */
  readonly laneName: string | undefined;
  /** There may be room: it goes on to its lanes and its permit, and reserves what it needs when it has them. */
  budgetHasRoom(): void;
  /** It gives back its passes: it has to wait for a budget before it can go. */
  releasePasses(): void;
  /** It can never get room. */
  leave(refusal: Error): void;
}

/**
 * What an attempt reserves in all of its budgets, and its place among the calls that wait for room in one of them.
 *
 * Money is reserved last, when the attempt can really go, so that calls that wait for a lane keep none from others.
 * Where others have reserved what it needs, it gives back its pass and permit and waits for them.
 */
export class AttemptBudget extends QueueNode implements BudgetRequest {
  readonly #attempt: BudgetedAttempt;
  readonly #worstCase: CallCost;
  /** What is reserved, until it is settled. */
  claim: BudgetClaim | undefined = undefined;
  /** The budget that it waits for, or has found room in and not reserved yet. */
  #queue: BudgetQueue | undefined = undefined;
  #isWaiting = false;
  #context: AsyncContext | undefined = undefined;

  constructor(attempt: BudgetedAttempt, worstCase: CallCost) {
    super();
    this.#attempt = attempt;
    this.#worstCase = worstCase;
  }

  get priority(): number {
    return this.#attempt.priority;
  }

  get queuedAtMs(): number {
    return this.#attempt.queuedAtMs;
  }

  /** Calls of the same agent in the same lane wait for a budget in one group. */
  get budgetGroup(): string {
    const { target, laneName } = this.#attempt;
    return `${target.definition.name} ${laneName ?? ''}`;
  }

  /** It is refused at once if there can never be room for it, and waits behind those that wait already. */
  enter(): void {
    try {
      const budgets = this.#budgets();
      fullBudget(budgets, this.#worstCase);
      const busy = budgets.find(({ queue }) => queue.goesBefore(this.budgetGroup, this.priority));
      if (busy === undefined) this.#attempt.budgetHasRoom();
      else this.#waitFor(busy);
    } catch (refusal) {
      this.#attempt.leave(refusal as Error);
    }
  }

  /** Reserves at once, or not at all: returns whether there was room. */
  tryReserve(): boolean {
    const budgets = this.#budgets();
    if (fullBudget(budgets, this.#worstCase) !== undefined) return false;
    this.claim = claimBudgets(budgets, this.#worstCase);
    return true;
  }

  /** Reserves the worst case, or waits for room in front of the lanes; returns whether it is reserved. */
  reserve(): boolean {
    if (this.claim !== undefined) return true;
    const budgets = this.#budgets();
    try {
      const full = fullBudget(budgets, this.#worstCase);
      if (full === undefined) {
        this.claim = claimBudgets(budgets, this.#worstCase);
        this.arrive();
        return true;
      }
      this.#attempt.releasePasses();
      this.arrive();
      this.#waitFor(full);
    } catch (refusal) {
      this.#attempt.leave(refusal as Error);
    }
    return false;
  }

  roomMayBeThere(queue: BudgetQueue): boolean {
    const context = this.#context;
    try {
      const full = fullBudget(this.#budgets(), this.#worstCase);
      if (full?.queue === queue) return false;
      this.#endWait();
      if (full === undefined) queue.letGo(this);
      else queue.delete(this);
      this.#queue = full === undefined ? queue : undefined;
      runIn(context, () => (full === undefined ? this.#attempt.budgetHasRoom() : this.#waitFor(full)));
    } catch (refusal) {
      runIn(context, () => this.#attempt.leave(refusal as Error));
    }
    return true;
  }

  /** It was on its way to reserve its room: the next call of its group may go. */
  arrive(): void {
    const queue = this.#queue;
    this.#queue = undefined;
    queue?.arrived(this);
  }

  /** It no longer waits, and is no longer on its way. */
  leave(): void {
    if (!this.#isWaiting) {
      this.arrive();
      return;
    }
    this.#endWait();
    this.#queue?.delete(this);
    this.#queue = undefined;
  }

  #budgets(): Budget[] {
    const { call, target } = this.#attempt;
    return call.services.traffic.budgetsOf(call, target);
  }

  /** Waits until other calls have settled for less than they have reserved. */
  #waitFor({ queue }: Budget): void {
    const { call, laneName } = this.#attempt;
    // It is let on when another call settles, in that call's context.
    this.#context = captureContext();
    this.#queue = queue;
    this.#isWaiting = true;
    call.services.traffic.waitingForBudget += 1;
    queue.push(this);
    publishBudgetWait(call, laneName);
  }

  #endWait(): void {
    if (!this.#isWaiting) return;
    const { call } = this.#attempt;
    this.#isWaiting = false;
    this.#context = undefined;
    call.services.recorder?.step({ kind: 'wait-over', call });
    call.services.traffic.waitingForBudget -= 1;
  }
}

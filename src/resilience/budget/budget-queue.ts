import { PriorityQueue, type QueueNode } from '../../collections/priority-queue.js';

/** A call that waits until other calls have settled for less than they had reserved in a budget. */
export interface BudgetRequest extends QueueNode {
  /** Calls of one group go on one after the other: those of one agent in one lane. */
  readonly budgetGroup: string;
  /**
   * Something was settled. The call leaves the queue if there is room for it, with {@link BudgetQueue.letGo}, or if it
   * can no longer get any; returns whether it did.
   */
  roomMayBeThere(queue: BudgetQueue): boolean;
}

interface Group {
  readonly waiting: PriorityQueue<BudgetRequest>;
  /** The call that found room last and has not reserved it yet: it may have to wait for its lane or permit. */
  onItsWay: BudgetRequest | undefined;
}

/**
 * The calls that wait for one budget, highest priority first. Each group has one call at a time on its way to its lane
 * and permit, so calls do not crowd out of the queue and back into it each time that a little room is free, and a lane
 * that is slow holds up none but its own calls.
 */
export class BudgetQueue {
  readonly #groups = new Map<string, Group>();
  #isWaking = false;
  #mayHaveMoreRoom = false;

  /** Whether no call waits or is on its way. */
  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  /** Whether a call of this group and priority has to wait behind others. */
  goesBefore(group: string, priority: number): boolean {
    const next = this.#groups.get(group)?.waiting.peek();
    return next !== undefined && next.priority >= priority;
  }

  push(request: BudgetRequest): void {
    const name = request.budgetGroup;
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { waiting: new PriorityQueue(), onItsWay: undefined };
      this.#groups.set(name, group);
    }
    group.waiting.push(request);
  }

  /** The call has found room: the next one of its group waits until it has {@link BudgetQueue.arrived}. */
  letGo(request: BudgetRequest): void {
    const group = this.#groups.get(request.budgetGroup) as Group;
    group.waiting.delete(request);
    group.onItsWay = request;
  }

  /** The call has reserved its room, or does not need it any more. */
  arrived(request: BudgetRequest): void {
    const group = this.#groups.get(request.budgetGroup);
    if (group?.onItsWay !== request) return;
    group.onItsWay = undefined;
    this.wake();
  }

  /** The call no longer waits. */
  delete(request: BudgetRequest): void {
    const name = request.budgetGroup;
    const group = this.#groups.get(name);
    if (group === undefined) return;
    group.waiting.delete(request);
    this.#forget(name, group);
  }

  /** Something was settled: calls go on as far as there is room. */
  wake(): void {
    this.#mayHaveMoreRoom = true;
    // A call that goes on may settle or start others before this returns: one loop does all the waking.
    if (this.#isWaking) return;
    this.#isWaking = true;
    while (this.#mayHaveMoreRoom) {
      this.#mayHaveMoreRoom = false;
      for (const [name, group] of this.#groups) this.#wakeGroup(name, group);
    }
    this.#isWaking = false;
  }

  #wakeGroup(name: string, group: Group): void {
    while (group.onItsWay === undefined) {
      const next = group.waiting.peek();
      if (next === undefined || !next.roomMayBeThere(this)) break;
    }
    this.#forget(name, group);
  }

  #forget(name: string, { waiting, onItsWay }: Group): void {
    if (waiting.size === 0 && onItsWay === undefined) this.#groups.delete(name);
  }
}

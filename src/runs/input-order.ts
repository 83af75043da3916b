import type { IndexedOutcome } from '../contracts/result.js';

/** Passes outcomes on in the order of their tasks; one that comes too early is held until its turn. */
export class InputOrder {
  readonly #deliver: (outcome: IndexedOutcome) => void;
  readonly #early = new Map<number, IndexedOutcome>();
  #next = 0;

  constructor(deliver: (outcome: IndexedOutcome) => void) {
    this.#deliver = deliver;
  }

  /** Number of outcomes that wait for earlier ones. */
  get held(): number {
    return this.#early.size;
  }

  add(outcome: IndexedOutcome): void {
    this.#early.set(outcome.index, outcome);
    for (let due = this.#early.get(this.#next); due !== undefined; due = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#next += 1;
      this.#deliver(due);
    }
  }
}

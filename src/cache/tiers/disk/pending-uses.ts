import type { PendingTouch } from './disk-table.js';

/** Uses waiting to be written, the latest of each key. Bounded, because they are worth less than entries. */
export class PendingUses {
  readonly #most: number;
  #uses = new Map<string, PendingTouch>();
  #running = new Map<string, PendingTouch>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether all are written. */
  get isEmpty(): boolean {
    return this.#uses.size === 0;
  }

  /** Whether further keys are rejected. */
  get isFull(): boolean {
    return this.#uses.size >= this.#most;
  }

  /** Records a use; returns whether it was accepted. */
  note(use: PendingTouch): boolean {
    if (this.isFull && !this.#uses.has(use.key)) return false;
    this.#uses.set(use.key, use);
    return true;
  }

  /** How often the key was served, as far as that is not written. */
  hitsOf(key: string): number {
    return (this.#uses.get(key) ?? this.#running.get(key))?.hits ?? 0;
  }

  forget(key: string): void {
    this.#uses.delete(key);
    this.#running.delete(key);
  }

  /** Takes all, to be written now. */
  take(): PendingTouch[] {
    this.#running = this.#uses;
    this.#uses = new Map();
    return [...this.#running.values()];
  }

  /** What was taken is written. */
  done(): void {
    this.#running = new Map();
  }

  /** What was taken could not be written: it waits again, unless a newer use has replaced it. */
  putBack(): void {
    this.#uses = new Map([...this.#running, ...this.#uses]);
    this.#running = new Map();
  }
}

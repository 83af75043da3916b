import type { DiskTable, PendingTouch } from './disk-table.js';

/** Uses waiting to be written, the latest of each key. Bounded, because they are worth less than entries. */
export class PendingUses {
  readonly #most: number;
  #uses = new Map<string, PendingTouch>();

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
    return this.#uses.get(key)?.hits ?? 0;
  }

  forget(key: string): void {
    this.#uses.delete(key);
  }

  /** Writes all; what cannot be written waits again, unless a newer use has replaced it. */
  async writeTo(table: DiskTable): Promise<void> {
    if (this.isEmpty) return;
    const uses = this.#uses;
    this.#uses = new Map();
    try {
      await table.touch([...uses.values()]);
    } catch (error) {
      this.#uses = new Map([...uses, ...this.#uses]);
      throw error;
    }
  }
}

import type { DiskTable, PendingTouch } from './disk-table.js';

/** Uses that wait to be written, the last one of each key. They are worth less than entries, and there are never many. */
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

  /** Whether no other key is taken. */
  get isFull(): boolean {
    return this.#uses.size >= this.#most;
  }

  /** Notes a use; says whether it was taken. */
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

  /** Writes all; what cannot be written waits again, unless something newer came meanwhile. */
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

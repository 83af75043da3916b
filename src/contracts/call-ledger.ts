import type { Usage } from './usage.js';

/**
 * What a call has finished so far. It belongs to the call and not to one attempt: a retry, a hedge or a fallback goes on
 * from it, and in a run with a `runId` so does the next process. A provider decides what its entries are.
 */
export interface CallLedger {
  /** Identifies the call: the same in all attempts, and when a run with a `runId` is resumed. */
  readonly id: string;
  /** Reads what an earlier process has recorded, oldest first; absent if no journal is kept. */
  readonly load?: (() => Promise<readonly unknown[]>) | undefined;
  /**
   * Records an entry that JSON can express. Resolves when it is on disk; rejects if it cannot be written. Absent if no
   * journal is kept.
   */
  readonly record?: ((entry: unknown) => Promise<void>) | undefined;
  /**
   * Adds to what the call has used and cost, beyond what its attempts report themselves.
   *
   * @param costUsd In US dollars; `undefined` if unknown.
   */
  addSpent(usage: Partial<Usage>, costUsd: number | undefined): void;
}

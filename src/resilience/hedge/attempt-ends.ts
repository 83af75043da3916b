/** Callbacks of an attempt: `admitted` and `sent` on its way, then exactly one of `succeeded` and `failed`, once. */
export interface AttemptEnds<T> {
  /** Budgets and limits have admitted it. */
  admitted?(): void;
  /** It has its permit and is being sent. */
  sent?(): void;
  /** It was answered. */
  succeeded(value: T): void;
  /** It was refused, failed or was cancelled. */
  failed(error: Error): void;
}

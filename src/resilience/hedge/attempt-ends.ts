/** Hears how an attempt fares: `admitted` and `sent` on its way, then one of `succeeded` and `failed`, once. */
export interface AttemptEnds<T> {
  /** Budgets and limits have room for it. */
  admitted?(): void;
  /** It has all it needs and is sent. */
  sent?(): void;
  /** It was answered. */
  succeeded(value: T): void;
  /** It was refused, has failed or was cancelled. */
  failed(error: Error): void;
}

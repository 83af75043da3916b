import { TuttiError } from './tutti-error.js';

/** The queue is full: `maxQueued` calls are waiting, and this one was rejected at once. */
export class QueueFullError extends TuttiError<'TUTTI_QUEUE_FULL'> {
  /** How many calls may wait. */
  readonly maxQueued: number;

  constructor(maxQueued: number) {
    super(
      'TUTTI_QUEUE_FULL',
      `Queue full: ${maxQueued} calls are waiting. Submit it later, raise maxQueued, or use executeMultiple, which reads its tasks lazily.`,
      { retryable: true, details: { maxQueued } },
    );
    this.maxQueued = maxQueued;
  }
}

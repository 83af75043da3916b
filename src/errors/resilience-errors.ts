import { TuttiError } from './tutti-error.js';

/** As many calls are waiting as `maxQueued` allows; this one was refused without waiting. */
export class QueueFullError extends TuttiError {
  /** How many calls may wait. */
  readonly maxQueued: number;

  constructor(maxQueued: number) {
    super(
      'TUTTI_QUEUE_FULL',
      `Queue full: ${maxQueued} calls are waiting already. Submit later, raise maxQueued, or use executeMultiple, which reads its tasks lazily.`,
      { retryable: true, details: { maxQueued } },
    );
    this.maxQueued = maxQueued;
  }
}

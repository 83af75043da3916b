import { TuttiError } from './tutti-error.js';

/** A reader of a shared stream was so far behind the others that what it should have read next is gone. */
export class StreamLaggedError extends TuttiError {
  /** How many items are kept for slow readers. */
  readonly maxKeptItems: number;

  constructor(maxKeptItems: number) {
    super(
      'TUTTI_STREAM_LAGGED',
      `This reader of a shared stream fell more than ${maxKeptItems} items behind the others. Read faster, or ask again.`,
      { retryable: true, details: { maxKeptItems } },
    );
    this.maxKeptItems = maxKeptItems;
  }
}

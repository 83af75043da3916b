import { TuttiError } from './tutti-error.js';

/** A reader of a shared stream fell so far behind the others that the items it needed next have been discarded. */
export class StreamLaggedError extends TuttiError<'TUTTI_STREAM_LAGGED'> {
  /** Number of items that are kept for slow readers. */
  readonly maxKeptItems: number;

  constructor(maxKeptItems: number) {
    super(
      'TUTTI_STREAM_LAGGED',
      `This reader of a shared stream fell more than ${maxKeptItems} items behind the others. Read faster, or call again.`,
      { retryable: true, details: { maxKeptItems } },
    );
    this.maxKeptItems = maxKeptItems;
  }
}

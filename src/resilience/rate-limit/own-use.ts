import { SlidingWindow } from './sliding-window.js';

/** What this process uses of one limited quantity. */
export class OwnUse {
  /** What was used, and when. */
  readonly log: SlidingWindow;
  /** Reserved for requests that have not used it yet. */
  reserved = 0;
  /** What of the total belongs to requests that are not known to have been written to their connections. */
  unsent = 0;
  /** All that was ever used; the difference of two such totals is what was used in between. */
  total = 0;

  /** @param spanMs How long the log goes back, in milliseconds. */
  constructor(spanMs: number) {
    this.log = new SlidingWindow(spanMs);
  }
}

import { randomUUID } from 'node:crypto';

/**
 * Ids of calls: they differ between processes by their beginning and within one by their end. A call keeps its
 * number and not the text, which would weigh as much as a fifth of a waiting call.
 */
export class CallIds {
  // Half a UUID: cheaper than one a call. With its dash, since each id would keep a text of its own for the two.
  readonly #prefix = `${randomUUID().slice(0, 18)}-`;
  #last = 0;

  /** The next call's number, from 1. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** The id of the call with this number. */
  textOf(number: number): string {
    return this.#prefix + number.toString(36);
  }
}

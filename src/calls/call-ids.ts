import { randomUUID } from 'node:crypto';

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

/**
 * Ids of calls: they differ between processes by their beginning and within one by their end. A call keeps its
 * number and not the text, which would weigh as much as a fifth of a waiting call.
 */
export class CallIds {
  // Half a UUID: cheaper than one a call.
  readonly #prefix = `${randomUUID().slice(0, 18)}-`;
  #last = 0;
  /** All but the last digit of the latest id, as a number and as the text that its neighbours share. */
  #head = 0;
  #headText = this.#prefix;

  /** The next call's number, from 1. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** The id of the call with this number: the prefix and the number in base 36. */
  textOf(number: number): string {
    const digit = number % DIGITS.length;
    const head = (number - digit) / DIGITS.length;
    // Writing out a number costs more than everything else here, so it is done once for calls that follow each other.
    if (head !== this.#head) {
      this.#head = head;
      this.#headText = head === 0 ? this.#prefix : this.#prefix + head.toString(DIGITS.length);
    }
    return this.#headText + DIGITS.charAt(digit);
  }
}

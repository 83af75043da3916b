/** Answers although nothing was left, beyond those that can be explained, after which a limit is not believed. */
const UNEXPLAINED_ANSWERS = 2;

/**
 * Whether a provider enforces the limit that it reports. Some gateways report limits of which nothing is left and
 * answer even so. Once a provider has rejected a request for it, a limit is believed for good.
 */
export class Enforcement {
  #isEnforced = true;
  #hasRejected = false;
  #usedWhenEmpty = 0;
  #firstEmptyMs = 0;
  #expiredAtFirst = 0;

  get isEnforced(): boolean {
    return this.#isEnforced;
  }

  /** A report said that something is left. */
  foundSome(): void {
    this.#isEnforced = true;
    this.#usedWhenEmpty = 0;
  }

  /** A request was rejected because nothing was left. */
  rejected(): void {
    this.foundSome();
    this.#hasRejected = true;
  }

  /**
   * A request that used `amount` was answered, and its response had reported that nothing is left. That is explained if
   * as much came back in time.
   *
   * @param perMs The most that comes back in a millisecond.
   * @param expired How much of what this process ever used has left its window.
   */
  answeredWhenEmpty(amount: number, perMs: number, expired: number, nowMs: number): void {
    if (this.#hasRejected) return;
    if (this.#usedWhenEmpty === 0) {
      this.#firstEmptyMs = nowMs;
      this.#expiredAtFirst = expired;
    }
    this.#usedWhenEmpty += amount;
    const passedMs = nowMs - this.#firstEmptyMs;
    const refilled = passedMs === 0 ? 0 : passedMs * perMs;
    const explained = amount + refilled + expired - this.#expiredAtFirst;
    if (this.#usedWhenEmpty > UNEXPLAINED_ANSWERS * amount + explained) this.#isEnforced = false;
  }
}

/** Requests answered although nothing was left, beyond those that can be explained, before a limit is not believed. */
const UNEXPLAINED_ANSWERS = 2;

/**
 * Whether a provider enforces the limit that it reports. Some gateways report limits of which nothing is left and
 * answer all the same. Once a provider has rejected a request for it, a limit is believed for good.
 */
export class Enforcement {
  #isEnforced = true;
  #hasRejected = false;
  #emptyAnswers = 0;
  #firstEmptyMs = 0;
  #expiredAtFirst = 0;

  get isEnforced(): boolean {
    return this.#isEnforced;
  }

  /** A report said that something is left. */
  foundSome(): void {
    this.#isEnforced = true;
    this.#emptyAnswers = 0;
  }

  /** A request was rejected because nothing was left. */
  rejected(): void {
    this.foundSome();
    this.#hasRejected = true;
  }

  /**
   * A request was answered whose response had reported that nothing is left. That is explained if something came back
   * in time.
   *
   * @param perMs The most that comes back in a millisecond.
   * @param expired How much of what this process ever used has left its window.
   */
  answeredWhenEmpty(perMs: number, expired: number, nowMs: number): void {
    if (this.#hasRejected) return;
    if (this.#emptyAnswers === 0) {
      this.#firstEmptyMs = nowMs;
      this.#expiredAtFirst = expired;
    }
    this.#emptyAnswers += 1;
    const passedMs = nowMs - this.#firstEmptyMs;
    const refilled = passedMs === 0 ? 0 : passedMs * perMs;
    const explained = 1 + refilled + expired - this.#expiredAtFirst;
    if (this.#emptyAnswers > UNEXPLAINED_ANSWERS + explained) this.#isEnforced = false;
  }
}

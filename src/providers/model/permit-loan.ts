import type { ToolHost } from '../../contracts/tool-host.js';

/**
 * The permit of an attempt while its tools run: it is lent to others as long as all of them wait for other calls, and
 * taken back before any of them goes on.
 */
export class PermitLoan {
  readonly #host: ToolHost | undefined;
  #running = 0;
  #waiting = 0;
  /** Takes the permit back; `undefined` while it is held. */
  #takeBack: (() => Promise<void>) | undefined = undefined;
  #takingBack: Promise<void> | undefined = undefined;

  constructor(host: ToolHost | undefined) {
    this.#host = host;
  }

  /** Runs a tool. */
  async hold<T>(run: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await run();
    } finally {
      this.#running -= 1;
      this.#lendIfIdle();
    }
  }

  /** Does work of a running tool that needs no permit, such as waiting for another call. */
  async without<T>(work: () => T | PromiseLike<T>): Promise<T> {
    this.#waiting += 1;
    this.#lendIfIdle();
    try {
      return await work();
    } finally {
      await this.#regain().finally(() => {
        this.#waiting -= 1;
      });
    }
  }

  #lendIfIdle(): void {
    if (this.#running === 0 || this.#waiting < this.#running || this.#takeBack !== undefined) return;
    this.#takeBack = this.#host?.lendPermit?.();
  }

  /** Tools that end together take it back together. */
  async #regain(): Promise<void> {
    const takeBack = this.#takeBack;
    if (takeBack === undefined) return;
    this.#takingBack ??= takeBack().finally(() => {
      this.#takeBack = undefined;
      this.#takingBack = undefined;
    });
    await this.#takingBack;
  }
}

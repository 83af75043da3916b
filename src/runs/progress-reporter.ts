import type { CallServices } from '../calls/call-services.js';
import type { RunOptions } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import { callListener } from '../events/call-listener.js';

/** Counts a run's settled tasks for its `onProgress`; does nothing without one. */
export class ProgressReporter {
  readonly #onProgress: RunOptions['onProgress'];
  readonly #total: number | undefined;
  readonly #services: CallServices;
  #done = 0;
  #failed = 0;
  #cancelled = 0;
  #cached = 0;

  constructor(options: RunOptions, total: number | undefined, services: CallServices) {
    this.#onProgress = options.onProgress;
    this.#total = total;
    this.#services = services;
  }

  report(result: CallOutcome): void {
    if (this.#onProgress === undefined) return;
    this.#done += 1;
    this.#count(result);
    const counts = {
      done: this.#done,
      failed: this.#failed,
      cancelled: this.#cancelled,
      cached: this.#cached,
      waiting: this.#services.traffic.longestQueue(),
    };
    const total = this.#total === undefined ? undefined : { total: this.#total };
    callListener(this.#onProgress, { ...counts, ...total, result }, (error) => {
      this.#services.logger.error({ error }, 'onProgress threw');
    });
  }

  #count(result: CallOutcome): void {
    if (result.success) this.#cached += result.cached === false ? 0 : 1;
    else if (result.error.code === 'TUTTI_CANCELLED') this.#cancelled += 1;
    else this.#failed += 1;
  }
}

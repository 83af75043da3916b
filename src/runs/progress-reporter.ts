import type { RunOptions } from '../contracts/call.js';
import type { CallOutcome } from '../contracts/result.js';
import { callListener } from '../events/call-listener.js';
import type { Logger } from '../logging/logger.js';

/** Counts a run's settled tasks for its `onProgress`; does nothing without one. */
export class ProgressReporter {
  readonly #onProgress: RunOptions['onProgress'];
  readonly #total: number | undefined;
  readonly #logger: Logger;
  #done = 0;
  #failed = 0;
  #cached = 0;

  constructor(options: RunOptions, total: number | undefined, logger: Logger) {
    this.#onProgress = options.onProgress;
    this.#total = total;
    this.#logger = logger;
  }

  report(result: CallOutcome): void {
    if (this.#onProgress === undefined) return;
    this.#done += 1;
    if (!result.success) this.#failed += 1;
    else if (result.cached !== false) this.#cached += 1;
    const counts = { done: this.#done, failed: this.#failed, cached: this.#cached };
    const total = this.#total === undefined ? undefined : { total: this.#total };
    callListener(this.#onProgress, { ...counts, ...total, result }, (error) => {
      this.#logger.error({ error }, 'onProgress threw');
    });
  }
}

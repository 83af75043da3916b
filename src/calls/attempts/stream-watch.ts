import { TimeoutError, type TimeoutScope } from '../../errors/execution-errors.js';
import type { TimerHandle } from '../../time/clock.js';
import type { RunningAttempt } from './running-attempt.js';

/** The clocks of one stream: time to its first event, then silence between events. */
export class StreamWatch {
  readonly #attempt: RunningAttempt;
  readonly #firstTokenMs: number | undefined;
  readonly #idleMs: number | undefined;
  #timer: TimerHandle | undefined = undefined;

  constructor(attempt: RunningAttempt) {
    this.#attempt = attempt;
    const { timeouts } = attempt.call.settings;
    this.#firstTokenMs = timeouts?.firstTokenMs;
    this.#idleMs = timeouts?.idleMs;
  }

  /** The attempt begins to wait for its first event. */
  awaitFirst(): void {
    this.#start('first-token', this.#firstTokenMs);
  }

  /** The attempt begins to wait for its next event. */
  awaitNext(): void {
    this.#start('idle', this.#idleMs);
  }

  /** An event has come, or the stream has ended: its silence is over. Waiting for a slow reader is not silence. */
  stop(): void {
    if (this.#timer === undefined) return;
    this.#attempt.call.services.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(scope: TimeoutScope, timeoutMs: number | undefined): void {
    if (timeoutMs === undefined) return;
    const attempt = this.#attempt;
    const { call } = attempt;
    this.#timer = call.services.clock.setTimeout(
      () =>
        attempt.cancel(new TimeoutError(scope, timeoutMs, { agent: call.agent, attempt: attempt.number })),
      timeoutMs,
      undefined,
    );
  }
}

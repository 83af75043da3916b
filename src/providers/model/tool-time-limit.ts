import type { Clock, TimerHandle } from '../../time/clock.js';

/** The time limit of one run of a tool. */
export class ToolTimeLimit {
  /** Aborted with the signal of the tool call, and when the time is over. */
  readonly signal: AbortSignal;
  /** Whether the time is over. */
  isOver = false;
  readonly #outer: AbortSignal;
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;
  readonly #stop: () => void;
  readonly #controller: AbortController | undefined;
  #timer: TimerHandle = undefined;

  constructor(outer: AbortSignal, timeoutMs: number | undefined, clock: Clock) {
    this.#outer = outer;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#controller = timeoutMs === undefined ? undefined : new AbortController();
    this.#stop = () => this.#controller?.abort(outer.reason);
    if (this.#controller !== undefined) outer.addEventListener('abort', this.#stop, { once: true });
    this.signal = this.#controller?.signal ?? outer;
  }

  /** The result of the work, or a rejection when the time is over. */
  race<T>(work: Promise<T>): Promise<T> {
    if (this.#timeoutMs === undefined) return work;
    // A tool that is late may still fail.
    work.catch(() => {});
    const late = new Promise<never>((_resolve, reject) => {
      this.#timer = this.#clock.setTimeout(
        () => {
          this.isOver = true;
          const reason = timeoutReason(this.#timeoutMs as number);
          this.#controller?.abort(reason);
          reject(reason);
        },
        this.#timeoutMs as number,
        undefined,
      );
    });
    return Promise.race([work, late]);
  }

  /** The tool has ended. */
  end(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#stop);
  }
}

function timeoutReason(timeoutMs: number): Error {
  const reason = new Error(`The tool timed out after ${timeoutMs} ms.`);
  reason.name = 'TimeoutError';
  return reason;
}

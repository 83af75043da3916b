import type { StreamActivity } from '../../contracts/provider.js';
import { TimeoutError } from '../../errors/execution-errors.js';
import type { TimerHandle } from '../../time/clock.js';
import type { RunningAttempt, StreamClock } from './running-attempt.js';

/**
 * The clocks of one stream: time to its first output, then silence between all that arrives. Usage and pings are no
 * output, but no silence either.
 */
export class StreamWatch implements StreamClock {
  readonly #attempt: RunningAttempt;
  readonly #firstTokenMs: number | undefined;
  readonly #idleMs: number | undefined;
  #timer: TimerHandle | undefined = undefined;
  #scope: 'first-token' | 'idle' = 'first-token';
  #hasOutput = false;
  #dueAtMs = 0;
  /** What was left when it was paused, in milliseconds. */
  #leftMs: number | undefined = undefined;

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

  /** The first output is there: the call's time to the first token is known. */
  noteOutput(): void {
    if (this.#hasOutput) return;
    this.#hasOutput = true;
    this.#attempt.call.firstTokenMs = this.#attempt.elapsedMs;
  }

  heard(activity: StreamActivity): void {
    const isWaiting = this.#timer !== undefined;
    const isFirst = activity === 'output' && !this.#hasOutput;
    if (activity === 'output') this.noteOutput();
    if (isFirst || (isWaiting && this.#scope === 'idle')) {
      this.stop();
      this.awaitNext();
    }
  }

  /** An event has come, or the stream has ended: its silence is over. Waiting for a slow reader is not silence. */
  stop(): void {
    this.#leftMs = undefined;
    if (this.#timer === undefined) return;
    this.#attempt.call.services.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** A request waits before it can be sent. */
  pause(): void {
    if (this.#timer === undefined) return;
    const leftMs = this.#dueAtMs - this.#attempt.call.services.clock.now();
    this.stop();
    this.#leftMs = Math.max(0, leftMs);
  }

  /** The request no longer waits. */
  resume(): void {
    if (this.#leftMs === undefined) return;
    this.#start(this.#scope, this.#leftMs);
    this.#leftMs = undefined;
  }

  /** The request was written to its connection. */
  restart(): void {
    if (this.#timer === undefined) return;
    this.stop();
    this.#start(this.#scope, this.#scope === 'idle' ? this.#idleMs : this.#firstTokenMs);
  }

  #start(scope: 'first-token' | 'idle', leftMs: number | undefined): void {
    if (leftMs === undefined) return;
    const { clock } = this.#attempt.call.services;
    this.#scope = scope;
    this.#dueAtMs = clock.now() + leftMs;
    this.#timer = clock.setTimeout((watch: StreamWatch) => watch.#timeOut(), leftMs, this);
  }

  #timeOut(): void {
    const { call, number } = this.#attempt;
    const timeoutMs = (this.#scope === 'idle' ? this.#idleMs : this.#firstTokenMs) as number;
    this.#attempt.cancel(new TimeoutError(this.#scope, timeoutMs, { agent: call.agent, attempt: number }));
  }
}

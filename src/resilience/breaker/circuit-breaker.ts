import { CircuitOpenError } from '../../errors/traffic-errors.js';
import type { Clock } from '../../time/clock.js';
import { FailureWindow } from './failure-window.js';

/** Settings of a {@link CircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Share of the window's calls that have to fail, from above 0 to 1. @default 0.5 */
  failureRatio?: number | undefined;
  /** Calls that have to be in the window before the share means anything. @default 5 */
  minimumCalls?: number | undefined;
  /** Length of the window, in milliseconds. @default 60_000 */
  windowMs?: number | undefined;
  /** How long the breaker stays open before it lets probes through, in milliseconds. @default 30_000 */
  openMs?: number | undefined;
  /** Probes at once when half-open; as many successes close it. @default 1 */
  halfOpenCalls?: number | undefined;
}

/** What a breaker is doing. */
export type CircuitState =
  | {
      /** Lets every call through. */
      readonly state: 'closed';
    }
  | {
      /** Lets no call through. */
      readonly state: 'open';
      /** Instant of the clock from which probes may go, in milliseconds. */
      readonly untilMs: number;
    }
  | {
      /** Lets a few probes through, to see. */
      readonly state: 'half-open';
      /** Probes under way. */
      readonly probes: number;
      /** Probes that succeeded. */
      readonly successes: number;
    };

/** Stands for one admitted call; goes back with its outcome. */
export type CircuitTicket = number;

/** What a rejected caller is told to wait when probes are under way: their outcome may come any moment. */
const PROBE_WAIT_MS = 1_000;

/**
 * Stops calls to a lane that fails too often, and finds out with a few probes when it works again.
 *
 * It opens when at least `minimumCalls` calls of the last `windowMs` have ended and `failureRatio` of them failed.
 * What was long ago does not count, neither successes nor failures. Cancelled calls never count.
 *
 * Outcomes of calls that were admitted in an earlier state are ignored: a call that started before the breaker
 * opened says nothing about whether the lane has recovered.
 */
export class CircuitBreaker {
  readonly #lane: string;
  readonly #clock: Clock;
  readonly #options: Required<{ [Key in keyof CircuitBreakerOptions]: number }>;
  readonly #window: FailureWindow;
  readonly #onChange: ((state: CircuitState) => void) | undefined;
  #state: CircuitState = { state: 'closed' };
  // Counts the changes of state: a ticket is the number of the state in which it was given.
  #era = 0;

  constructor(
    lane: string,
    clock: Clock,
    options: CircuitBreakerOptions = {},
    onChange?: (state: CircuitState) => void,
  ) {
    this.#lane = lane;
    this.#clock = clock;
    this.#options = {
      failureRatio: options.failureRatio ?? 0.5,
      minimumCalls: options.minimumCalls ?? 5,
      windowMs: options.windowMs ?? 60_000,
      openMs: options.openMs ?? 30_000,
      halfOpenCalls: options.halfOpenCalls ?? 1,
    };
    this.#window = new FailureWindow(this.#options.windowMs);
    this.#onChange = onChange;
  }

  /** What the breaker is doing. An open one whose time is up becomes half-open with the next call. */
  get state(): CircuitState {
    return this.#state;
  }

  /** How long a call that came now would be refused, in milliseconds; 0 when it would be let through. */
  get retryAfterMs(): number {
    const current = this.#state;
    if (current.state === 'open') return Math.max(0, current.untilMs - this.#clock.now());
    if (current.state === 'closed' || this.#hasRoomForProbe(current)) return 0;
    return Math.min(PROBE_WAIT_MS, this.#options.openMs);
  }

  /**
   * Lets a call through. Give the ticket back with {@link succeeded}, {@link failed} or {@link cancelled}.
   * @throws {@link CircuitOpenError} while open, and when half-open with all probes under way.
   */
  admit(): CircuitTicket {
    const { retryAfterMs } = this;
    if (retryAfterMs > 0) throw new CircuitOpenError(this.#lane, retryAfterMs);
    if (this.#state.state === 'closed') return this.#era;
    if (this.#state.state === 'open') this.#change({ state: 'half-open', probes: 0, successes: 0 });
    this.#countProbe(1, 0);
    return this.#era;
  }

  /** The call succeeded. */
  succeeded(ticket: CircuitTicket): void {
    if (ticket !== this.#era) return;
    if (this.#state.state === 'half-open') this.#probeSucceeded();
    else this.#window.count(false, this.#clock.now());
  }

  /** The call failed in a way that says something about the lane. */
  failed(ticket: CircuitTicket): void {
    if (ticket !== this.#era) return;
    if (this.#state.state === 'half-open') this.#open();
    else this.#countFailure();
  }

  /** The call ended without saying anything about the lane: it was cancelled, or never sent. */
  cancelled(ticket: CircuitTicket): void {
    if (ticket === this.#era && this.#state.state === 'half-open') this.#countProbe(-1, 0);
  }

  #hasRoomForProbe({ probes, successes }: CircuitState & { state: 'half-open' }): boolean {
    return probes + successes < this.#options.halfOpenCalls;
  }

  #countFailure(): void {
    const nowMs = this.#clock.now();
    this.#window.count(true, nowMs);
    if (this.#window.callsAt(nowMs) < this.#options.minimumCalls) return;
    if (this.#window.failureRatioAt(nowMs) >= this.#options.failureRatio) this.#open();
  }

  #probeSucceeded(): void {
    this.#countProbe(-1, 1);
    const current = this.#state;
    if (current.state !== 'half-open' || current.successes < this.#options.halfOpenCalls) return;
    this.#window.clear();
    this.#change({ state: 'closed' });
  }

  #countProbe(probes: number, successes: number): void {
    const current = this.#state;
    if (current.state !== 'half-open') return;
    this.#state = {
      state: 'half-open',
      probes: current.probes + probes,
      successes: current.successes + successes,
    };
  }

  #open(): void {
    this.#window.clear();
    this.#change({ state: 'open', untilMs: this.#clock.now() + this.#options.openMs });
  }

  #change(state: CircuitState): void {
    this.#state = state;
    this.#era += 1;
    this.#onChange?.(state);
  }
}

import type { ResolvedBreakerSettings } from '../../contracts/traffic.js';
import { CircuitOpenError } from '../../errors/traffic-errors.js';
import type { Clock } from '../../time/clock.js';
import { FailureWindow } from './failure-window.js';

/** The state of a breaker. */
export type CircuitState =
  | {
      /** Lets every call through. */
      readonly state: 'closed';
    }
  | {
      /** Lets no call through. */
      readonly state: 'open';
      /** When probes are let through, in milliseconds of the clock's `now()`. */
      readonly untilMs: number;
    }
  | {
      /** Lets a few probes through to find out whether the lane works again. */
      readonly state: 'half-open';
      /** Probes in flight. */
      readonly probes: number;
      /** Probes that succeeded. */
      readonly successes: number;
    };

/** Identifies the state in which a call was admitted; passed back with the outcome of the call. */
export type CircuitTicket = number;

/** Suggested wait while probes are in flight, in milliseconds: their outcome may arrive at any moment. */
const PROBE_WAIT_MS = 1_000;

/**
 * Stops calls to a lane that fails too often, and uses a few probes to find out when it works again.
 *
 * It opens when at least `minimumCalls` calls have ended in the last `windowMs` and `failureRatio` of them failed.
 * Older successes and failures do not count. Cancelled calls never count.
 *
 * Outcomes of calls that were admitted in an earlier state are ignored: a call that started before the breaker opened
 * says nothing about whether the lane has recovered.
 */
export class CircuitBreaker {
  readonly #lane: string;
  readonly #clock: Clock;
  readonly #settings: ResolvedBreakerSettings;
  readonly #window: FailureWindow;
  readonly #onChange: ((state: CircuitState) => void) | undefined;
  #state: CircuitState = { state: 'closed' };
  // Number of state changes. A ticket is the era in which it was issued.
  #era = 0;

  constructor(
    lane: string,
    clock: Clock,
    settings: ResolvedBreakerSettings,
    onChange?: (state: CircuitState) => void,
  ) {
    this.#lane = lane;
    this.#clock = clock;
    this.#settings = settings;
    this.#window = new FailureWindow(settings.windowMs);
    this.#onChange = onChange;
  }

  /** An open breaker becomes half-open with the first call after `openMs`. */
  get state(): CircuitState {
    return this.#state;
  }

  /** How long new calls will be refused, in milliseconds; 0 if they are let through. */
  get retryAfterMs(): number {
    const current = this.#state;
    if (current.state === 'open') return Math.max(0, current.untilMs - this.#clock.now());
    if (current.state === 'closed' || this.#hasRoomForProbe(current)) return 0;
    return Math.min(PROBE_WAIT_MS, this.#settings.openMs);
  }

  /**
   * Lets a call through. Pass the ticket to {@link succeeded}, {@link failed} or {@link cancelled} when it ends.
   * @throws {@link CircuitOpenError} while open, and while half-open with all probes in flight.
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
    return probes + successes < this.#settings.halfOpenCalls;
  }

  #countFailure(): void {
    const nowMs = this.#clock.now();
    this.#window.count(true, nowMs);
    if (this.#window.callsAt(nowMs) < this.#settings.minimumCalls) return;
    if (this.#window.failureRatioAt(nowMs) >= this.#settings.failureRatio) this.#open();
  }

  #probeSucceeded(): void {
    this.#countProbe(-1, 1);
    const current = this.#state;
    if (current.state !== 'half-open' || current.successes < this.#settings.halfOpenCalls) return;
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
    this.#change({ state: 'open', untilMs: this.#clock.now() + this.#settings.openMs });
  }

  #change(state: CircuitState): void {
    this.#state = state;
    this.#era += 1;
    this.#onChange?.(state);
  }
}

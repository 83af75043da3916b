import type { Clock } from '../../time/clock.js';
import type { ReturnOrder } from '../rate-limit/return-queue.js';
import { OutcomeWindow } from './outcome-window.js';

/** Options of {@link LaneHealth}. */
export interface LaneHealthOptions {
  readonly clock: Clock;
  /** How many requests wait for the lane; they share the time after a stop. */
  readonly waiting: () => number;
  /** Longest time between two probes, in milliseconds, whatever the outage has lasted. */
  readonly maxProbeDelayMs: () => number;
  /** Random numbers from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** Why a lane is stopped. */
export type StopReason = 'retry-after' | 'failing';

/** Share of the latest requests that have to fail before the lane is stopped, and how many at least. */
const FAILING_RATIO = 0.75;
const FAILING_MINIMUM = 5;
const OUTCOMES = 16;
/**
 * A rejection that demands a wait stops nothing as long as at most so many of the latest requests have failed: it is
 * that call's own business. A limit that is really reached rejects the next requests too, within milliseconds.
 */
const RARE_FAILURES = 2;
const RARE_AMONG = 8;
/** Answers to later requests after which a rejection counts as that call's own business. */
const CONTRADICTIONS = 3;
/** Shortest time between two probes, in milliseconds, and the share of the outage that it grows with. */
const MIN_PROBE_DELAY_MS = 400;
const PROBE_DELAY_RATIO = 0.25;
/** Share of a demanded wait that is added at random, and the most that is added, in milliseconds. */
const JITTER = 0.1;
const MAX_JITTER_MS = 1_000;
/** In no window of this length, in milliseconds, do more than a quarter of the waiting requests return. */
const RETURN_WINDOW_MS = 100;
const RETURN_PARTS = 4;
/** How much slower than usual they return at most. */
const MAX_RETURN_FACTOR = 16;
/** Longest step between two returns, as a multiple of the shortest: keeps processes apart. */
const LONGEST_STEP = 1.25;

type Phase =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'stopped';
      readonly sinceMs: number;
      /** Number of the first request that failed: answers to later ones show that the lane works again. */
      readonly firstFailed: number;
      /** Until when the provider demands to wait; 0 if it demands nothing. */
      readonly demandedUntilMs: number;
      readonly nextProbeMs: number;
      /** Probes so far. */
      readonly probes: number;
      /** Answers to later requests while the demanded wait has not passed. */
      readonly contradictions: number;
    }
  | {
      readonly kind: 'returning';
      readonly stepMs: number;
      readonly nextStartMs: number;
      readonly startsLeft: number;
    };

const OPEN: Phase = { kind: 'open' };

/**
 * Stops a lane in trouble, probes it, and lets its calls return once it answers.
 *
 * A lane is stopped when its provider demands a wait (429, 503 or 529 with a `retry-after`) of more than a quarter of its
 * latest requests, when three quarters of its latest requests have failed, or when its very first one has. While it is stopped, single requests go out as probes: after the demanded wait, and
 * then at intervals of a quarter of the outage so far. The first answer lets all others return, spread so that no
 * 100 ms contain more than a quarter of them. One failed request among many that are answered stops nothing: where
 * requests that were sent after a rejected one are answered, the stop is lifted at once.
 */
export class LaneHealth {
  readonly #clock: Clock;
  readonly #waiting: () => number;
  readonly #maxProbeDelayMs: () => number;
  readonly #random: () => number;
  readonly #outcomes = new OutcomeWindow(OUTCOMES);
  readonly #latest = new OutcomeWindow(RARE_AMONG);
  #phase: Phase = OPEN;
  /** Whether a request was ever answered. */
  #hasAnswered = false;
  /** Whether the latest stop was due to a request that the provider called too much. */
  #wasTooMuch = false;
  /** How much slower than usual requests return, as the provider got too much of them the last time. */
  #returnFactor = 1;
  /** How long earlier stops have lasted, in milliseconds. */
  #stoppedMs = 0;
  /** Random number from 0 to 1 that is drawn for each stop. */
  #jitter = 0;
  /** Requests that failed since the latest answer. */
  failuresInARow = 0;
  /** Stops so far. */
  stops = 0;

  constructor(options: LaneHealthOptions) {
    this.#clock = options.clock;
    this.#waiting = options.waiting;
    this.#maxProbeDelayMs = options.maxProbeDelayMs;
    this.#random = options.random ?? Math.random;
  }

  /** Whether the lane takes no requests but probes. */
  get isStopped(): boolean {
    return this.#phase.kind === 'stopped';
  }

  /** Whether it is neither stopped nor letting calls return little by little. */
  get isOpen(): boolean {
    return this.#phase.kind === 'open';
  }

  /** Why the lane is stopped; `undefined` if it is not. */
  get stopReason(): StopReason | undefined {
    if (this.#phase.kind !== 'stopped') return undefined;
    return this.#phase.demandedUntilMs > this.#clock.now() ? 'retry-after' : 'failing';
  }

  /**
   * Which call is the next probe: in turn one that has failed before, so that it ends, and one that has not been tried,
   * as what fails may be the calls and not the lane.
   */
  get probeOrder(): ReturnOrder {
    if (this.#phase.kind !== 'stopped') return 'ready';
    return this.#phase.probes % 2 === 0 ? 'most-failures' : 'fewest-failures';
  }

  /** When it was stopped, in milliseconds of the clock; `undefined` if it is not. */
  get stoppedSinceMs(): number | undefined {
    return this.#phase.kind === 'stopped' ? this.#phase.sinceMs : undefined;
  }

  /** How long it has been stopped so far, in milliseconds. */
  get stoppedMs(): number {
    return this.#stoppedMs + this.#stoppedForMs;
  }

  /** How much longer the provider demands to wait, in milliseconds; 0 if it demands nothing. */
  get pausedForMs(): number {
    if (this.#phase.kind !== 'stopped') return 0;
    return Math.max(0, this.#phase.demandedUntilMs - this.#clock.now());
  }

  /** A request was answered, or rejected for a reason of its own: the provider works. Returns whether a stop has ended. */
  answered(request: number): boolean {
    this.#outcomes.add(false);
    this.#latest.add(false);
    this.failuresInARow = 0;
    const phase = this.#phase;
    const wasUnknown = !this.#hasAnswered;
    this.#hasAnswered = true;
    // A lane that had never answered was stopped by its first failure: any answer counts.
    if (phase.kind !== 'stopped' || (request <= phase.firstFailed && !wasUnknown)) return false;
    if (phase.demandedUntilMs > this.#clock.now()) return this.#contradict(phase);
    this.#return();
    return true;
  }

  /**
   * A request failed in a way that may concern the lane.
   *
   * @param demandedMs How long the provider demands to wait, in milliseconds, if it does.
   * @param isTooMuch Whether the provider says that it gets too much.
   * @returns Whether the lane is stopped now and was not before, or is stopped for longer than before.
   */
  failed(request: number, demandedMs: number | undefined, isTooMuch: boolean): boolean {
    this.#outcomes.add(true);
    this.#latest.add(true);
    this.failuresInARow += 1;
    const nowMs = this.#clock.now();
    const phase = this.#phase;
    const demandedUntilMs = demandedMs === undefined ? 0 : nowMs + this.#jittered(demandedMs);
    if (phase.kind === 'stopped') return this.#prolong(phase, demandedUntilMs);
    const minimum = this.#hasAnswered ? FAILING_MINIMUM : 1;
    const isFailing = this.#outcomes.count >= minimum && this.#outcomes.failedRatio >= FAILING_RATIO;
    const isRare = this.#latest.count === RARE_AMONG && this.#latest.failures <= RARE_FAILURES;
    const isDemanded = demandedUntilMs > nowMs && !isRare;
    if (!isDemanded && !isFailing) return false;
    this.stops += 1;
    this.#wasTooMuch = isTooMuch;
    this.#returnFactor = this.#nextReturnFactor(isTooMuch);
    this.#phase = {
      kind: 'stopped',
      sinceMs: nowMs,
      firstFailed: request,
      demandedUntilMs,
      nextProbeMs: demandedUntilMs > nowMs ? demandedUntilMs : nowMs + MIN_PROBE_DELAY_MS,
      probes: 0,
      contradictions: 0,
    };
    return true;
  }

  /** Whether calls return because a request was answered after the provider had got too much: it may again. */
  get isReturningSlowly(): boolean {
    return this.#phase.kind === 'returning' && this.#wasTooMuch;
  }

  /** Sends the next probe no later than this, in milliseconds of the clock, unless the provider demands a longer wait. */
  probeBy(atMs: number): void {
    const phase = this.#phase;
    if (phase.kind !== 'stopped' || phase.nextProbeMs <= atMs) return;
    this.#phase = { ...phase, nextProbeMs: Math.max(atMs, phase.demandedUntilMs) };
  }

  /** The earliest time of the next start, in milliseconds of the clock. */
  opensAtMs(nowMs: number): number {
    const phase = this.#phase;
    if (phase.kind === 'stopped') return Math.max(nowMs, phase.nextProbeMs);
    if (phase.kind === 'returning') {
      if (phase.startsLeft > 0) return Math.max(nowMs, phase.nextStartMs);
      this.#phase = OPEN;
    }
    return nowMs;
  }

  /** A request starts now. */
  started(nowMs: number): void {
    const phase = this.#phase;
    if (phase.kind === 'stopped') {
      const nextProbeMs = nowMs + this.#probeDelayMs(nowMs - phase.sinceMs);
      this.#phase = { ...phase, nextProbeMs, probes: phase.probes + 1 };
    } else if (phase.kind === 'returning') {
      const stepMs = phase.stepMs * (1 + (LONGEST_STEP - 1) * this.#random());
      // From the planned instant, not from now: timers are late by a millisecond, and a thousand may return in a second.
      const nextStartMs = Math.max(phase.nextStartMs, nowMs - phase.stepMs) + stepMs;
      this.#phase = { ...phase, nextStartMs, startsLeft: phase.startsLeft - 1 };
    }
  }

  /** How long the present stop has lasted, in milliseconds; 0 without one. */
  get #stoppedForMs(): number {
    return this.#phase.kind === 'stopped' ? this.#clock.now() - this.#phase.sinceMs : 0;
  }

  #probeDelayMs(outageMs: number): number {
    const longestMs = Math.max(MIN_PROBE_DELAY_MS, this.#maxProbeDelayMs());
    return Math.min(longestMs, Math.max(MIN_PROBE_DELAY_MS, PROBE_DELAY_RATIO * outageMs));
  }

  /** Slower where most of those that have returned were too many; one among many that are answered is its call's own. */
  #nextReturnFactor(isTooMuch: boolean): number {
    if (!isTooMuch || this.#phase.kind !== 'returning') return 1;
    if (this.#outcomes.failedRatio < 1 - FAILING_RATIO) return this.#returnFactor;
    return Math.min(MAX_RETURN_FACTOR, 2 * this.#returnFactor);
  }

  #prolong(phase: Extract<Phase, { kind: 'stopped' }>, demandedUntilMs: number): boolean {
    if (demandedUntilMs <= phase.demandedUntilMs) return false;
    const nextProbeMs = Math.max(phase.nextProbeMs, demandedUntilMs);
    this.#phase = { ...phase, demandedUntilMs, nextProbeMs, contradictions: 0 };
    return true;
  }

  /** A later request was answered although the provider demands a wait: after a few of them the demand is one call's own. */
  #contradict(phase: Extract<Phase, { kind: 'stopped' }>): boolean {
    const contradictions = phase.contradictions + 1;
    const isOneCalls = contradictions >= CONTRADICTIONS && this.#outcomes.failedRatio < 1 - FAILING_RATIO;
    if (isOneCalls) this.#stoppedMs += this.#stoppedForMs;
    this.#phase = isOneCalls ? OPEN : { ...phase, contradictions };
    return isOneCalls;
  }

  #return(): void {
    this.#stoppedMs += this.#stoppedForMs;
    this.#outcomes.clear();
    const crowd = Math.max(1, this.#waiting());
    const stepMs = (this.#returnFactor * RETURN_WINDOW_MS) / Math.max(1, Math.floor(crowd / RETURN_PARTS));
    this.#phase = { kind: 'returning', stepMs, nextStartMs: this.#clock.now(), startsLeft: crowd };
  }

  /** One draw for all rejections of a stop: the longest of fifty would be the longest possible. */
  #jittered(demandedMs: number): number {
    if (this.#phase.kind !== 'stopped') this.#jitter = this.#random();
    return demandedMs + Math.min(MAX_JITTER_MS, JITTER * demandedMs) * this.#jitter;
  }
}

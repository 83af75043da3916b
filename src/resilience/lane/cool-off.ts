import type { Clock } from '../../time/clock.js';
import type { StartGate } from '../rate-limit/rate-limiter-options.js';

/** Options of a {@link CoolOff}. */
export interface CoolOffOptions {
  readonly clock: Clock;
  /** How many requests wait for the gate; they share the time after a pause. */
  readonly waiting: () => number;
  /** Random numbers from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
  /** Over how long the first starts after a pause are spread, in milliseconds. @default 1_000 */
  readonly spreadMs?: number | undefined;
  /** Pause after a rejection that names none, in milliseconds; doubles with every further one. @default 1_000 */
  readonly firstPauseMs?: number | undefined;
  /** Longest pause after a rejection that names none, in milliseconds. @default 30_000 */
  readonly maxPauseMs?: number | undefined;
}

/** Share of a pause that is added to it at random. */
const JITTER = 0.1;
/** The most that is added, in milliseconds: it keeps processes apart, and more would only be lost. */
const MAX_JITTER_MS = 1_000;
/** Shortest step between two starts after a pause, as a share of the even step; the longest mirrors it. */
const SHORTEST_STEP = 0.75;

type Phase =
  | { readonly kind: 'open' }
  | { readonly kind: 'paused'; readonly untilMs: number; readonly returning: number }
  | {
      readonly kind: 'recovering';
      readonly stepMs: number;
      readonly nextStartMs: number;
      readonly startsLeft: number;
      readonly untilMs: number;
    };

/**
 * Pauses a lane for all callers when the provider reports an overload, and lets it resume at a measured pace.
 *
 * A `retry-after` is a floor, with jitter on top only. Without one the pause doubles with every further rejection
 * until a request succeeds. After a pause the waiting requests do not return as one wave: their starts are spread
 * evenly over `spreadMs`, so that a tenth of that time holds about a tenth of them.
 */
export class CoolOff implements StartGate {
  readonly #clock: Clock;
  readonly #waiting: () => number;
  readonly #random: () => number;
  readonly #spreadMs: number;
  readonly #firstPauseMs: number;
  readonly #maxPauseMs: number;
  #phase: Phase = { kind: 'open' };
  #rejectionsInARow = 0;
  /** Pauses so far. */
  pauses = 0;
  /** Rejections in a row, without a named pause, that cause none yet: for a lane that has another answer to them. */
  tolerated = 0;

  constructor(options: CoolOffOptions) {
    this.#clock = options.clock;
    this.#waiting = options.waiting;
    this.#random = options.random ?? Math.random;
    this.#spreadMs = options.spreadMs ?? 1_000;
    this.#firstPauseMs = options.firstPauseMs ?? 1_000;
    this.#maxPauseMs = options.maxPauseMs ?? 30_000;
  }

  /** How long the lane stays paused, in milliseconds; 0 when it is not. */
  get pausedForMs(): number {
    return this.#phase.kind === 'paused' ? Math.max(0, this.#phase.untilMs - this.#clock.now()) : 0;
  }

  /** The provider rejected a request (429, 529). Returns whether the pause became longer. */
  rejected(retryAfterMs: number | undefined): boolean {
    this.#rejectionsInARow += 1;
    const nowMs = this.#clock.now();
    const { kind } = this.#phase;
    const returning = this.#phase.kind === 'paused' ? this.#phase.returning : 0;
    const pauseMs = retryAfterMs ?? this.#pauseMs(kind === 'paused');
    const untilMs = Math.max(
      this.#phase.kind === 'paused' ? this.#phase.untilMs : 0,
      nowMs + pauseMs + Math.min(MAX_JITTER_MS, JITTER * pauseMs) * this.#random(),
    );
    if (untilMs <= nowMs) return false;
    const isLonger = this.#phase.kind !== 'paused' || untilMs > this.#phase.untilMs;
    if (kind !== 'paused') this.pauses += 1;
    this.#phase = { kind: 'paused', untilMs, returning };
    return isLonger;
  }

  /** A rejected request will be sent again: it belongs to the crowd that is spread after the pause. */
  willReturn(): void {
    if (this.#phase.kind !== 'paused') return;
    this.#phase = { ...this.#phase, returning: this.#phase.returning + 1 };
  }

  /** The provider answered a request: the next pause without a named length is short again. */
  succeeded(): void {
    this.#rejectionsInARow = 0;
  }

  opensAtMs(nowMs: number): number {
    if (this.#phase.kind === 'paused') {
      if (nowMs < this.#phase.untilMs) return this.#phase.untilMs;
      this.#phase = this.#recovery(this.#phase.returning, nowMs);
    }
    if (this.#phase.kind === 'recovering') {
      if (this.#phase.startsLeft > 0 && nowMs < this.#phase.untilMs) return this.#phase.nextStartMs;
      this.#phase = { kind: 'open' };
    }
    return nowMs;
  }

  started(nowMs: number): void {
    if (this.#phase.kind !== 'recovering') return;
    const { stepMs, startsLeft } = this.#phase;
    const factor = SHORTEST_STEP + 2 * (1 - SHORTEST_STEP) * this.#random();
    this.#phase = { ...this.#phase, nextStartMs: nowMs + stepMs * factor, startsLeft: startsLeft - 1 };
  }

  /**
   * Requests that were in flight when the pause began are rejected one by one: that is one event, so the pause does
   * not double with each of them.
   */
  #pauseMs(isPaused: boolean): number {
    if (isPaused) {
      this.#rejectionsInARow -= 1;
      return 0;
    }
    const doublings = this.#rejectionsInARow - 1 - this.tolerated;
    return doublings < 0 ? 0 : Math.min(this.#maxPauseMs, this.#firstPauseMs * 2 ** doublings);
  }

  #recovery(returning: number, nowMs: number): Phase {
    // Those that return may be waiting here again by now, or back off elsewhere; they belong to the crowd either way.
    const crowd = Math.max(1, this.#waiting(), returning);
    return {
      kind: 'recovering',
      stepMs: this.#spreadMs / crowd,
      nextStartMs: nowMs,
      startsLeft: crowd,
      untilMs: nowMs + 2 * this.#spreadMs,
    };
  }
}

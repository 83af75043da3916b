import type { RateLimitWindow } from '../../../src/contracts/rate-limits.js';
import { RateLimiter } from '../../../src/resilience/rate-limit/rate-limiter.js';
import { RateRequest } from '../../../src/resilience/rate-limit/rate-request.js';
import type { RateReservation } from '../../../src/resilience/rate-limit/reservation.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

/** What a limit says about itself. */
export interface LimitState {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/** A provider's limit of requests. Times in milliseconds from 0. */
export interface SimulatedLimit {
  /** Whether a request at this time is admitted. */
  take(nowMs: number): boolean;
  /** The state after the last request. */
  readonly state: LimitState;
  /** About how many requests could have been admitted by now. */
  allowedBy(nowMs: number): number;
}

/** Refills all the time. */
export class Bucket implements SimulatedLimit {
  readonly #capacity: number;
  readonly #perMs: number;
  readonly #initial: number;
  #level: number;
  #atMs = 0;

  /** @param refillMs How long an empty bucket takes to be full. */
  constructor(capacity: number, refillMs: number, initial = capacity) {
    this.#capacity = capacity;
    this.#perMs = capacity / refillMs;
    this.#initial = initial;
    this.#level = initial;
  }

  take(nowMs: number): boolean {
    this.#level = Math.min(this.#capacity, this.#level + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#level < 1) return false;
    this.#level -= 1;
    return true;
  }

  get state(): LimitState {
    const resetMs = (this.#capacity - this.#level) / this.#perMs;
    return { limit: this.#capacity, remaining: Math.floor(this.#level), resetMs };
  }

  allowedBy(nowMs: number): number {
    return this.#initial + nowMs * this.#perMs;
  }
}

/** Full again at once when its window ends. */
export class FixedWindow implements SimulatedLimit {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #phaseMs: number;
  #window = 0;
  #used = 0;
  #nowMs = 0;

  /** @param phaseMs How much of the first window has passed already. */
  constructor(limit: number, windowMs: number, phaseMs = 0) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#phaseMs = phaseMs;
  }

  take(nowMs: number): boolean {
    const window = Math.floor((nowMs + this.#phaseMs) / this.#windowMs);
    if (window !== this.#window) this.#used = 0;
    this.#window = window;
    this.#nowMs = nowMs;
    if (this.#used >= this.#limit) return false;
    this.#used += 1;
    return true;
  }

  get state(): LimitState {
    const resetMs = (this.#window + 1) * this.#windowMs - this.#phaseMs - this.#nowMs;
    return { limit: this.#limit, remaining: this.#limit - this.#used, resetMs };
  }

  allowedBy(nowMs: number): number {
    return (this.#limit * nowMs) / this.#windowMs;
  }
}

/** Gives back each request after the length of the window. */
export class RollingWindow implements SimulatedLimit {
  readonly #limit: number;
  readonly #windowMs: number;
  #admitted: number[] = [];
  #nowMs = 0;

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  take(nowMs: number): boolean {
    this.#admitted = this.#admitted.filter((atMs) => atMs + this.#windowMs > nowMs);
    this.#nowMs = nowMs;
    if (this.#admitted.length >= this.#limit) return false;
    this.#admitted.push(nowMs);
    return true;
  }

  get state(): LimitState {
    const resetMs = (this.#admitted.at(-1) ?? this.#nowMs) + this.#windowMs - this.#nowMs;
    return { limit: this.#limit, remaining: this.#limit - this.#admitted.length, resetMs };
  }

  allowedBy(nowMs: number): number {
    return (this.#limit * nowMs) / this.#windowMs;
  }
}

/** How a provider writes its state into a response: what it says depends on when that is heard. */
export type ReportStyle = 'instant' | 'whole-seconds' | 'duration' | 'without-reset';

function writeReport(
  style: ReportStyle,
  state: LimitState,
  epochMs: number,
): (heardEpochMs: number) => RateLimitWindow {
  const { limit, remaining, resetMs } = state;
  if (style === 'without-reset') return () => ({ limit, remaining });
  if (style === 'duration') return () => ({ limit, remaining, resetMs: Math.ceil(resetMs) });
  const stepMs = style === 'instant' ? 1 : 1_000;
  const instantMs = Math.ceil((epochMs + resetMs) / stepMs) * stepMs;
  return (heardMs) => ({
    limit,
    remaining,
    resetMs: Math.max(0, instantMs - heardMs),
    resetToleranceMs: stepMs,
  });
}

/** Options of {@link simulate}. */
export interface SimulationOptions {
  readonly server: SimulatedLimit;
  readonly style: ReportStyle;
  /** For how long, in milliseconds. */
  readonly forMs: number;
  /** Random numbers from 0 to 1. */
  readonly random: () => number;
  /** Calls at once, of each process. @default 20 */
  readonly concurrent?: number;
  /** Processes that share the limit. @default 1 */
  readonly processes?: number;
  /** The shortest answer, in milliseconds; the longest takes half as long again. @default 40 */
  readonly latencyMs?: number;
}

/** What became of the requests of a {@link simulate}d time. */
export interface SimulationResult {
  accepted: number;
  /** Rejected after the process that sent it had heard of the limit. */
  rejected: number;
  /** Rejected before. */
  rejectedAtFirst: number;
  /** Accepted, as a share of what the limit allowed. */
  usedShare: number;
}

/** As many calls as possible through limiters that know nothing about the limit, on a clock of their own. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { server, forMs, processes = 1 } = options;
  const clock = new FakeClock(Date.UTC(2026, 0, 1) + 123);
  const result = { accepted: 0, rejected: 0, rejectedAtFirst: 0, usedShare: 0 };
  for (let index = 0; index < processes; index += 1) new SimulatedProcess(options, clock, result).start();
  await clock.advance(forMs);
  result.usedShare = result.accepted / server.allowedBy(forMs);
  return result;
}

class SimulatedProcess {
  readonly #options: SimulationOptions;
  readonly #clock: FakeClock;
  readonly #result: SimulationResult;
  readonly #limiter: RateLimiter;
  readonly #concurrent: number;
  #hasHeard = false;

  constructor(options: SimulationOptions, clock: FakeClock, result: SimulationResult) {
    this.#options = options;
    this.#clock = clock;
    this.#result = result;
    this.#concurrent = options.concurrent ?? 20;
    const limits = { maxConcurrent: this.#concurrent };
    this.#limiter = new RateLimiter({ lane: 'simulated', clock, limits });
  }

  /** Always has more calls than go at once. */
  start(): void {
    for (let index = 0; index < 2 * this.#concurrent; index += 1) this.#submit();
  }

  #submit(): void {
    const cost = { inputTokens: 10, outputTokens: 100 };
    this.#limiter.submit(
      new RateRequest(
        cost,
        {},
        (reservation) => this.#send(reservation),
        () => undefined,
      ),
    );
  }

  #send(reservation: RateReservation): void {
    const { random } = this.#options;
    const hadHeard = this.#hasHeard;
    reservation.sent();
    reservation.left();
    // Requests overtake each other on their way.
    this.#after(0.2 + 2 * random(), () => this.#arrive(reservation, hadHeard));
  }

  #arrive(reservation: RateReservation, hadHeard: boolean): void {
    const { server, style, random, latencyMs = 40 } = this.#options;
    const isAdmitted = server.take(this.#clock.now());
    const report = writeReport(style, server.state, this.#clock.epochMs());
    if (isAdmitted) this.#result.accepted += 1;
    else if (hadHeard) this.#result.rejected += 1;
    else this.#result.rejectedAtFirst += 1;
    this.#after(isAdmitted ? latencyMs * (1 + random() / 2) : 1 + random(), () => {
      this.#hasHeard = true;
      reservation.learn({ requests: report(this.#clock.epochMs()) });
      reservation.settle(
        isAdmitted ? { inputTokens: 10, outputTokens: 5 } : { inputTokens: 0, outputTokens: 0 },
      );
      this.#after(isAdmitted ? 0 : 50, () => this.#submit());
    });
  }

  #after(delayMs: number, then: () => void): void {
    this.#clock.setTimeout(then, delayMs, undefined);
  }
}

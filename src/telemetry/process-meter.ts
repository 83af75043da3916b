import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../time/clock.js';
import type { ProcessSnapshot } from './snapshot.js';

/** How often the delay of the event loop is measured, in milliseconds. */
const RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;

/** Measures the process: memory, CPU, and how late timers fire. Keeps no process alive. */
export class ProcessMeter {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #cpuBefore = process.cpuUsage();
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.now();
    this.#delays.enable();
  }

  snapshot(): ProcessSnapshot {
    const { rss, heapUsed } = process.memoryUsage();
    return {
      rssBytes: rss,
      heapBytes: heapUsed,
      cpuShare: this.#cpuShare(),
      eventLoopDelayMs: { p50: this.#delayMs(50), p99: this.#delayMs(99) },
    };
  }

  stop(): void {
    this.#delays.disable();
  }

  #cpuShare(): number {
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    const elapsedMs = this.#clock.now() - this.#startedMs;
    return elapsedMs <= 0 ? 0 : (user + system) / 1_000 / elapsedMs;
  }

  /** What is measured is the time between two timers, so a loop that is on time has the resolution itself. */
  #delayMs(percentile: number): number {
    const measuredMs = this.#delays.percentile(percentile) / NANOSECONDS_PER_MS;
    return Math.max(0, measuredMs - RESOLUTION_MS);
  }
}

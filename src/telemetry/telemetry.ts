import type { CacheStats } from '../cache/cache-stats.js';
import type { ResponseCache } from '../cache/response-cache.js';
import type { CallServices } from '../calls/call-services.js';
import { CallRecorder } from './call-recorder.js';
import { ProcessMeter } from './process-meter.js';
import type { TelemetrySnapshot } from './snapshot.js';
import { takeSnapshot } from './take-snapshot.js';
import {
  type ResolvedTelemetryOptions,
  resolveTelemetryOptions,
  type TelemetryOptions,
} from './telemetry-options.js';

/**
 * Counts what an orchestrator does: calls, latencies, tokens and dollars, by agent, model and tenant. It only listens, in
 * bounded memory, and changes nothing about the calls.
 *
 * Make it before the first call: counts of earlier calls are taken over from `stats()`, their latencies are not known.
 *
 * @example
 * ```ts
 * await using telemetry = new Telemetry({ orchestrator });
 * await orchestrator.executeMultiple(tasks);
 * console.log(telemetry.snapshot().latencyMs.p95);
 * ```
 */
export class Telemetry implements AsyncDisposable {
  readonly #options: ResolvedTelemetryOptions;
  readonly #services: CallServices;
  readonly #cache: ResponseCache | undefined;
  readonly #recorder: CallRecorder;
  readonly #process: ProcessMeter;
  /** What the lower tiers of the cache held when they were last asked. */
  #held: Pick<CacheStats, 'entries' | 'sizeBytes'> | undefined = undefined;
  #jobs: unknown = undefined;
  #bus: unknown = undefined;
  #closing: Promise<void> | undefined = undefined;

  /**
   * Listens from now on.
   *
   * @throws {@link InvalidArgumentError} for an unknown or unfit option; the message names it.
   */
  constructor(options: TelemetryOptions) {
    this.#options = resolveTelemetryOptions(options);
    const { orchestrator, cache, maxLabelValues } = this.#options;
    this.#services = orchestrator.services;
    this.#cache = cache ?? this.#services.cache?.responses;
    this.#recorder = new CallRecorder(this.#services, maxLabelValues);
    this.#process = new ProcessMeter(this.#services.clock);
  }

  /** Everything that is known now, as plain JSON. Takes no input or output. */
  snapshot(): TelemetrySnapshot {
    const { orchestrator, maxLabelValues } = this.#options;
    const { clock, traffic } = this.#services;
    return takeSnapshot({
      at: clock.epochMs(),
      stats: orchestrator.stats(),
      recorder: this.#recorder,
      budgets: traffic.budgets(),
      maxLabelValues,
      cache: this.#cache?.statsNow(this.#held),
      jobs: this.#jobs,
      bus: this.#bus,
      process: this.#process.snapshot(),
    });
  }

  /** Asks the lower tiers of the cache, the jobs and the bus for their figures, for the snapshots from now on. */
  async refresh(): Promise<void> {
    const { jobs, bus } = this.#options;
    const [held, jobStats, busStats] = await Promise.all([this.#cache?.stats(), jobs?.stats(), bus?.stats()]);
    this.#held = held;
    this.#jobs = jobStats;
    this.#bus = busStats;
  }

  /** Stops listening. What it has counted can still be read. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@link Telemetry.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#recorder.stop();
    this.#process.stop();
  }
}

import type { OrchestratorStats } from '../calls/stats.js';
import type { Clock, TimerHandle } from '../time/clock.js';
import type { CallFigures } from './call-figures.js';
import { Histogram } from './histogram.js';
import type { MetricsRecorder } from './metrics-recorder.js';
import {
  type Counts,
  countsBetween,
  joinSamples,
  type MeasuredName,
  type Sample,
  SampleRing,
} from './series.js';
import type { ProcessSnapshot } from './snapshot.js';

/** How much is kept of every series, in milliseconds. */
export const SERIES_MS = 3_600_000;

/** Where samples come from and go to. */
export interface SamplerSources {
  readonly clock: Clock;
  readonly recorder: MetricsRecorder;
  readonly sampleMs: number;
  stats(): OrchestratorStats;
  /** Hits and misses of the cache so far. */
  cacheCounts(): { readonly hits: number; readonly misses: number };
  process(): ProcessSnapshot;
  /** A step has ended, in which all calls did this. */
  sampled(sample: Sample, all: CallFigures | undefined): void;
}

/** Takes a sample at the end of each step. Steps begin at multiples of their length; its timer keeps no process alive. */
export class Sampler {
  readonly #sources: SamplerSources;
  readonly #ring: SampleRing;
  #before: Counts;
  /** When the part of the current step that is not handed over yet began. */
  #since: number;
  #handedOver: Sample | undefined = undefined;
  #timer: TimerHandle;

  constructor(sources: SamplerSources) {
    this.#sources = sources;
    this.#ring = new SampleRing(Math.max(1, Math.ceil(SERIES_MS / sources.sampleMs)));
    this.#before = this.#counts();
    this.#since = sources.clock.epochMs();
    this.#schedule();
  }

  /** The samples of the last hour, oldest first, and what has happened in the current step so far. */
  samples(): Sample[] {
    return [...this.#ring.inOrder(), this.#joined(this.#current(this.#sources.recorder.all.step?.latencyMs))];
  }

  /** Hands over what has happened in the current step so far. */
  flush(): void {
    const { recorder, sampled, clock } = this.#sources;
    const all = recorder.all.takeStep();
    const sample = this.#current(all?.latencyMs);
    this.#before = this.#counts();
    this.#since = clock.epochMs();
    this.#handedOver = this.#joined(sample);
    sampled(sample, all);
  }

  stop(): void {
    this.#sources.clock.clearTimeout(this.#timer);
  }

  #schedule(): void {
    const { clock, sampleMs } = this.#sources;
    const leftMs = sampleMs - (clock.epochMs() % sampleMs);
    this.#timer = clock.setTimeout(() => this.#stepEnded(), leftMs, undefined);
    (this.#timer as { unref?(): void }).unref?.();
  }

  #stepEnded(): void {
    this.flush();
    if (this.#handedOver !== undefined) this.#ring.add(this.#handedOver);
    this.#handedOver = undefined;
    this.#schedule();
  }

  /** The part of the current step that was handed over already, and the rest of it. */
  #joined(rest: Sample): Sample {
    return this.#handedOver === undefined ? rest : joinSamples(this.#handedOver, rest);
  }

  #current(latencyMs: Histogram | undefined): Sample {
    return {
      at: this.#since,
      counts: countsBetween(this.#before, this.#counts()),
      measures: this.#measures(),
      latencyMs: latencyMs ?? new Histogram(),
    };
  }

  #measures(): Record<MeasuredName, number> {
    const { stats, process } = this.#sources;
    const { inFlight, queued, running } = stats();
    const { rssBytes, eventLoopDelayMs } = process();
    return { inFlight, queued, running, rssBytes, eventLoopDelayMs: eventLoopDelayMs.p99 };
  }

  #counts(): Counts {
    const { stats, recorder, cacheCounts } = this.#sources;
    const { submitted, succeeded, failed, cancelled, timedOut, attempts, retries, ...rest } = stats();
    const { fallbacks, hedges, inputTokens, outputTokens, costUsd } = rest;
    const { cached, savedUsd } = recorder.all;
    const { hits, misses } = cacheCounts();
    return {
      submitted,
      calls: succeeded + failed + cancelled,
      succeeded,
      failed,
      cancelled,
      timedOut,
      cached,
      attempts,
      retries,
      fallbacks,
      hedges,
      inputTokens,
      outputTokens,
      costUsd,
      savedUsd,
      cacheHits: hits,
      cacheMisses: misses,
    };
  }
}

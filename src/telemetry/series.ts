import { Histogram } from './histogram.js';

/** What is counted: the points of its series add up to its total. */
export const COUNTED = [
  'submitted',
  'calls',
  'succeeded',
  'failed',
  'cancelled',
  'timedOut',
  'cached',
  'attempts',
  'retries',
  'fallbacks',
  'hedges',
  'inputTokens',
  'outputTokens',
  'costUsd',
  'savedUsd',
  'cacheHits',
  'cacheMisses',
] as const;

/** What is measured: the points of its series are the values at the ends of their steps. */
export const MEASURED = ['inFlight', 'queued', 'running', 'rssBytes', 'eventLoopDelayMs'] as const;

/** Percentiles of the calls that settled in each step. */
export const PERCENTILES = { p50Ms: 0.5, p95Ms: 0.95, p99Ms: 0.99 } as const;

/** What is counted in a series. */
export type CountedName = (typeof COUNTED)[number];
/** What is measured in a series. */
export type MeasuredName = (typeof MEASURED)[number];
/**
 * The name of a series: something counted (`calls` are those that settled), something measured (its value at the end of
 * each step; `eventLoopDelayMs` is the 99th percentile), or a percentile of the latencies.
 */
export type SeriesName = CountedName | MeasuredName | keyof typeof PERCENTILES;

/** The names of all series. */
export const SERIES_NAMES: readonly SeriesName[] = [
  ...COUNTED,
  ...MEASURED,
  ...(Object.keys(PERCENTILES) as Array<keyof typeof PERCENTILES>),
];

/** One point of a series. */
export interface SeriesPoint {
  /** When its step begins, milliseconds since the Unix epoch. */
  at: number;
  /** What was counted in the step, or measured at its end. */
  value: number;
}

/** Which part of a series, and how finely. */
export interface SeriesOptions {
  /** How far back, in milliseconds; at most an hour is kept. @default 3_600_000 */
  lastMs?: number | undefined;
  /** How long each step is, in milliseconds: a multiple of `sampleMs`. @default `sampleMs` */
  stepMs?: number | undefined;
}

/** Everything that is counted, as totals so far or within one step. */
export type Counts = Record<CountedName, number>;

/** What happened in one step. */
export interface Sample {
  /** When it began, milliseconds since the Unix epoch. */
  readonly at: number;
  readonly counts: Counts;
  readonly measures: Record<MeasuredName, number>;
  readonly latencyMs: Histogram;
}

/** What was counted between two totals. */
export function countsBetween(before: Counts, after: Counts): Counts {
  const between = {} as Counts;
  for (const name of COUNTED) between[name] = after[name] - before[name];
  return between;
}

/** Two samples that follow each other as one. */
export function joinSamples(first: Sample, second: Sample): Sample {
  const counts = {} as Counts;
  for (const name of COUNTED) counts[name] = first.counts[name] + second.counts[name];
  const latencyMs = new Histogram();
  latencyMs.merge(first.latencyMs);
  latencyMs.merge(second.latencyMs);
  return { at: first.at, counts, measures: second.measures, latencyMs };
}

/** The latest samples; older ones are dropped. */
export class SampleRing {
  readonly #capacity: number;
  readonly #samples: Sample[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(sample: Sample): void {
    this.#samples[this.#next] = sample;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** All samples, oldest first. */
  inOrder(): Sample[] {
    const samples = this.#samples;
    return samples.length < this.#capacity
      ? [...samples]
      : [...samples.slice(this.#next), ...samples.slice(0, this.#next)];
  }
}

/** The points of one series, a step each; steps without samples have none. */
export function pointsOf(name: SeriesName, samples: readonly Sample[], stepMs: number): SeriesPoint[] {
  const points: SeriesPoint[] = [];
  let inStep: Sample[] = [];
  const finish = (): void => {
    if (inStep.length > 0)
      points.push({ at: stepOf(inStep[0] as Sample, stepMs), value: stepValue(name, inStep) });
    inStep = [];
  };
  for (const sample of samples) {
    if (inStep.length > 0 && stepOf(sample, stepMs) !== stepOf(inStep[0] as Sample, stepMs)) finish();
    inStep.push(sample);
  }
  finish();
  return points;
}

function stepOf({ at }: Sample, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs;
}

function stepValue(name: SeriesName, samples: readonly Sample[]): number {
  if (name in PERCENTILES) {
    const merged = new Histogram();
    for (const { latencyMs } of samples) merged.merge(latencyMs);
    return merged.quantile(PERCENTILES[name as keyof typeof PERCENTILES]);
  }
  if ((MEASURED as readonly string[]).includes(name)) {
    return samples.at(-1)?.measures[name as MeasuredName] ?? 0;
  }
  return samples.reduce((sum, { counts }) => sum + counts[name as CountedName], 0);
}

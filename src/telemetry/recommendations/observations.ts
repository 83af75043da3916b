import { getHeapStatistics } from 'node:v8';
import type { ResponseCache } from '../../cache/response-cache.js';
import { Histogram } from '../histogram.js';
import type { Sample } from '../series.js';
import type { TelemetrySnapshot } from '../snapshot.js';
import type { CacheFacts, CallFacts, Facts } from './facts.js';

/** What is needed to tell what happened since: totals so far. */
interface Observation {
  readonly at: number;
  readonly cache: CacheFacts;
  readonly cpuMs: number;
  readonly cachedLatencyMs: Histogram;
  readonly computedLatencyMs: Histogram;
}

/** How things stand, without what is counted by agent, model and tenant. */
export type Status = Pick<TelemetrySnapshot, 'at' | 'cache' | 'process' | 'lanes' | 'breakers'>;

/** What observations are made of. */
export interface ObservationSources {
  readonly windowMs: number;
  /** When telemetry began to listen, milliseconds since the Unix epoch. */
  readonly startedAt: number;
  status(): Status;
  /** The samples of the last hour, oldest first. */
  samples(): readonly Sample[];
  readonly cachedLatencyMs: Histogram;
  readonly computedLatencyMs: Histogram;
  readonly cache: ResponseCache | undefined;
}

const NO_CACHE: CacheFacts = {
  hits: 0,
  misses: 0,
  expirations: 0,
  evictions: 0,
  integrityFailures: 0,
  storeErrors: 0,
  redisHits: 0,
};
/** Observations that are kept; they lie at least a window divided by this apart. */
const MOST_KEPT = 60;
const TOKENS = ['inputTokens', 'outputTokens'] as const;

/** Turns totals into what happened in the latest window. */
export class Observations {
  readonly #sources: ObservationSources;
  #kept: Observation[] = [];

  constructor(sources: ObservationSources) {
    this.#sources = sources;
    this.note();
  }

  /** Keeps the totals of this moment, for windows that begin here. */
  note(): void {
    const { windowMs } = this.#sources;
    const now = this.#observe(this.#sources.status());
    const last = this.#kept.at(-1);
    if (last !== undefined && now.at - last.at < windowMs / MOST_KEPT) return;
    this.#kept.push(now);
    // One observation before the window stays: the window begins there.
    while (this.#kept.length > 1 && (this.#kept[1] as Observation).at <= now.at - windowMs)
      this.#kept.shift();
  }

  /** What happened in the latest window, and how things stand. */
  facts(): Facts {
    const { windowMs, cache } = this.#sources;
    const status = this.#sources.status();
    const now = this.#observe(status);
    const before = this.#kept.find(({ at }) => at >= now.at - windowMs) ?? this.#kept.at(-1) ?? now;
    const samples = this.#sources.samples();
    const inWindow = samples.filter(({ at }) => at >= now.at - windowMs);
    const elapsedMs = now.at - before.at;
    return {
      windowMs,
      latest: callFacts(inWindow),
      hour: callFacts(samples),
      baseline: baselineOf(samples, now.at - windowMs, windowMs),
      cachedLatencyMs: now.cachedLatencyMs.since(before.cachedLatencyMs).distribution(),
      computedLatencyMs: now.computedLatencyMs.since(before.computedLatencyMs).distribution(),
      cache: cache === undefined ? undefined : cacheBetween(before.cache, now.cache),
      ttlAdvice: cache?.ttlAdvice() ?? [],
      lanes: status.lanes,
      breakers: status.breakers,
      cpuShare: elapsedMs <= 0 ? 0 : (now.cpuMs - before.cpuMs) / elapsedMs,
      heapShare: status.process.heapBytes / getHeapStatistics().heap_size_limit,
    };
  }

  #observe({ at, cache, process }: Status): Observation {
    const { startedAt, cachedLatencyMs, computedLatencyMs } = this.#sources;
    return {
      at,
      cache: cache === undefined ? NO_CACHE : { ...pick(cache), redisHits: cache.hitsByTier.redis },
      cpuMs: process.cpuShare * (at - startedAt),
      cachedLatencyMs: copyOf(cachedLatencyMs),
      computedLatencyMs: copyOf(computedLatencyMs),
    };
  }
}

function pick({
  hits,
  misses,
  expirations,
  evictions,
  integrityFailures,
  storeErrors,
}: Omit<CacheFacts, 'redisHits'>): Omit<CacheFacts, 'redisHits'> {
  return { hits, misses, expirations, evictions, integrityFailures, storeErrors };
}

function copyOf(histogram: Histogram): Histogram {
  const copy = new Histogram();
  copy.merge(histogram);
  return copy;
}

/** `resetStats` sets counts back: what is below the earlier total was counted since then. */
function cacheBetween(before: CacheFacts, now: CacheFacts): CacheFacts {
  const between = { ...now };
  for (const name of Object.keys(NO_CACHE) as Array<keyof CacheFacts>) {
    if (now.hits >= before.hits) Object.assign(between, { [name]: Math.max(0, now[name] - before[name]) });
  }
  return between;
}

function callFacts(samples: readonly Sample[]): CallFacts {
  const latencyMs = new Histogram();
  for (const sample of samples) latencyMs.merge(sample.latencyMs);
  const sum = (pick: (sample: Sample) => number): number =>
    samples.reduce((total, sample) => total + pick(sample), 0);
  return {
    calls: sum(({ counts }) => counts.succeeded + counts.failed),
    failed: sum(({ counts }) => counts.failed),
    timedOut: sum(({ counts }) => counts.timedOut),
    costUsd: sum(({ counts }) => counts.costUsd),
    tokens: sum(({ counts }) => TOKENS.reduce((tokens, name) => tokens + counts[name], 0)),
    latencyMs: latencyMs.distribution(),
  };
}

/** What came before the window, as if it had been as long. */
function baselineOf(samples: readonly Sample[], until: number, windowMs: number): CallFacts | undefined {
  const earlier = samples.filter(({ at }) => at < until);
  const [first] = earlier;
  if (first === undefined || until - first.at < windowMs) return undefined;
  const facts = callFacts(earlier);
  const share = windowMs / (until - first.at);
  return { ...facts, costUsd: facts.costUsd * share, tokens: facts.tokens * share };
}

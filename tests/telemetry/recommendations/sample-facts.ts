import type { CacheFacts, CallFacts, Facts } from '../../../src/telemetry/recommendations/facts.js';
import type { Distribution } from '../../../src/telemetry/snapshot.js';

/** As many lengths, all about that long. */
export function distribution(p95: number, count = 200): Distribution {
  return { count, p50: p95 / 2, p95, p99: p95, max: p95, mean: p95 / 2 };
}

export const NO_CALLS: CallFacts = {
  calls: 0,
  failed: 0,
  timedOut: 0,
  costUsd: 0,
  tokens: 0,
  latencyMs: distribution(0, 0),
};

/** Many calls that all worked. */
export function calls(changed: Partial<CallFacts> = {}): CallFacts {
  return { ...NO_CALLS, calls: 200, latencyMs: distribution(100), costUsd: 1, tokens: 1_000, ...changed };
}

export function cacheFacts(changed: Partial<CacheFacts> = {}): CacheFacts {
  return {
    hits: 0,
    misses: 0,
    expirations: 0,
    evictions: 0,
    integrityFailures: 0,
    storeErrors: 0,
    redisHits: 0,
    ...changed,
  };
}

/** A system that does nothing. */
export function facts(changed: Partial<Facts> = {}): Facts {
  return {
    windowMs: 300_000,
    latest: NO_CALLS,
    hour: NO_CALLS,
    baseline: undefined,
    cachedLatencyMs: distribution(0, 0),
    computedLatencyMs: distribution(0, 0),
    cache: cacheFacts(),
    ttlAdvice: [],
    lanes: {},
    breakers: {},
    cpuShare: 0.99,
    heapShare: 0.2,
    ...changed,
  };
}

import type { TtlAdvice } from '../../cache/ttl-advice.js';
import type { BreakerSnapshot, Distribution, TelemetrySnapshot } from '../snapshot.js';

/** What calls did in a stretch of time. */
export interface CallFacts {
  readonly calls: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly costUsd: number;
  readonly tokens: number;
  readonly latencyMs: Distribution;
}

/** What a cache did in the window. */
export interface CacheFacts {
  readonly hits: number;
  readonly misses: number;
  readonly expirations: number;
  readonly evictions: number;
  readonly integrityFailures: number;
  readonly storeErrors: number;
  readonly redisHits: number;
}

/** Everything that rules judge: what happened lately, not since the start, so that a finding ends with its cause. */
export interface Facts {
  /** Length of the window, in milliseconds. */
  readonly windowMs: number;
  /** The window. */
  readonly latest: CallFacts;
  /** The last hour, the window included. */
  readonly hour: CallFacts;
  /** The hour before the window, as if it had been as long as the window; `undefined` if it was shorter than that. */
  readonly baseline: CallFacts | undefined;
  readonly cachedLatencyMs: Distribution;
  readonly computedLatencyMs: Distribution;
  /** `undefined` without a cache. */
  readonly cache: CacheFacts | undefined;
  readonly ttlAdvice: readonly TtlAdvice[];
  readonly lanes: TelemetrySnapshot['lanes'];
  readonly breakers: Readonly<Record<string, BreakerSnapshot>>;
  /** CPU used in the window, as a share of one core. */
  readonly cpuShare: number;
  /** The heap in use, as a share of its limit. */
  readonly heapShare: number;
}

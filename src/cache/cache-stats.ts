import type { HitTier } from '../contracts/cache-events.js';
import { IntervalHistogram } from './interval-histogram.js';

/** One agent's share of the statistics. */
export interface AgentCacheStats {
  /** Requests answered from the cache. */
  hits: number;
  /** Requests not found. */
  misses: number;
  /** Hits per request, 0 to 1; 0 when nothing was asked. */
  hitRatio: number;
  /** Answers stored. */
  sets: number;
  /** What its hits would have cost, in US dollars. */
  savedUsd: number;
}

/** What happened in a cache since it was made or `resetStats()` was called, and what it holds now. */
export interface CacheStats {
  /** Whether it is switched on. */
  enabled: boolean;
  /** Entries it holds: on disk (or in the store) where there is one, else in memory. */
  entries: number;
  /** Entries in memory. */
  memoryEntries: number;
  /** Bytes of `entries`. */
  sizeBytes: number;
  /** Bytes of `memoryEntries`. */
  memoryBytes: number;
  /** Limit of `sizeBytes`. */
  maxSizeBytes: number;
  /** Requests answered from the cache. */
  hits: number;
  /** Requests not found. */
  misses: number;
  /** `hits / (hits + misses)`, 0 to 1; 0 when nothing was asked. */
  hitRatio: number;
  /** Hits by the tier that had the answer. */
  hitsByTier: Record<HitTier, number>;
  /** Answers stored. */
  sets: number;
  /** Entries evicted to hold a limit; from disk where there is one, else from memory. */
  evictions: number;
  /** Entries removed because they had expired. */
  expirations: number;
  /** Entries removed by `delete`, `deleteByTag`, `deleteAgent` and `clear`. */
  deletions: number;
  /** Stored entries refused because their signature or content was wrong. */
  integrityFailures: number;
  /** Failed operations of a tier. */
  storeErrors: number;
  /** Callers who joined identical work in flight instead of starting it. */
  sharedFlights: number;
  /** Mean time of a hit, in milliseconds. */
  avgHitMs: number;
  /** Mean time from a miss to its answer, in milliseconds: the work that it caused included. */
  avgMissMs: number;
  /** `avgMissMs / avgHitMs`; 0 without hits or misses. */
  speedup: number;
  /** `hits × (avgMissMs − avgHitMs)`, in milliseconds; never negative. */
  timeSavedMs: number;
  /** What the hits would have cost, in US dollars, where known. */
  savedUsd: number;
  /** Tokens the hits would have used. */
  savedTokens: number;
  /** Time since the cache was made, in milliseconds. */
  uptimeMs: number;
  /** By agent; the first 1,000 agents, all further ones under `(other)`. */
  byAgent: Record<string, AgentCacheStats>;
}

/** Agents with statistics of their own. */
const MOST_AGENTS = 1_000;
const OTHER_AGENTS = '(other)';
/** A time below the resolution of the clock counts as this. */
const SHORTEST_MS = 0.001;

/** What is counted for one agent; entries in memory hold on to theirs, so that a hit needs no look-up. */
export class AgentAccount {
  hits = 0;
  misses = 0;
  sets = 0;
  savedUsd = 0;
  /** Times between two requests for the same answer. */
  intervals = new IntervalHistogram();

  reset(): void {
    this.hits = 0;
    this.misses = 0;
    this.sets = 0;
    this.savedUsd = 0;
    this.intervals = new IntervalHistogram();
  }
}

class TierTimes {
  hits = 0;
  #timed = 0;
  #totalMs = 0;

  record(ms: number): void {
    this.#timed += 1;
    this.#totalMs += ms;
  }

  get averageMs(): number {
    return this.#timed === 0 ? 0 : this.#totalMs / this.#timed;
  }
}

const newTierTimes = (): Record<HitTier, TierTimes> => ({
  memory: new TierTimes(),
  disk: new TierTimes(),
  redis: new TierTimes(),
  semantic: new TierTimes(),
});

/** Counts what happens in a cache, in memory that does not grow with use. */
export class CacheStatsRecorder {
  tiers = newTierTimes();
  misses = 0;
  sets = 0;
  deletions = 0;
  integrityFailures = 0;
  storeErrors = 0;
  sharedFlights = 0;
  savedUsd = 0;
  savedTokens = 0;
  #timedMisses = 0;
  #missTotalMs = 0;
  #accounts = new Map<string, AgentAccount>();

  /** The agent's account; made on first use. */
  account(agent: string): AgentAccount {
    const name = this.#accounts.size >= MOST_AGENTS && !this.#accounts.has(agent) ? OTHER_AGENTS : agent;
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = new AgentAccount();
      this.#accounts.set(name, account);
    }
    return account;
  }

  /** All accounts with their names. */
  accounts(): Iterable<readonly [agent: string, account: AgentAccount]> {
    return this.#accounts;
  }

  /** Counts a hit. */
  hit(tier: HitTier, account: AgentAccount, savedUsd: number, savedTokens: number): void {
    this.tiers[tier].hits += 1;
    account.hits += 1;
    account.savedUsd += savedUsd;
    this.savedUsd += savedUsd;
    this.savedTokens += savedTokens;
  }

  /** Counts a miss. */
  miss(account: AgentAccount): void {
    this.misses += 1;
    account.misses += 1;
  }

  /** Takes the time from a miss to its answer. */
  missTime(ms: number): void {
    this.#timedMisses += 1;
    this.#missTotalMs += ms;
  }

  /** Starts again from 0. */
  reset(): void {
    this.tiers = newTierTimes();
    this.misses = this.sets = this.deletions = this.integrityFailures = this.storeErrors = 0;
    this.sharedFlights = this.savedUsd = this.savedTokens = 0;
    this.#timedMisses = this.#missTotalMs = 0;
    // Entries in memory hold on to their accounts, so these are emptied rather than replaced.
    for (const account of this.#accounts.values()) account.reset();
  }

  get hits(): number {
    const { memory, disk, redis, semantic } = this.tiers;
    return memory.hits + disk.hits + redis.hits + semantic.hits;
  }

  /** Mean time of a hit: each tier's own mean, weighed by its hits, as hits in memory are timed by sample. */
  get avgHitMs(): number {
    const { hits } = this;
    if (hits === 0) return 0;
    return Object.values(this.tiers).reduce((sum, tier) => sum + tier.hits * tier.averageMs, 0) / hits;
  }

  get avgMissMs(): number {
    return this.#timedMisses === 0 ? 0 : this.#missTotalMs / this.#timedMisses;
  }

  /** The figures that follow from counting alone. */
  snapshot(): Pick<
    CacheStats,
    | 'hits'
    | 'misses'
    | 'hitRatio'
    | 'hitsByTier'
    | 'sets'
    | 'deletions'
    | 'integrityFailures'
    | 'storeErrors'
    | 'sharedFlights'
    | 'avgHitMs'
    | 'avgMissMs'
    | 'speedup'
    | 'timeSavedMs'
    | 'savedUsd'
    | 'savedTokens'
    | 'byAgent'
  > {
    const { hits, misses, avgHitMs, avgMissMs } = this;
    const { memory, disk, redis, semantic } = this.tiers;
    return {
      hits,
      misses,
      hitRatio: ratio(hits, misses),
      hitsByTier: { memory: memory.hits, disk: disk.hits, redis: redis.hits, semantic: semantic.hits },
      sets: this.sets,
      deletions: this.deletions,
      integrityFailures: this.integrityFailures,
      storeErrors: this.storeErrors,
      sharedFlights: this.sharedFlights,
      avgHitMs,
      avgMissMs,
      speedup: hits === 0 || avgMissMs === 0 ? 0 : avgMissMs / Math.max(avgHitMs, SHORTEST_MS),
      timeSavedMs: avgMissMs === 0 ? 0 : Math.max(0, hits * (avgMissMs - avgHitMs)),
      savedUsd: this.savedUsd,
      savedTokens: this.savedTokens,
      byAgent: Object.fromEntries([...this.#accounts].map(([agent, account]) => [agent, ofAgent(account)])),
    };
  }
}

function ofAgent({ hits, misses, sets, savedUsd }: AgentAccount): AgentCacheStats {
  return { hits, misses, hitRatio: ratio(hits, misses), sets, savedUsd };
}

function ratio(hits: number, misses: number): number {
  return hits + misses === 0 ? 0 : hits / (hits + misses);
}

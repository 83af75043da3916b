import { RecentMap } from '../collections/recent-map.js';
import type { CacheStatsRecorder } from './cache-stats.js';

/** How long answers of an agent are worth keeping, judged by how soon they were requested again. */
export interface TtlAdvice {
  /** The agent's registered name. */
  agent: string;
  /** How many repeated requests it is drawn from. */
  samples: number;
  /** Half of all repeats came within this time, in milliseconds. */
  medianIntervalMs: number;
  /** A time to live within which 95 % of all repeats came, in milliseconds. */
  suggestedTtlMs: number;
  /** What answers get now unless they say so themselves, in milliseconds. */
  currentTtlMs: number;
  /** `raise` when repeats come after the current time, `lower` when it is four times as long as it needs to be. */
  verdict: 'raise' | 'lower' | 'keep';
}

const FEWEST_SAMPLES = 20;
const COVERED = 0.95;

/** Advice for every agent with enough repeated requests. */
export function ttlAdvice(recorder: CacheStatsRecorder, ttlMsOf: (agent: string) => number): TtlAdvice[] {
  const advice: TtlAdvice[] = [];
  for (const [agent, { intervals }] of recorder.accounts()) {
    if (intervals.total < FEWEST_SAMPLES) continue;
    const currentTtlMs = ttlMsOf(agent);
    const suggestedTtlMs = intervals.quantileMs(COVERED);
    advice.push({
      agent,
      samples: intervals.total,
      medianIntervalMs: intervals.quantileMs(0.5),
      suggestedTtlMs,
      currentTtlMs,
      verdict: verdictOn(suggestedTtlMs, currentTtlMs),
    });
  }
  return advice;
}

function verdictOn(suggestedTtlMs: number, currentTtlMs: number): TtlAdvice['verdict'] {
  if (suggestedTtlMs > currentTtlMs) return 'raise';
  return suggestedTtlMs * 4 <= currentTtlMs ? 'lower' : 'keep';
}

const MOST_REMEMBERED = 4_096;

/** When answers were last asked for that memory no longer holds, so that a repeat after their end counts too. */
export class DepartedKeys {
  readonly #usedAt = new RecentMap<number>();

  /** An answer left memory. */
  left(key: string, usedAtMs: number): void {
    this.#usedAt.set(key, usedAtMs, MOST_REMEMBERED);
  }

  /** An answer was asked for again: when it had been asked for before, if that is remembered. */
  cameBack(key: string): number | undefined {
    return this.#usedAt.take(key);
  }
}

import type { StoredEntry, UnsealedEntry } from '../../../src/cache/cache-entry.js';
import { Seal } from '../../../src/cache/seal.js';
import type { CacheTier } from '../../../src/cache/tiers/cache-tier.js';
import { TierGuard } from '../../../src/cache/tiers/tier-guard.js';
import { TierStack } from '../../../src/cache/tiers/tier-stack.js';
import { systemClock } from '../../../src/time/clock.js';

const NOW = Date.UTC(2026, 0, 1);
const seal = new Seal([Buffer.from('a secret of the tests')], () => NOW);

/** What an answer looks like to the stack. */
export function unsealed(key: string, output: string, overrides: Partial<UnsealedEntry> = {}): UnsealedEntry {
  return {
    key,
    agent: 'writer',
    tags: [],
    createdAt: NOW,
    expiresAt: NOW + 3_600_000,
    staleUntil: NOW + 3_600_000,
    payload: JSON.stringify({ output, usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }),
    costUsd: 0,
    hits: 0,
    ...overrides,
  };
}

/** The key of the n-th entry. */
export const keyOf = (n: number): string => n.toString(16).padStart(32, '0');

/** A stack over tiers, nearest first, and what it refused. */
export function stackOver(...tiers: readonly CacheTier[]): {
  stack: TierStack;
  rejected: Array<[string, string]>;
} {
  const rejected: Array<[string, string]> = [];
  const guarded = tiers.map((tier) => new TierGuard(tier));
  const stack = new TierStack(
    { tiers: guarded, seal },
    {
      epochMs: () => NOW,
      clock: systemClock,
      onReject: (entry: StoredEntry, _tier, reason) => rejected.push([entry.key, reason]),
    },
  );
  return { stack, rejected };
}

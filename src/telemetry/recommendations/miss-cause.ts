import type { TtlAdvice } from '../../cache/ttl-advice.js';
import type { CacheFacts } from './facts.js';

/** Why requests are not found. */
export type MissCause = 'expired' | 'evicted' | 'unique' | 'never-seen';

/** Share of all misses from which on a cause explains them. */
const EXPLAINS = 0.3;
/** Ratio of hits below which requests are hardly ever the same. */
const HARDLY_EVER = 0.2;

/** The main cause of misses. A shorter time to live never raises the ratio of hits, so no cause leads to that advice. */
export function missCause(
  { hits, misses, expirations, evictions }: CacheFacts,
  ttlAdvice: readonly TtlAdvice[],
): MissCause {
  const expired = expirations / misses;
  const evicted = evictions / misses;
  const isTooShort = ttlAdvice.some(({ verdict }) => verdict === 'raise');
  if (evicted >= EXPLAINS && evicted > expired) return 'evicted';
  if (expired >= EXPLAINS || isTooShort) return 'expired';
  return hits / (hits + misses) < HARDLY_EVER ? 'unique' : 'never-seen';
}

/** What each cause is and what to do about it. */
export function explainMisses(
  cause: MissCause,
  ttlAdvice: readonly TtlAdvice[],
): { readonly cause: string; readonly advice: string } {
  switch (cause) {
    case 'expired':
      return { cause: 'Answers expire before they are asked for again.', advice: raiseTtl(ttlAdvice) };
    case 'evicted':
      return {
        cause: 'Answers are evicted before they are asked for again.',
        advice: 'Raise maxSizeBytes, maxMemoryBytes or maxEntries, or try eviction: "cost-aware".',
      };
    case 'unique':
      return {
        cause: 'Nearly every request is another one.',
        advice:
          'Look at which field differs: explain: true and orchestrator.explain(callId) name it. Keep what changes, such as ' +
          'dates and ids, out of tasks and parameters, set normalize, or exclude agents whose tasks never repeat.',
      };
    case 'never-seen':
      return {
        cause: 'Most of what is not found has never been asked before.',
        advice:
          'Set normalize so that small differences do not count, and warm the cache with frequent requests.',
      };
  }
}

function raiseTtl(ttlAdvice: readonly TtlAdvice[]): string {
  const [first] = ttlAdvice.filter(({ verdict }) => verdict === 'raise');
  if (first === undefined) return 'Raise ttlMs; cache.ttlAdvice() says how far once requests have repeated.';
  return `Raise ttlMs of "${first.agent}" from ${first.currentTtlMs} to ${first.suggestedTtlMs}: 95 % of its repeats come within that.`;
}

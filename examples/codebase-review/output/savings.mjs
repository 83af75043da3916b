import { count } from './style.mjs';

/** What the cache was good for, in a line; `undefined` where it gave nothing. */
export function savingsText(tally, concurrency, folder) {
  if (tally.cached === 0) return undefined;
  const worked = seconds(tally.savedMs);
  const waited = seconds(tally.savedMs / concurrency);
  return `${tally.cached} of ${count(tally.done, 'call')} answered from ${folder}: saved ${worked} of work, about ${waited} at ${concurrency} at a time.`;
}

const seconds = (ms) => `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;

import type { Usage } from '../../contracts/usage.js';
import type { RunningAttempt } from './running-attempt.js';

/** What tokens of the attempt's model cost, in US dollars, where its provider knows. For streams, which carry no cost. */
export function priceOf(attempt: RunningAttempt, usage: Partial<Usage>): number | undefined {
  const { call, target } = attempt;
  return target.definition.provider?.costUsd?.(call.modelOf(target), usage);
}

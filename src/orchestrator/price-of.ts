import type { Usage } from '../contracts/usage.js';
import type { Call } from './call.js';

/** What tokens of the call's model cost, in US dollars, where its provider knows. For streams, which carry no cost. */
export function priceOf(call: Call, usage: Partial<Usage>): number | undefined {
  return call.definition.provider?.costUsd?.(call.model, usage);
}

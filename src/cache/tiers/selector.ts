import { compileGlob } from '../glob.js';
import type { TierSelector } from './cache-tier.js';

/** The fields that a selector looks at. */
export interface Selectable {
  readonly agent: string;
  readonly tags: readonly string[];
}

/** Makes a test of whether an entry is one of those that a selector names. */
export function selectorTest(selector: TierSelector): (entry: Selectable) => boolean {
  if (selector === 'all') return () => true;
  const { alsoTag } = selector;
  const isNamed = namedTest(selector);
  return alsoTag === undefined ? isNamed : (entry) => entry.tags.includes(alsoTag) && isNamed(entry);
}

function namedTest(selector: Exclude<TierSelector, 'all'>): (entry: Selectable) => boolean {
  if ('tag' in selector) return ({ tags }) => tags.includes(selector.tag);
  if ('agent' in selector) return ({ agent }) => agent === selector.agent;
  const matches = compileGlob(selector.agentPattern);
  return ({ agent }) => matches(agent);
}

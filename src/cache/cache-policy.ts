import type { NotStored } from '../contracts/cache-events.js';
import type { StoredAnswer } from './cached-answer.js';
import { compileGlob } from './glob.js';

/** An agent that is not cached: its name, a name with `*` and `?`, a pattern, or a function that decides. */
export type AgentExclusion = string | RegExp | ((agent: string) => boolean);

/**
 * Turns exclusions into one question. The answers are remembered, as the question is asked at every call;
 * those of functions are not, because a function may change its mind.
 */
export function createExclusionCheck(exclusions: readonly AgentExclusion[]): (agent: string) => boolean {
  if (exclusions.length === 0) return () => false;
  const patterns = exclusions.filter((one) => typeof one !== 'function').map(toTest);
  const predicates = exclusions.filter((one) => typeof one === 'function');
  const known = new Map<string, boolean>();
  return (agent) => {
    let excluded = known.get(agent);
    if (excluded === undefined) {
      excluded = patterns.some((isMatch) => isMatch(agent));
      if (known.size < MOST_KNOWN) known.set(agent, excluded);
    }
    return excluded || predicates.some((decides) => decides(agent));
  };
}

const MOST_KNOWN = 10_000;

function toTest(exclusion: string | RegExp): (agent: string) => boolean {
  if (typeof exclusion === 'string') return compileGlob(exclusion);
  // Without the flags that make a pattern remember where it stopped: every second `test` would fail.
  const pattern = new RegExp(exclusion.source, exclusion.flags.replace(/[gy]/g, ''));
  return (agent) => pattern.test(agent);
}

/** Why an answer must not be stored; `undefined` if it may be. Only answers that say they are complete are worth repeating. */
export function whyNotStorable(answer: Pick<StoredAnswer, 'output' | 'finishReason'>): NotStored | undefined {
  const { finishReason, output } = answer;
  if (finishReason !== undefined && finishReason !== 'stop') return 'incomplete';
  return /\S/.test(output) ? undefined : 'empty';
}

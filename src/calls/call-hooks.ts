import type { Hooks } from '../contracts/hooks.js';

/** The hooks of an agent's calls, in the order in which they run. */
export interface CallHooks {
  readonly all: readonly Hooks[];
  /** Whether results pass through an `after` hook: only then are streams held back. */
  readonly replaceResults: boolean;
}

type HooksOption = Hooks | readonly Hooks[] | undefined;

/** The orchestrator's hooks, then the agent's; `undefined` if there are none. */
export function joinHooks(orchestrator: HooksOption, agent: HooksOption): CallHooks | undefined {
  const all = [orchestrator, agent].flatMap((hooks) => hooks ?? []);
  if (all.length === 0) return undefined;
  return { all, replaceResults: all.some(({ after }) => after !== undefined) };
}

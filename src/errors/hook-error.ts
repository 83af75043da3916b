import { TuttiError } from './tutti-error.js';

/** A hook threw, or returned something invalid. What it threw is the `cause`. */
export class HookError extends TuttiError<'TUTTI_HOOK'> {
  /** The agent's registered name. */
  readonly agent: string;
  /** Which function failed. */
  readonly hook: 'before' | 'after';

  constructor(agent: string, hook: 'before' | 'after', problem: string, ...cause: [unknown?]) {
    super('TUTTI_HOOK', `The ${hook} hook of agent "${agent}" failed: ${problem}`, {
      details: { agent, hook },
      ...(cause.length === 0 ? undefined : { cause: cause[0] }),
    });
    this.agent = agent;
    this.hook = hook;
  }
}

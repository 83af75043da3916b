import type { Call, WarmUp } from '../calls/call.js';
import type { RegisteredAgent } from '../calls/registered-agent.js';
import type { TimerHandle } from '../time/clock.js';

/** How long calls wait for the first one at most, in milliseconds. */
export const MAX_WARM_UP_MS = 5_000;

/** The calls that begin in the same way. */
interface Group {
  /** Resolves when they may go. */
  readonly released: Promise<void>;
  release(): void;
  /** The first of them. */
  readonly leader: Call;
  isReleased: boolean;
  timer: TimerHandle | undefined;
}

/** Agents whose prompts are too short to be cached. */
const NOT_CACHED = Symbol('not cached');

/**
 * Makes one call first of those that share a long prefix: the same agent and model, of a provider that caches it. The
 * others go when its answer begins, when it has settled, or after five seconds.
 */
export class PromptWarmUp implements WarmUp {
  readonly #groups = new Map<RegisteredAgent, Map<string | undefined, Group | typeof NOT_CACHED>>();
  readonly #led = new Map<Call, Group>();

  hold(call: Call): Promise<void> | undefined {
    const group = this.#groupOf(call);
    if (group === NOT_CACHED || group.isReleased || group.leader === call) return undefined;
    return group.released;
  }

  answered(call: Call): void {
    const group = this.#led.get(call);
    if (group !== undefined) this.#release(group);
  }

  ended(call: Call): void {
    this.answered(call);
  }

  #groupOf(call: Call): Group | typeof NOT_CACHED {
    const { registered, model } = call;
    const ofAgent = this.#groups.get(registered) ?? new Map<string | undefined, Group | typeof NOT_CACHED>();
    this.#groups.set(registered, ofAgent);
    const known = ofAgent.get(model);
    if (known !== undefined) return known;
    const group = isCached(call) ? this.#open(call) : NOT_CACHED;
    ofAgent.set(model, group);
    return group;
  }

  #open(leader: Call): Group {
    let release!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const group: Group = { released, release, leader, isReleased: false, timer: undefined };
    this.#led.set(leader, group);
    group.timer = leader.services.clock.setTimeout(
      (expired: Group) => this.#release(expired),
      MAX_WARM_UP_MS,
      group,
    );
    return group;
  }

  #release(group: Group): void {
    group.isReleased = true;
    this.#led.delete(group.leader);
    group.leader.services.clock.clearTimeout(group.timer);
    group.release();
  }
}

function isCached({ registered, model, services, agent }: Call): boolean {
  const { provider, instructions } = registered.definition;
  try {
    return provider?.cachesPrefix?.(model, instructions) === true;
  } catch (error) {
    services.logger.error({ error, agent }, 'cachesPrefix of a provider threw; its calls are not held');
    return false;
  }
}

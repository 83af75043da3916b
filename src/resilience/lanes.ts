import { Lane, type LaneOptions, type LaneStats } from './lane.js';
import type { TokenCost } from './rate-limit-usage.js';

/** All lanes of one orchestrator, made as they are needed. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #optionsOf: (name: string) => LaneOptions;

  /** `optionsOf` gives the options of a lane that is needed for the first time. */
  constructor(optionsOf: (name: string) => LaneOptions) {
    this.#optionsOf = optionsOf;
  }

  /** The lane of that name; the same one for everybody. */
  get(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new Lane(name, this.#optionsOf(name));
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Requests that wait, in all of them. */
  get waiting(): number {
    let requests = 0;
    for (const lane of this.#lanes.values()) requests += lane.waiting;
    return requests;
  }

  /** How every lane stands, by name. */
  stats(): Record<string, LaneStats> {
    return Object.fromEntries([...this.#lanes].map(([name, lane]) => [name, lane.stats()]));
  }
}

/**
 * The best of several lanes to the same model, one a key: among those that take requests the one with the shortest
 * wait, the first of equals. Where none takes requests, the one that is likely to do so first.
 */
export function chooseLane(lanes: readonly [Lane, ...Lane[]], cost: TokenCost, priority = 0): Lane {
  let best = lanes[0];
  let bestMs = Number.POSITIVE_INFINITY;
  for (const lane of lanes) {
    const waitMs = Math.max(lane.breaker?.retryAfterMs ?? 0, lane.estimateWaitMs(cost, priority));
    if (waitMs >= bestMs) continue;
    best = lane;
    bestMs = waitMs;
  }
  return best;
}

/** Names the lane of a provider's model, and of a key where several are used; never the key itself. */
export function laneName(provider: string, model: string | undefined, keyName?: string): string {
  const path = model === undefined ? provider : `${provider}/${model}`;
  return keyName === undefined ? path : `${path}#${keyName}`;
}

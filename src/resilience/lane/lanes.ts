import { Lane, type LaneOptions, type LaneStats } from './lane.js';

/** All lanes of one orchestrator, created on first use. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #optionsOf: (name: string) => LaneOptions;

  /** @param optionsOf Called when a lane is used for the first time. */
  constructor(optionsOf: (name: string) => LaneOptions) {
    this.#optionsOf = optionsOf;
  }

  /** The lane of that name; the same one for all callers. */
  get(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new Lane(name, this.#optionsOf(name));
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Requests waiting, in all lanes. */
  get waiting(): number {
    let requests = 0;
    for (const lane of this.#lanes.values()) requests += lane.waiting;
    return requests;
  }

  /** The state of every lane, by name. */
  stats(): Record<string, LaneStats> {
    return Object.fromEntries([...this.#lanes].map(([name, lane]) => [name, lane.stats()]));
  }
}

/** The name of the lane for a provider's model. */
export function laneName(provider: string, model: string | undefined): string {
  return model === undefined ? provider : `${provider}/${model}`;
}

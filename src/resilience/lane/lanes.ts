import { Lane, type LaneOptions, type LaneStats } from './lane.js';

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

/** Names the lane of a provider's model. */
export function laneName(provider: string, model: string | undefined): string {
  return model === undefined ? provider : `${provider}/${model}`;
}

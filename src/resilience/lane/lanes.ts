import type { Clock } from '../../time/clock.js';
import { Lane } from './lane.js';
import type { LaneOptions, LaneStats } from './lane-options.js';

/** Number of lanes from which on idle ones are forgotten. */
const FIRST_SWEEP = 256;

/** All lanes of one orchestrator, created as they are needed. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #clock: Clock;
  readonly #optionsOf: (name: string) => LaneOptions;
  #sweepAt = FIRST_SWEEP;

  /** @param optionsOf Returns the options of a lane that is needed for the first time. */
  constructor(clock: Clock, optionsOf: (name: string) => LaneOptions) {
    this.#clock = clock;
    this.#optionsOf = optionsOf;
  }

  /** The lane of that name; the same one for all callers. */
  get(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    if (this.#lanes.size >= this.#sweepAt) this.#sweep();
    const lane = new Lane(name, this.#optionsOf(name));
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Starts what may start now, in all of them. */
  wake(): void {
    for (const lane of this.#lanes.values()) lane.wake();
  }

  /** Requests that wait, in all of them. */
  get waiting(): number {
    let requests = 0;
    for (const lane of this.#lanes.values()) requests += lane.waiting;
    return requests;
  }

  /** The lane in which most requests wait; `undefined` if none waits. */
  get busiest(): Lane | undefined {
    let busiest: Lane | undefined;
    for (const lane of this.#lanes.values()) if (lane.waiting > (busiest?.waiting ?? 0)) busiest = lane;
    return busiest;
  }

  /** Retries that wait, in all of them. */
  get retries(): number {
    let retries = 0;
    for (const lane of this.#lanes.values()) retries += lane.retries;
    return retries;
  }

  /** The state of every lane, by name. */
  stats(): Record<string, LaneStats> {
    return Object.fromEntries([...this.#lanes].map(([name, lane]) => [name, lane.stats()]));
  }

  /** Forgets lanes that know nothing a new one would not. Doubling the threshold keeps sweeping O(1) per lane. */
  #sweep(): void {
    const nowMs = this.#clock.now();
    for (const [name, lane] of this.#lanes) if (lane.isForgettable(nowMs)) this.#lanes.delete(name);
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#lanes.size);
  }
}

import type { Clock } from '../../time/clock.js';
import { FairShares, type Share } from './fair-queue-shares.js';
import { AgeingLine, ArrivalTimes } from './tenant-queue.js';

/** How waiting calls share what there is. */
export interface FairnessOptions {
  /** Shares of tenants; one that is not named has weight 1. */
  tenantWeights?: Readonly<Record<string, number>> | undefined;
  /**
   * Shares of agents within a tenant; one that is not named has weight 1. Left out, a tenant's agents do not share:
   * its calls are ordered by priority alone.
   */
  agentWeights?: Readonly<Record<string, number>> | undefined;
  /** How long a call has to wait to be worth one more priority, in milliseconds. @default 5_000 */
  ageingMs?: number | undefined;
}

/** Who waits, and how urgently. */
export interface FairQueuePlace {
  /** On whose behalf; all without one share as one. */
  readonly tenant?: string | undefined;
  /** Who is to do it. */
  readonly agent?: string | undefined;
  /** Higher first within the share. @default 0 */
  readonly priority?: number | undefined;
}

/** A place in a {@link FairQueue}; takes the item out again. */
export interface FairQueueHandle<Item> {
  /** What waits. */
  readonly item: Item;
  /** @internal */
  place: WaitingPlace<Item> | undefined;
}

type Line<Item> = AgeingLine<FairQueueHandle<Item>>;
type Agents<Item> = FairShares<Line<Item>>;

interface WaitingPlace<Item> {
  readonly tenant: Share<Agents<Item>>;
  readonly agent: Share<Line<Item>>;
  readonly position: number;
}

const DEFAULT_AGEING_MS = 5_000;
/** Name of the one share where agents do not share; no agent can be called that. */
const ALL_AGENTS = '';

/**
 * A queue that no tenant can fill up for the others: tenants are served in proportion to their weights, within a
 * tenant its agents if they have weights, within these by priority with ageing.
 *
 * A tenant that arrives with ten calls while another has ten thousand waiting gets every second service. A call
 * is overtaken by calls of its share that are `p` priorities higher only if they arrive within `p × ageingMs` after
 * it, so the lowest priority starts too. All operations are O(log n).
 */
export class FairQueue<Item> {
  readonly #clock: Clock;
  readonly #tenants: FairShares<Agents<Item>>;
  readonly #sharesAgents: boolean;
  readonly #arrivals = new ArrivalTimes();
  #size = 0;

  constructor(clock: Clock, options: FairnessOptions = {}) {
    const { tenantWeights, agentWeights, ageingMs = DEFAULT_AGEING_MS } = options;
    this.#clock = clock;
    this.#sharesAgents = agentWeights !== undefined;
    const newLine = () => new AgeingLine<FairQueueHandle<Item>>(ageingMs);
    const newAgents = () => new FairShares(weightsOf(agentWeights), newLine);
    this.#tenants = new FairShares(weightsOf(tenantWeights), newAgents);
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item; the handle takes it out again. */
  push(
    item: Item,
    { tenant = '', agent = ALL_AGENTS, priority = 0 }: FairQueuePlace = {},
  ): FairQueueHandle<Item> {
    const handle: FairQueueHandle<Item> = { item, place: undefined };
    const ofTenant = this.#tenants.enter(tenant);
    const ofAgent = ofTenant.content.enter(this.#sharesAgents ? agent : ALL_AGENTS);
    const position = ofAgent.content.push(handle, priority, this.#arrivals.next(this.#clock.now()));
    handle.place = { tenant: ofTenant, agent: ofAgent, position };
    this.#size += 1;
    return handle;
  }

  /** The next, without taking it. */
  peek(): Item | undefined {
    return this.#next()?.item;
  }

  /** Takes the next. */
  pop(): Item | undefined {
    const next = this.#next();
    if (next?.place === undefined) return undefined;
    const { tenant, agent } = next.place;
    tenant.content.served(agent);
    this.#tenants.served(tenant);
    this.remove(next);
    return next.item;
  }

  /** Takes an item out, wherever it stands. Says whether it was waiting. Its share is not charged. */
  remove(handle: FairQueueHandle<Item>): boolean {
    if (handle.place === undefined) return false;
    const { tenant, agent, position } = handle.place;
    handle.place = undefined;
    agent.content.remove(position);
    if (agent.content.isEmpty) tenant.content.leave(agent);
    if (tenant.content.isEmpty) this.#tenants.leave(tenant);
    this.#size -= 1;
    return true;
  }

  #next(): FairQueueHandle<Item> | undefined {
    return this.#tenants.next()?.content.next()?.content.peek();
  }
}

function weightsOf(weights: Readonly<Record<string, number>> | undefined): (name: string) => number {
  return (name) => (weights !== undefined && Object.hasOwn(weights, name) ? (weights[name] as number) : 1);
}

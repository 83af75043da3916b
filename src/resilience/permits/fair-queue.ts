import type { ResolvedFairnessSettings } from '../../contracts/traffic.js';
import type { Clock } from '../../time/clock.js';
import { AgeingQueue, ArrivalTimes } from './ageing-queue.js';
import { FairShares, type Share } from './fair-shares.js';

/** Decides when an item's turn comes. */
export interface FairQueueKey {
  /** The tenant whose share it uses; all items without a tenant use one share. */
  readonly tenant?: string | undefined;
  /** The agent whose share it uses within the tenant's. */
  readonly agent?: string | undefined;
  /** Higher goes first within the share. @default 0 */
  readonly priority?: number | undefined;
}

/** An item in a {@link FairQueue}; needed to remove it. */
export interface FairQueueHandle<Item> {
  readonly item: Item;
  /** @internal */
  position: QueuePosition<Item> | undefined;
}

type Queue<Item> = AgeingQueue<FairQueueHandle<Item>>;
type Agents<Item> = FairShares<Queue<Item>>;

interface QueuePosition<Item> {
  readonly tenant: Share<Agents<Item>>;
  readonly agent: Share<Queue<Item>>;
  readonly index: number;
}

/** Every tenant has the same share, and its agents share only by priority. */
export const EQUAL_SHARES: ResolvedFairnessSettings = Object.freeze({ ageingMs: 5_000 });

/** Name of the only share where agents have no weights; agent names are never empty. */
const ALL_AGENTS = '';

/**
 * A queue that one tenant cannot fill up for the others. Tenants are served in proportion to their weights, within a
 * tenant its agents if they have weights, and within these by priority with ageing.
 *
 * A tenant that arrives with ten calls while another has ten thousand waiting gets every second service. A call whose
 * priority is `p` higher overtakes another of the same share only if it arrives within `p × ageingMs` after it, so
 * the lowest priority starts too. All operations are O(log n).
 */
export class FairQueue<Item> {
  readonly #clock: Clock;
  readonly #tenants: FairShares<Agents<Item>>;
  readonly #sharesAgents: boolean;
  readonly #arrivals = new ArrivalTimes();
  #size = 0;

  constructor(clock: Clock, fairness = EQUAL_SHARES) {
    const { tenantWeights, agentWeights, ageingMs } = fairness;
    this.#clock = clock;
    this.#sharesAgents = agentWeights !== undefined;
    const newQueue = () => new AgeingQueue<FairQueueHandle<Item>>(ageingMs);
    const newAgents = () => new FairShares(weightsOf(agentWeights), newQueue);
    this.#tenants = new FairShares(weightsOf(tenantWeights), newAgents);
  }

  get size(): number {
    return this.#size;
  }

  /** All items, in no particular order. */
  *values(): Generator<Item, void, undefined> {
    for (const agents of this.#tenants.contents()) {
      for (const queue of agents.contents()) for (const { item } of queue.values()) yield item;
    }
  }

  /** Adds an item; returns a handle to remove it. */
  push(
    item: Item,
    { tenant = '', agent = ALL_AGENTS, priority = 0 }: FairQueueKey = {},
  ): FairQueueHandle<Item> {
    const handle: FairQueueHandle<Item> = { item, position: undefined };
    const ofTenant = this.#tenants.enter(tenant);
    const ofAgent = ofTenant.content.enter(this.#sharesAgents ? agent : ALL_AGENTS);
    const index = ofAgent.content.push(handle, priority, this.#arrivals.next(this.#clock.now()));
    handle.position = { tenant: ofTenant, agent: ofAgent, index };
    this.#size += 1;
    return handle;
  }

  /** The next item, which stays in the queue. */
  peek(): Item | undefined {
    return this.#next()?.item;
  }

  /** Removes the next item and charges it to its share. */
  pop(): Item | undefined {
    const next = this.#next();
    if (next?.position === undefined) return undefined;
    const { tenant, agent } = next.position;
    tenant.content.served(agent);
    this.#tenants.served(tenant);
    this.remove(next);
    return next.item;
  }

  /** Removes an item, wherever it is in the queue, without charging its share. Returns whether it was waiting. */
  remove(handle: FairQueueHandle<Item>): boolean {
    if (handle.position === undefined) return false;
    const { tenant, agent, index } = handle.position;
    handle.position = undefined;
    agent.content.remove(index);
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

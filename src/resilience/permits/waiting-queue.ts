import { PriorityQueue, type QueueNode } from '../../collections/priority-queue.js';
import type { ResolvedFairnessSettings } from '../../contracts/traffic.js';
import type { Clock } from '../../time/clock.js';
import { FairQueue, type FairQueueHandle } from './fair-queue.js';

/** Work that needs a permit to run. */
export interface PermitRequest extends QueueNode {
  /** The tenant that the work belongs to. */
  readonly tenant: string | undefined;
  /** The agent that does the work. */
  readonly agent: string;
  /**
   * Called when it has its permit. The permit is released when the returned promise settles; immediately if it
   * returns `undefined`.
   */
  start(): Promise<void> | undefined;
}

/** Requests that wait for a permit, in the order in which they get one. */
export interface WaitingQueue {
  readonly size: number;
  push(request: PermitRequest): void;
  /** Removes and returns the next request. */
  take(): PermitRequest | undefined;
  /** Removes a request. Returns whether it was waiting. */
  delete(request: PermitRequest): boolean;
}

/** How long a request may be overtaken by higher priorities before it gets turns between them, in milliseconds. */
const AGEING_MS = 5_000;

/** While a request has waited longer than {@link AGEING_MS}, one permit in this many goes to the oldest request. */
const AGED_SHARE = 4;

/**
 * Highest priority first, then order of arrival.
 *
 * Ageing does not turn the queue into first come, first served under load: only every fourth turn goes to the oldest
 * request, and only once that has waited {@link AGEING_MS}. So priorities keep their meaning and nothing starves.
 */
export class PriorityWaitingQueue implements WaitingQueue {
  readonly #queue = new PriorityQueue<PermitRequest>();
  readonly #clock: Clock;
  #turnsSinceAged = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#queue.size;
  }

  push(request: PermitRequest): void {
    this.#queue.push(request);
  }

  take(): PermitRequest | undefined {
    const next = this.#next();
    if (next !== undefined) this.#queue.delete(next);
    return next;
  }

  delete(request: PermitRequest): boolean {
    return this.#queue.delete(request);
  }

  #next(): PermitRequest | undefined {
    const first = this.#queue.peek();
    const oldest = this.#queue.peekOldest();
    if (first === undefined || oldest === undefined || first === oldest) return first;
    this.#turnsSinceAged += 1;
    if (this.#turnsSinceAged < AGED_SHARE) return first;
    if (this.#clock.now() - oldest.queuedAtMs < AGEING_MS) return first;
    this.#turnsSinceAged = 0;
    return oldest;
  }
}

/** Tenants, and agents if they have weights, in proportion to their weights; by priority within a share. */
export class FairWaitingQueue implements WaitingQueue {
  readonly #queue: FairQueue<PermitRequest>;
  readonly #handles = new Map<PermitRequest, FairQueueHandle<PermitRequest>>();

  constructor(clock: Clock, fairness: ResolvedFairnessSettings) {
    this.#queue = new FairQueue(clock, fairness);
  }

  get size(): number {
    return this.#queue.size;
  }

  push(request: PermitRequest): void {
    const { tenant, agent, priority } = request;
    this.#handles.set(request, this.#queue.push(request, { tenant, agent, priority }));
  }

  take(): PermitRequest | undefined {
    const next = this.#queue.pop();
    if (next !== undefined) this.#handles.delete(next);
    return next;
  }

  delete(request: PermitRequest): boolean {
    const handle = this.#handles.get(request);
    if (handle === undefined) return false;
    this.#handles.delete(request);
    return this.#queue.remove(handle);
  }
}

import { PriorityQueue, type QueueNode } from '../../collections/priority-queue.js';
import type { Clock } from '../../time/clock.js';
import { type FairnessOptions, FairQueue, type FairQueueHandle } from './fair-queue.js';

/** Something that needs a permit to run. */
export interface PermitRequest extends QueueNode {
  /** On whose behalf it waits. */
  readonly tenant: string | undefined;
  /** The agent it waits for. */
  readonly agent: string;
  /** Runs under the permit. The permit is freed when what it returns has settled, or at once without a promise. */
  start(): Promise<void> | undefined;
}

/** Those who wait for a permit, and who of them is next. */
export interface WaitingLine {
  /** How many wait. */
  readonly size: number;
  /** Lets a request wait. */
  push(request: PermitRequest): void;
  /** Takes the one whose turn it is. */
  take(): PermitRequest | undefined;
  /** Takes a request out. Says whether it was waiting. */
  delete(request: PermitRequest): boolean;
}

/** How long a call may be passed over by higher priorities before it is let in between them, in milliseconds. */
export const AGEING_MS = 5_000;

/** While somebody has waited longer than {@link AGEING_MS}, one permit in this many goes to the eldest. */
export const AGED_SHARE = 4;

/**
 * Highest priority first, and first come first within it.
 *
 * Ageing does not turn the line into first-come-first-served under load: only every fourth turn goes to the
 * eldest, and only once it has waited {@link AGEING_MS}. So priorities keep their meaning and nothing starves.
 */
export class PriorityLine implements WaitingLine {
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
    const eldest = this.#queue.peekEldest();
    if (first === undefined || eldest === undefined || first === eldest) return first;
    this.#turnsSinceAged += 1;
    if (this.#turnsSinceAged < AGED_SHARE) return first;
    if (this.#clock.now() - eldest.queuedAtMs < AGEING_MS) return first;
    this.#turnsSinceAged = 0;
    return eldest;
  }
}

/** Tenants, and agents if they have weights, in proportion to their weights; by priority within a share. */
export class FairLine implements WaitingLine {
  readonly #queue: FairQueue<PermitRequest>;
  readonly #handles = new Map<PermitRequest, FairQueueHandle<PermitRequest>>();

  constructor(clock: Clock, options: FairnessOptions) {
    this.#queue = new FairQueue(clock, options);
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

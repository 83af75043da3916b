import pLimit, { type LimitFunction } from 'p-limit';
import { PriorityQueue, type QueueNode } from '../collections/priority-queue.js';
import type { Clock } from '../time/clock.js';

/** Something that needs a permit to run. */
export interface PermitRequest extends QueueNode {
  /** Runs under the permit. The permit is freed when what it returns has settled, or at once without a promise. */
  start(): Promise<void> | undefined;
}

/** Where permits come from: one limit, or several in a row. */
export interface Permits {
  /** Whether a request that comes now would have to wait. */
  readonly isFull: boolean;
  /** How many wait. */
  readonly waiting: number;
  /** Starts the request now or as soon as a permit is free and its turn has come. */
  submit(request: PermitRequest): void;
  /** Takes a request out of the queue. Says whether it was still waiting. */
  withdraw(request: PermitRequest): boolean;
}

/** How long a call may be passed over by higher priorities before it is let in between them, in milliseconds. */
export const AGEING_MS = 5_000;

/** While somebody has waited longer than {@link AGEING_MS}, one permit in this many goes to the eldest. */
export const AGED_SHARE = 4;

/**
 * Permits for work that runs at once: p-limit holds them, and in front of it stands a queue that has what
 * p-limit's own lacks: priorities, leaving it when cancelled, and ageing.
 *
 * Ageing does not turn the queue into first-come-first-served under load: only every fourth permit goes to the
 * eldest, and only once it has waited {@link AGEING_MS}. So priorities keep their meaning and nothing starves.
 */
export class ConcurrencyLimit implements Permits {
  /** Permits taken. */
  held = 0;
  readonly #queue = new PriorityQueue<PermitRequest>();
  readonly #limit: LimitFunction;
  readonly #clock: Clock;
  #maxConcurrent: number;
  #grantsSinceAged = 0;
  #onIdle: Array<() => void> = [];

  constructor(maxConcurrent: number, clock: Clock) {
    this.#limit = pLimit({ concurrency: maxConcurrent, rejectOnClear: true });
    this.#maxConcurrent = maxConcurrent;
    this.#clock = clock;
  }

  /** How many may run at once. Raising it starts waiting work at once; lowering it stops nothing that runs. */
  get maxConcurrent(): number {
    return this.#maxConcurrent;
  }

  set maxConcurrent(maxConcurrent: number) {
    this.#maxConcurrent = maxConcurrent;
    this.#limit.concurrency = maxConcurrent;
    this.#grantWaiting();
  }

  get isFull(): boolean {
    return this.held >= this.#maxConcurrent || this.#queue.size > 0;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  submit(request: PermitRequest): void {
    if (this.isFull) this.#queue.push(request);
    else this.#grant(request);
  }

  withdraw(request: PermitRequest): boolean {
    return this.#queue.delete(request);
  }

  /** Resolves when no permit is taken; at once if none is. */
  whenIdle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #grant(request: PermitRequest): void {
    this.held += 1;
    void this.#limit(() => {
      const freed = request.start();
      if (freed !== undefined) return freed.then(this.#release);
      this.#release();
      return undefined;
    });
  }

  // Called before p-limit itself counts the permit as free. What is granted here waits these few microtasks in
  // p-limit's queue, and whoever has just been answered finds the permit free.
  readonly #release = (): void => {
    this.held -= 1;
    this.#grantWaiting();
    if (this.held > 0 || this.#onIdle.length === 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  };

  #grantWaiting(): void {
    while (this.held < this.#maxConcurrent) {
      const next = this.#next();
      if (next === undefined) return;
      this.#queue.delete(next);
      this.#grant(next);
    }
  }

  #next(): PermitRequest | undefined {
    const first = this.#queue.peek();
    const eldest = this.#queue.peekEldest();
    if (first === undefined || eldest === undefined || first === eldest) return first;
    this.#grantsSinceAged += 1;
    if (this.#grantsSinceAged < AGED_SHARE) return first;
    if (this.#clock.now() - eldest.queuedAtMs < AGEING_MS) return first;
    this.#grantsSinceAged = 0;
    return eldest;
  }
}

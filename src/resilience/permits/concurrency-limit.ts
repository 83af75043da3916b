import pLimit, { type LimitFunction } from 'p-limit';
import { type AsyncContext, captureContext } from '../../lifecycle/async-context.js';
import { loopTurn } from '../../lifecycle/loop-turn.js';
import type { PermitRequest, WaitingQueue } from './waiting-queue.js';

/** A source of permits: one limit, or several in a row. */
export interface Permits {
  /** Whether a new request would have to wait. */
  readonly isFull: boolean;
  /** Number of waiting requests. */
  readonly waiting: number;
  /** Starts the request as soon as there is a permit for it, maybe at once. */
  submit(request: PermitRequest): void;
  /** Removes a request from the queue. Returns whether it was still waiting. */
  withdraw(request: PermitRequest): boolean;
}

/**
 * Limits how much work runs at once. p-limit holds the permits; the queue in front of it adds what p-limit's own
 * queue lacks: priorities, withdrawal, ageing and fair shares.
 */
export class ConcurrencyLimit implements Permits {
  /** Permits in use. */
  held = 0;
  readonly #queue: WaitingQueue;
  readonly #limit: LimitFunction;
  #maxConcurrent: number;
  #onIdle: Array<() => void> = [];
  /** The asynchronous context in which each waiting request was submitted, if there is one to keep. */
  readonly #contexts = new Map<PermitRequest, AsyncContext>();
  /** Requests that have a permit and start in a later turn of the event loop. */
  readonly #deferred = new Set<PermitRequest>();

  constructor(maxConcurrent: number, queue: WaitingQueue) {
    this.#limit = pLimit({ concurrency: maxConcurrent, rejectOnClear: true });
    this.#maxConcurrent = maxConcurrent;
    this.#queue = queue;
  }

  /** How many requests may run at once. Raising it starts waiting requests; lowering it stops no running ones. */
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
    if (this.isFull) this.#wait(request);
    else this.#grant(request);
  }

  withdraw(request: PermitRequest): boolean {
    this.#contexts.delete(request);
    return this.#deferred.delete(request) || this.#queue.delete(request);
  }

  /** Resolves when no permit is in use. */
  whenIdle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #wait(request: PermitRequest): void {
    this.#queue.push(request);
    // The caller that releases a permit will start it, and that caller's context is not its own.
    const context = captureContext();
    if (context !== undefined) this.#contexts.set(request, context);
  }

  #grant(request: PermitRequest): void {
    this.held += 1;
    void this.#limit(() => (loopTurn.isOver ? this.#startLater(request) : this.#start(request)));
  }

  #start(request: PermitRequest): Promise<void> | undefined {
    const released = request.start();
    if (released !== undefined) return released.then(this.#release);
    this.#release();
    return undefined;
  }

  /** Requests whose work ends immediately would else follow each other without end, and nothing could stop them. */
  #startLater(request: PermitRequest): Promise<void> {
    this.#deferred.add(request);
    return new Promise((resolve) => {
      loopTurn.defer(() => {
        if (this.#deferred.delete(request)) resolve(this.#start(request));
        else {
          this.#release();
          resolve();
        }
      });
    });
  }

  // Runs a few microtasks before p-limit itself counts the permit as free. A request granted here waits that long in
  // p-limit's queue, and the caller that has just been answered finds the permit free.
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
      const next = this.#queue.take();
      if (next === undefined) return;
      const context = this.#contexts.get(next);
      if (context === undefined) this.#grant(next);
      else {
        this.#contexts.delete(next);
        context.runInAsyncScope(() => this.#grant(next));
      }
    }
  }
}

import pLimit, { type LimitFunction } from 'p-limit';
import { type AsyncContext, captureContext } from '../../lifecycle/async-context.js';
import type { PermitRequest, WaitingLine } from './waiting-queue.js';

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

/**
 * Permits for work that runs at once: p-limit holds them, and in front of it stands a line that has what p-limit's
 * own queue lacks: priorities, leaving it when cancelled, ageing, fair shares.
 */
export class ConcurrencyLimit implements Permits {
  /** Permits taken. */
  held = 0;
  readonly #queue: WaitingLine;
  readonly #limit: LimitFunction;
  #maxConcurrent: number;
  #onIdle: Array<() => void> = [];
  /** Of those that wait: the context that they were submitted in, where there is one to keep. */
  readonly #contexts = new Map<PermitRequest, AsyncContext>();

  constructor(maxConcurrent: number, line: WaitingLine) {
    this.#limit = pLimit({ concurrency: maxConcurrent, rejectOnClear: true });
    this.#maxConcurrent = maxConcurrent;
    this.#queue = line;
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
    if (this.isFull) this.#wait(request);
    else this.#grant(request);
  }

  withdraw(request: PermitRequest): boolean {
    this.#contexts.delete(request);
    return this.#queue.delete(request);
  }

  /** Resolves when no permit is taken; at once if none is. */
  whenIdle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #wait(request: PermitRequest): void {
    this.#queue.push(request);
    // It will be started by whoever frees a permit, whose context is not its own.
    const context = captureContext();
    if (context !== undefined) this.#contexts.set(request, context);
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

import { QueueNode } from '../../collections/priority-queue.js';
import type { ConcurrencyLimit, Permits } from './concurrency-limit.js';
import type { PermitRequest } from './waiting-queue.js';

/**
 * Two limits in a row, an agent's own and then the orchestrator's. The agent's permit is kept while a request
 * waits for the orchestrator's: nothing of it runs yet, so no capacity is lost.
 */
export class AgentPermits implements Permits {
  readonly #own: ConcurrencyLimit;
  readonly #shared: ConcurrencyLimit;
  readonly #passages = new Map<PermitRequest, Passage>();

  constructor(own: ConcurrencyLimit, shared: ConcurrencyLimit) {
    this.#own = own;
    this.#shared = shared;
  }

  get isFull(): boolean {
    return this.#own.isFull || this.#shared.isFull;
  }

  /** Those that wait for the agent's own permit; the others count where they wait. */
  get waiting(): number {
    return this.#own.waiting;
  }

  submit(request: PermitRequest): void {
    const passage = new Passage(request, this.#shared, () => this.#passages.delete(request));
    this.#passages.set(request, passage);
    this.#own.submit(passage);
  }

  withdraw(request: PermitRequest): boolean {
    const passage = this.#passages.get(request);
    if (passage === undefined) return false;
    if (this.#own.withdraw(passage)) {
      this.#passages.delete(request);
      return true;
    }
    // A passage that has its own permit and has not started yet stands in neither queue.
    if (!passage.isStarted) passage.isWithdrawn = true;
    else if (!this.#shared.withdraw(passage.inner)) return false;
    passage.end();
    return true;
  }
}

/** One request on its way through both limits. */
class Passage extends QueueNode implements PermitRequest {
  readonly priority: number;
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  readonly agent: string;
  /** Stands in the second queue. */
  readonly inner: InnerPassage;
  isStarted = false;
  isWithdrawn = false;
  readonly #shared: ConcurrencyLimit;
  readonly #onEnd: () => void;
  #freeOwn: (() => void) | undefined = undefined;

  constructor(request: PermitRequest, shared: ConcurrencyLimit, onEnd: () => void) {
    super();
    this.priority = request.priority;
    this.queuedAtMs = request.queuedAtMs;
    this.tenant = request.tenant;
    this.agent = request.agent;
    this.inner = new InnerPassage(request, () => this.end());
    this.#shared = shared;
    this.#onEnd = onEnd;
  }

  start(): Promise<void> | undefined {
    if (this.isWithdrawn) return undefined;
    this.isStarted = true;
    return new Promise((freeOwn) => {
      this.#freeOwn = freeOwn;
      this.#shared.submit(this.inner);
    });
  }

  end(): void {
    this.#onEnd();
    this.#freeOwn?.();
  }
}

class InnerPassage extends QueueNode implements PermitRequest {
  readonly priority: number;
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  readonly agent: string;
  readonly #request: PermitRequest;
  readonly #onFreed: () => void;

  constructor(request: PermitRequest, onFreed: () => void) {
    super();
    this.priority = request.priority;
    this.queuedAtMs = request.queuedAtMs;
    this.tenant = request.tenant;
    this.agent = request.agent;
    this.#request = request;
    this.#onFreed = onFreed;
  }

  start(): Promise<void> | undefined {
    const freed = this.#request.start();
    if (freed === undefined) this.#onFreed();
    else void freed.then(this.#onFreed);
    return freed;
  }
}

import { QueueNode } from '../../collections/priority-queue.js';
import type { ConcurrencyLimit, Permits } from './concurrency-limit.js';
import type { PermitRequest } from './waiting-queue.js';

/**
 * Two limits in a row: a request first gets a permit of an agent's own limit, then one of the limit that all agents
 * share. It keeps the first while it waits for the second: it is not running yet, so no capacity is lost.
 */
export class NestedLimits implements Permits {
  readonly #own: ConcurrencyLimit;
  readonly #shared: ConcurrencyLimit;
  readonly #requests = new Map<PermitRequest, OwnLimitRequest>();

  constructor(own: ConcurrencyLimit, shared: ConcurrencyLimit) {
    this.#own = own;
    this.#shared = shared;
  }

  get isFull(): boolean {
    return this.#own.isFull || this.#shared.isFull;
  }

  /** Requests that wait for the agent's own limit; the shared limit counts the others. */
  get waiting(): number {
    return this.#own.waiting;
  }

  submit(request: PermitRequest): void {
    const forOwn = new OwnLimitRequest(request, this.#shared, () => this.#requests.delete(request));
    this.#requests.set(request, forOwn);
    this.#own.submit(forOwn);
  }

  withdraw(request: PermitRequest): boolean {
    const forOwn = this.#requests.get(request);
    if (forOwn === undefined) return false;
    if (this.#own.withdraw(forOwn)) {
      this.#requests.delete(request);
      return true;
    }
    // Between getting its first permit and starting, a request is in neither queue.
    if (!forOwn.isStarted) forOwn.isWithdrawn = true;
    else if (!this.#shared.withdraw(forOwn.forShared)) return false;
    forOwn.end();
    return true;
  }
}

/** Stands in the queue of one of the limits in place of the original request. */
abstract class StandIn extends QueueNode implements PermitRequest {
  readonly priority: number;
  readonly queuedAtMs: number;
  readonly tenant: string | undefined;
  readonly agent: string;

  constructor({ priority, queuedAtMs, tenant, agent }: PermitRequest) {
    super();
    this.priority = priority;
    this.queuedAtMs = queuedAtMs;
    this.tenant = tenant;
    this.agent = agent;
  }

  abstract start(): Promise<void> | undefined;
}

/** Waits for the agent's own limit, then for the shared one. Its permit lasts until the original request has ended. */
class OwnLimitRequest extends StandIn {
  readonly forShared: SharedLimitRequest;
  isStarted = false;
  isWithdrawn = false;
  readonly #shared: ConcurrencyLimit;
  readonly #onEnd: () => void;
  #release: (() => void) | undefined = undefined;

  constructor(request: PermitRequest, shared: ConcurrencyLimit, onEnd: () => void) {
    super(request);
    this.forShared = new SharedLimitRequest(request, () => this.end());
    this.#shared = shared;
    this.#onEnd = onEnd;
  }

  start(): Promise<void> | undefined {
    if (this.isWithdrawn) return undefined;
    this.isStarted = true;
    return new Promise((release) => {
      this.#release = release;
      this.#shared.submit(this.forShared);
    });
  }

  /** Releases the permit of the agent's own limit. */
  end(): void {
    this.#onEnd();
    this.#release?.();
  }
}

/** Waits for the shared limit, then starts the original request. */
class SharedLimitRequest extends StandIn {
  readonly #request: PermitRequest;
  readonly #onEnd: () => void;

  constructor(request: PermitRequest, onEnd: () => void) {
    super(request);
    this.#request = request;
    this.#onEnd = onEnd;
  }

  start(): Promise<void> | undefined {
    const released = this.#request.start();
    if (released === undefined) this.#onEnd();
    else void released.then(this.#onEnd);
    return released;
  }
}

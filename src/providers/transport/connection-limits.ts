import { QueueNode } from '../../collections/priority-queue.js';
import type { Logger } from '../../logging/logger.js';
import { ConcurrencyLimit } from '../../resilience/permits/concurrency-limit.js';
import { type PermitRequest, PriorityWaitingQueue } from '../../resilience/permits/waiting-queue.js';
import { systemClock } from '../../time/clock.js';

/** What a request does while it waits for a connection. */
export interface ConnectionWait {
  /** Ends the wait. */
  readonly signal?: AbortSignal | null | undefined;
  /** Called when the request has to wait; what it returns is called when the wait has ended. */
  readonly onWait?: (() => () => void) | undefined;
  readonly logger?: Logger | undefined;
}

/** Number of origins from which on idle ones are forgotten. */
const FIRST_SWEEP = 64;

/**
 * Decides which request gets one of a pool's connections to an origin. The pool itself would queue the others too, but
 * it does not report it: the time would count as that of the attempt.
 */
export class ConnectionLimits {
  readonly #connections: number;
  readonly #limits = new Map<string, ConcurrencyLimit>();
  #sweepAt = FIRST_SWEEP;
  #hasWarned = false;

  /** @param connections Connections to each origin. */
  constructor(connections: number) {
    this.#connections = connections;
  }

  /** Waits for a connection. Call the returned function when it is free again. Rejects with the signal's reason. */
  async acquire(origin: string, wait: ConnectionWait): Promise<() => void> {
    const limit = this.#limits.get(origin) ?? this.#add(origin);
    const request = new ConnectionRequest();
    if (!limit.isFull) {
      limit.submit(request);
      return await request.granted;
    }
    const resume = wait.onWait?.();
    this.#warnOnce(origin, wait.logger);
    limit.submit(request);
    try {
      return await unlessAborted(request, limit, wait.signal);
    } finally {
      resume?.();
    }
  }

  /** Resolves when no request waits for a connection. */
  async whenNoneWaits(): Promise<void> {
    const full = [...this.#limits.values()].filter((limit) => limit.waiting > 0);
    await Promise.all(full.map((limit) => limit.whenIdle()));
  }

  #add(origin: string): ConcurrencyLimit {
    if (this.#limits.size >= this.#sweepAt) this.#sweep();
    const limit = new ConcurrencyLimit(this.#connections, new PriorityWaitingQueue(systemClock));
    this.#limits.set(origin, limit);
    return limit;
  }

  /** Doubling the threshold keeps sweeping O(1) per origin. */
  #sweep(): void {
    for (const [origin, limit] of this.#limits) {
      if (limit.held === 0 && limit.waiting === 0) this.#limits.delete(origin);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#limits.size);
  }

  #warnOnce(origin: string, logger: Logger | undefined): void {
    if (this.#hasWarned || logger === undefined) return;
    this.#hasWarned = true;
    const problem = `requests to ${origin} wait for a connection: all ${this.#connections} are in use`;
    logger.warn(
      { origin, connections: this.#connections },
      `${problem}; the option "connections" of its provider should not be below the orchestrator's maxConcurrent`,
    );
  }
}

/** One request that waits for a connection, or has one. */
class ConnectionRequest extends QueueNode implements PermitRequest {
  readonly priority = 0;
  readonly queuedAtMs = systemClock.now();
  readonly tenant = undefined;
  readonly agent = '';
  /** Resolves with the function that releases the connection. */
  readonly granted: Promise<() => void>;
  #grant!: (release: () => void) => void;

  constructor() {
    super();
    this.granted = new Promise((resolve) => {
      this.#grant = resolve;
    });
  }

  start(): Promise<void> {
    return new Promise((release) => this.#grant(release));
  }
}

async function unlessAborted(
  request: ConnectionRequest,
  limit: ConcurrencyLimit,
  signal: AbortSignal | null | undefined,
): Promise<() => void> {
  if (signal === null || signal === undefined) return request.granted;
  let leave!: () => void;
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => {
      // It may have got its connection in this moment: then it uses it for a request that is aborted.
      if (limit.withdraw(request)) reject(signal.reason);
    };
  });
  signal.addEventListener('abort', leave);
  try {
    return await Promise.race([request.granted, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

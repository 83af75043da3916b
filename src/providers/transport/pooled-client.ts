import { leasePool, type PoolLease } from './connection-pool.js';
import type { RequestDispatcher } from './dispatcher.js';
import { pooledFetch } from './pooled-fetch.js';

/** Options of a {@link PooledClient}. */
export interface PooledClientOptions {
  readonly connections: number;
  readonly maxResponseBytes: number;
  readonly dispatcher?: RequestDispatcher | undefined;
}

interface OpenedClient<Client> {
  readonly client: Promise<Client>;
  readonly lease: PoolLease;
  isReady: boolean;
}

/**
 * A client of an official package over the shared pool. It is created on first use, released on close, and created again
 * if its agent is used again (by another orchestrator with the same definition).
 */
export class PooledClient<Client> {
  #opened: OpenedClient<Client> | undefined;
  readonly #make: (fetch: typeof globalThis.fetch) => Promise<Client>;
  readonly #options: PooledClientOptions;

  constructor(make: (fetch: typeof globalThis.fetch) => Promise<Client>, options: PooledClientOptions) {
    this.#make = make;
    this.#options = options;
  }

  /**
   * The client. If creating it fails, the next use tries again.
   *
   * @param onWait Called while it is not ready yet; what it returns is called when it is.
   */
  async get(onWait?: () => () => void): Promise<Client> {
    const opened = this.#opened ?? this.#open();
    const resume = opened.isReady ? undefined : onWait?.();
    try {
      const client = await opened.client;
      opened.isReady = true;
      return client;
    } catch (error) {
      if (this.#opened === opened) await this.close();
      throw error;
    } finally {
      resume?.();
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.lease.release();
  }

  #open(): OpenedClient<Client> {
    const lease = leasePool(this.#options.connections, this.#options.dispatcher);
    const client = this.#make(pooledFetch(lease, this.#options.maxResponseBytes));
    const ready = Promise.all([client, lease.ready]).then(([made]) => made);
    this.#opened = { client: ready, lease, isReady: false };
    return this.#opened;
  }
}

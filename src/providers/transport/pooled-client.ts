import { leasePool, type PoolLease } from './connection-pool.js';
import { pooledFetch } from './pooled-fetch.js';

/** Options of a {@link PooledClient}. */
export interface PooledClientOptions {
  readonly connections: number;
  readonly maxResponseBytes: number;
}

/**
 * A client of an official package over the shared pool. It is created on first use, released on close, and created again
 * if its agent is used again (by another orchestrator with the same definition).
 */
export class PooledClient<Client> {
  #opened: { client: Promise<Client>; lease: PoolLease } | undefined;
  readonly #make: (fetch: typeof globalThis.fetch) => Promise<Client>;
  readonly #options: PooledClientOptions;

  constructor(make: (fetch: typeof globalThis.fetch) => Promise<Client>, options: PooledClientOptions) {
    this.#make = make;
    this.#options = options;
  }

  /** The client. If creating it fails, the next use tries again. */
  async get(): Promise<Client> {
    const opened = this.#opened ?? this.#open();
    try {
      return await opened.client;
    } catch (error) {
      if (this.#opened === opened) await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.lease.release();
  }

  #open(): { client: Promise<Client>; lease: PoolLease } {
    const lease = leasePool(this.#options.connections);
    const client = this.#make(pooledFetch(lease, this.#options.maxResponseBytes));
    this.#opened = { client, lease };
    return this.#opened;
  }
}

import type { Agent, Dispatcher } from 'undici';

/** Default of `connections`: sockets to one origin. */
export const DEFAULT_CONNECTIONS = 64;

/** One request through a pool. */
export type PooledRequest = Omit<Dispatcher.RequestOptions, 'maxRedirections'> & {
  /** Called when the request is written to its socket. */
  readonly onSent?: (() => void) | undefined;
};

type Pooled = Pick<Agent, 'request' | 'close'>;

interface SharedPool {
  readonly agent: Promise<Pooled>;
  leases: number;
}

/** One pool per size in the process: providers with the same size share their sockets. */
const pools = new Map<number, SharedPool>();

/** A provider's share of a pool of kept-alive connections. */
export interface PoolLease {
  /** Sends a request over one of the pool's sockets. */
  request(options: PooledRequest): Promise<Dispatcher.ResponseData>;
  /**
   * Returns the share. The last one closes the pool: idle sockets at once, others after their answer. Idempotent.
   */
  release(): Promise<void>;
}

/** Takes a share of the pool with this many sockets for each origin. */
export function leasePool(connections: number): PoolLease {
  const pool = pools.get(connections) ?? { agent: openAgent(connections), leases: 0 };
  pools.set(connections, pool);
  pool.leases += 1;
  let released: Promise<void> | undefined;
  return {
    request: async (options) => (await pool.agent).request(options),
    release: () => {
      released ??= giveBack(connections, pool);
      return released;
    },
  };
}

/** Number of open pools. For tests. @internal */
export function openPools(): number {
  return pools.size;
}

async function giveBack(connections: number, pool: SharedPool): Promise<void> {
  pool.leases -= 1;
  if (pool.leases > 0) return;
  pools.delete(connections);
  await (await pool.agent).close();
}

async function openAgent(connections: number): Promise<Pooled> {
  // Node's own undici installs its dispatcher on first use. Without this line ours would be installed for the whole
  // process if it came first.
  void globalThis.Response;
  const undici = await import('undici');
  const agent = new undici.Agent({
    connections,
    // Only the attempt's signal limits the time: these timeouts would end a slow answer.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return agent.compose((dispatch) => (options, handler) => {
    const { onSent } = options as PooledRequest;
    if (onSent !== undefined) reportWhenSent(handler, onSent);
    return dispatch(options, handler);
  });
}

/** undici calls one of these two methods of a request's handler when it assigns a socket. */
function reportWhenSent(handler: Dispatcher.DispatchHandler, onSent: () => void): void {
  const methods = handler as Record<string, unknown>;
  for (const name of ['onConnect', 'onRequestStart']) {
    const started = methods[name];
    if (typeof started !== 'function') continue;
    methods[name] = (...given: unknown[]): unknown => {
      onSent();
      return started.apply(handler, given);
    };
  }
}

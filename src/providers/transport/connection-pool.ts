import type { Agent, Dispatcher } from 'undici';

/** Sockets to one origin, unless `connections` says otherwise. */
export const DEFAULT_CONNECTIONS = 64;

/** One request through a pool. */
export type PooledRequest = Omit<Dispatcher.RequestOptions, 'maxRedirections'> & {
  /** Told when the request is written to its socket. */
  readonly onSent?: (() => void) | undefined;
};

type Pooled = Pick<Agent, 'request' | 'close'>;

interface SharedPool {
  readonly agent: Promise<Pooled>;
  leases: number;
}

/** One pool for each size in the process: providers of the same size share their sockets. */
const pools = new Map<number, SharedPool>();

/** A provider's share of a pool of kept-alive connections. */
export interface PoolLease {
  /** Sends a request over one of the pool's sockets. */
  request(options: PooledRequest): Promise<Dispatcher.ResponseData>;
  /**
   * Gives the share back. The last one closes the pool: idle sockets at once, others after their answer. Twice is
   * once.
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

/** How many pools are open. For tests. @internal */
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
  // Node's own undici puts its dispatcher in place when it is first touched; ours would take that place for
  // the whole process if it came first.
  void globalThis.Response;
  const undici = await import('undici');
  const agent = new undici.Agent({
    connections,
    // The attempt's signal is the only clock: these would end a slow but living answer.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return agent.compose((dispatch) => (options, handler) => {
    const { onSent } = options as PooledRequest;
    if (onSent !== undefined) tellWhenSent(handler, onSent);
    return dispatch(options, handler);
  });
}

/** undici tells a request's handler when it is given a socket, by one of two names. */
function tellWhenSent(handler: Dispatcher.DispatchHandler, onSent: () => void): void {
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

import type { Dispatcher } from 'undici';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { Logger } from '../../logging/logger.js';
import { ConnectionLimits } from './connection-limits.js';
import { loadUndici, openSender, type RequestDispatcher, routeOf, type Sender } from './dispatcher.js';
import { PlatformPool } from './platform-pool.js';

/** Default of `connections`: sockets to one origin. */
export const DEFAULT_CONNECTIONS = 64;

/** One request through a pool. */
export type PooledRequest = Omit<Dispatcher.RequestOptions, 'maxRedirections' | 'signal'> &
  PooledHooks & {
    readonly origin: string;
    readonly signal: AbortSignal | null;
  };

/** What the pool reports about a request. */
export interface PooledHooks {
  /** Called when the request is written to its socket. */
  readonly onSent?: (() => void) | undefined;
  /** Called when all sockets are in use; what it returns is called when the request no longer waits for one. */
  readonly onWait?: (() => () => void) | undefined;
  /** Gets a warning when requests begin to wait for sockets. */
  readonly logger?: Logger | undefined;
}

/** A request as undici gets it. */
type DispatchedRequest = PooledRequest & { readonly onEnd: () => void };

interface SharedPool {
  readonly connections: number;
  readonly route: readonly unknown[];
  readonly agent: Promise<Sender>;
  readonly limits: ConnectionLimits;
  leases: number;
}

/** One pool per size and route in the process: providers with the same size share their sockets. */
const pools = new Set<SharedPool>();

/** A provider's share of a pool of kept-alive connections. */
export interface PoolLease {
  /** Resolves when the pool can send requests. */
  readonly ready: Promise<unknown>;
  /** Sends a request over one of the pool's sockets. */
  request(options: PooledRequest): Promise<Dispatcher.ResponseData>;
  /**
   * Returns the share. The last one closes the pool: idle sockets at once, others after their answer. Idempotent.
   */
  release(): Promise<void>;
}

/**
 * Takes a share of the pool with this many sockets for each origin.
 *
 * @param dispatcher Sends the requests instead of the global dispatcher, the proxy of the environment or the pool's own.
 */
export function leasePool(connections: number, dispatcher?: RequestDispatcher): PoolLease {
  const route = routeOf(dispatcher);
  const pool = findPool(connections, route) ?? openPool(connections, route, dispatcher);
  pools.add(pool);
  pool.leases += 1;
  let released: Promise<void> | undefined;
  return {
    ready: pool.agent,
    request: (options) => send(pool, options),
    release: () => {
      released ??= giveBack(pool);
      return released;
    },
  };
}

function findPool(connections: number, route: readonly unknown[]): SharedPool | undefined {
  return [...pools].find(
    (pool) => pool.connections === connections && pool.route.every((part, index) => part === route[index]),
  );
}

/** Number of open pools. For tests. @internal */
export function openPools(): number {
  return pools.size;
}

function openPool(
  connections: number,
  route: readonly unknown[],
  dispatcher: RequestDispatcher | undefined,
): SharedPool {
  const agent = openAgent(connections, dispatcher);
  return { connections, route, agent, limits: new ConnectionLimits(connections), leases: 0 };
}

async function send(pool: SharedPool, options: PooledRequest): Promise<Dispatcher.ResponseData> {
  const agent = await pool.agent;
  const onEnd = await pool.limits.acquire(options.origin, options);
  try {
    return await agent.request({ ...options, onEnd } as DispatchedRequest);
  } catch (thrown) {
    onEnd();
    throw thrown;
  }
}

async function giveBack(pool: SharedPool): Promise<void> {
  pool.leases -= 1;
  if (pool.leases > 0) return;
  pools.delete(pool);
  await pool.limits.whenNoneWaits();
  await (await pool.agent).close();
}

async function openAgent(connections: number, dispatcher: RequestDispatcher | undefined): Promise<Sender> {
  const undici = await loadUndici();
  if (undici === undefined) {
    if (dispatcher === undefined) return new PlatformPool();
    throw new InvalidArgumentError(
      'options.dispatcher',
      'dispatcher needs undici, which cannot be loaded here; leave it out, and set the proxy as the platform expects it.',
    );
  }
  return openSender(undici, connections, dispatcher, (options, handler) => {
    const { onSent, onEnd } = options as DispatchedRequest;
    if (onSent !== undefined) callBefore(handler, STARTED, onSent);
    callBefore(handler, ENDED, onEnd);
  });
}

// undici calls one of these methods of a request's handler, depending on the handler's kind.
/** A socket was assigned. */
const STARTED = ['onConnect', 'onRequestStart'];
/** The socket is free again, or closed. */
const ENDED = ['onComplete', 'onResponseEnd', 'onError', 'onResponseError'];

function callBefore(handler: Dispatcher.DispatchHandler, names: readonly string[], report: () => void): void {
  const methods = handler as Record<string, unknown>;
  for (const name of names) {
    const method = methods[name];
    if (typeof method !== 'function') continue;
    methods[name] = (...given: unknown[]): unknown => {
      report();
      return method.apply(handler, given);
    };
  }
}

import type { Agent, Dispatcher } from 'undici';
import type { Logger } from '../../logging/logger.js';
import { ConnectionLimits } from './connection-limits.js';
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

interface Pooled {
  request(options: DispatchedRequest): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

interface SharedPool {
  readonly agent: Promise<Pooled>;
  readonly limits: ConnectionLimits;
  leases: number;
}

/** One pool per size in the process: providers with the same size share their sockets. */
const pools = new Map<number, SharedPool>();

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

/** Takes a share of the pool with this many sockets for each origin. */
export function leasePool(connections: number): PoolLease {
  const pool = pools.get(connections) ?? openPool(connections);
  pools.set(connections, pool);
  pool.leases += 1;
  let released: Promise<void> | undefined;
  return {
    ready: pool.agent,
    request: (options) => send(pool, options),
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

function openPool(connections: number): SharedPool {
  return { agent: openAgent(connections), limits: new ConnectionLimits(connections), leases: 0 };
}

async function send(pool: SharedPool, options: PooledRequest): Promise<Dispatcher.ResponseData> {
  const agent = await pool.agent;
  const onEnd = await pool.limits.acquire(options.origin, options);
  try {
    return await agent.request({ ...options, onEnd });
  } catch (thrown) {
    onEnd();
    throw thrown;
  }
}

async function giveBack(connections: number, pool: SharedPool): Promise<void> {
  pool.leases -= 1;
  if (pool.leases > 0) return;
  pools.delete(connections);
  await pool.limits.whenNoneWaits();
  await (await pool.agent).close();
}

async function openAgent(connections: number): Promise<Pooled> {
  // Node's own undici installs its dispatcher on first use. Without this line ours would be installed for the whole
  // process if it came first.
  void globalThis.Response;
  const Agent = await loadAgent();
  if (Agent === undefined) return new PlatformPool();
  const agent = new Agent({
    connections,
    // Only the attempt's signal limits the time: these timeouts would end a slow answer.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const composed = agent.compose((dispatch) => (options, handler) => {
    const { onSent, onEnd } = options as DispatchedRequest;
    if (onSent !== undefined) callBefore(handler, STARTED, onSent);
    callBefore(handler, ENDED, onEnd);
    return dispatch(options, handler);
  });
  return { request: (options) => composed.request(options), close: () => composed.close() };
}

/** undici's agent; `undefined` where it cannot be loaded, or is not the whole of it. */
async function loadAgent(): Promise<typeof Agent | undefined> {
  try {
    const { Agent } = await import('undici');
    return typeof Agent.prototype.compose === 'function' ? Agent : undefined;
  } catch {
    return undefined;
  }
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

import type { Dispatcher } from 'undici';
import { InvalidArgumentError } from '../../errors/input-errors.js';
import type { Check } from '../../input/checks.js';

type Undici = typeof import('undici');

/** An undici dispatcher, of any version: the part of it that is used. */
export interface RequestDispatcher {
  /** Sends a request. */
  // biome-ignore lint/suspicious/noExplicitAny: versions of undici differ in the types of their options and handlers
  dispatch(options: any, handler: any): boolean;
}

export const expectDispatcher: Check = (value) =>
  typeof (value as Partial<RequestDispatcher> | null)?.dispatch === 'function'
    ? undefined
    : 'a dispatcher of undici, for instance new ProxyAgent(url)';

/** Sends requests, and is closed with its pool. */
export interface Sender {
  request(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'] as const;
const NO_PROXY_VARIABLES = ['no_proxy', 'NO_PROXY'] as const;

/** What decides how requests are sent: pools for which all of it is the same are one pool. */
export function routeOf(given: RequestDispatcher | undefined): readonly unknown[] {
  return [
    given,
    globalDispatcher(),
    ...[...PROXY_VARIABLES, ...NO_PROXY_VARIABLES].map((name) => process.env[name]),
  ];
}

/**
 * What sends requests: the given dispatcher, else the one that the process has set globally, else the proxy of the
 * environment, else an agent of the pool. Only what is made here is closed.
 */
export function openSender(
  undici: Undici,
  connections: number,
  given: RequestDispatcher | undefined,
  beforeDispatch: (options: object, handler: Dispatcher.DispatchHandler) => void,
): Sender {
  const foreign = given ?? setGlobally(undici);
  if (foreign !== undefined) return foreignSender(undici, foreign, beforeDispatch);
  const options = {
    connections,
    // Only the attempt's signal limits the time: these timeouts would end a slow answer.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const agent: Dispatcher = isProxied() ? proxyOfEnvironment(undici, options) : new undici.Agent(options);
  const composed = agent.compose((dispatch) => (request, handler) => {
    beforeDispatch(request, handler);
    return dispatch(request, handler);
  });
  return { request: (request) => composed.request(request), close: () => agent.close() };
}

function proxyOfEnvironment(undici: Undici, options: object): Dispatcher {
  try {
    return new undici.EnvHttpProxyAgent(options);
  } catch (cause) {
    // Without the value, which may have a password in it.
    throw new InvalidArgumentError(
      'HTTPS_PROXY',
      'The environment variable HTTPS_PROXY or HTTP_PROXY is not the URL of a proxy, for instance http://proxy.example.com:8080.',
      { cause },
    );
  }
}

/** Its class may be of another version of undici, or of Node's own, which have no `request`. */
function foreignSender(
  undici: Undici,
  foreign: RequestDispatcher,
  beforeDispatch: (options: object, handler: Dispatcher.DispatchHandler) => void,
): Sender {
  const dispatcher = {
    dispatch: (request: object, handler: Dispatcher.DispatchHandler) => {
      beforeDispatch(request, handler);
      return foreign.dispatch(request, handler);
    },
  } as Dispatcher;
  return {
    request: ({ origin, path, ...request }) =>
      undici.request(`${String(origin)}${path}`, {
        ...request,
        headersTimeout: 0,
        bodyTimeout: 0,
        dispatcher,
      }),
    close: async () => {},
  };
}

const GLOBAL = Symbol.for('undici.globalDispatcher.1');

/** The one that undici installed when it was loaded, where the process had none: it was not set by anyone. */
let installed: RequestDispatcher | undefined;

/** undici; `undefined` where it cannot be loaded, or is not the whole of it. */
export async function loadUndici(): Promise<Undici | undefined> {
  const before = globalDispatcher();
  try {
    const undici = await import('undici');
    if (before === undefined) installed ??= globalDispatcher();
    return typeof undici.Agent.prototype.compose === 'function' ? undici : undefined;
  } catch {
    return undefined;
  }
}

function globalDispatcher(): RequestDispatcher | undefined {
  // Node's own undici installs its dispatcher on first use. Without this line ours would be installed for the whole
  // process if it came first.
  void globalThis.Response;
  const current = (globalThis as { [GLOBAL]?: RequestDispatcher })[GLOBAL];
  return current === installed ? undefined : current;
}

/**
 * The global dispatcher that the process has set. One of the class `Agent` may be the one that was there from the start,
 * so that a proxy of the environment precedes it.
 */
function setGlobally(undici: Undici): RequestDispatcher | undefined {
  const current = globalDispatcher();
  if (current?.constructor.name !== 'Agent') return current;
  return current instanceof undici.Agent && !isProxied() ? current : undefined;
}

function isProxied(): boolean {
  return PROXY_VARIABLES.some((name) => (process.env[name] ?? '') !== '');
}

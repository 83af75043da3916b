import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Agent, type Dispatcher, getGlobalDispatcher, ProxyAgent, setGlobalDispatcher } from 'undici';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { httpAgent } from '../../../src/providers/http/http-agent.js';
import { openPools } from '../../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../../src/testing/model-server/model-server.js';
import { collect, generate, providerOf, rejection, stream, textOf } from '../provider-request.js';
import { TunnelProxy } from './tunnel-proxy.js';

const VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];
const environment = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));

let proxy: TunnelProxy;
let server: ModelServer;
const opened: AgentDefinition[] = [];
const agent = (more?: object): AgentDefinition => {
  const made = anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...more });
  opened.push(made);
  return made;
};

beforeEach(async () => {
  for (const name of VARIABLES) delete process.env[name];
  proxy = await new TunnelProxy().listen();
  server = await startModelServer();
});
afterEach(async () => {
  for (const one of opened.splice(0)) await providerOf(one).close?.();
  await proxy.close();
  await server.close();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  expect(openPools()).toBe(0);
});

const host = () => new URL(server.url).host;

describe('requests of providers', () => {
  test('go to the server itself without a proxy', async () => {
    await generate(agent());
    expect(proxy.tunnels).toEqual([]);
  });

  test.each(['HTTP_PROXY', 'http_proxy'])('go through the proxy in %s, whole and streamed', async (name) => {
    process.env[name] = proxy.url;
    const made = agent();
    expect(await generate(made)).toMatchObject({ output: 'ok' });
    expect(textOf(await collect(stream(made)))).toBe('ok');
    expect(new Set(proxy.tunnels)).toEqual(new Set([host()]));
  });

  test('go to hosts in NO_PROXY without it', async () => {
    process.env.HTTP_PROXY = proxy.url;
    process.env.NO_PROXY = 'example.com, 127.0.0.1';
    expect(await generate(agent())).toMatchObject({ output: 'ok' });
    expect(proxy.tunnels).toEqual([]);
  });

  test('go to https addresses through the proxy in HTTPS_PROXY', async () => {
    process.env.HTTPS_PROXY = proxy.url;
    // The server speaks no TLS: the tunnel is opened, and then the handshake fails.
    await rejection(generate(agent({ baseURL: server.url.replace('http:', 'https:') })));
    expect(proxy.tunnels).toEqual([host()]);
  });

  test('use a proxy that is set after others were made', async () => {
    await generate(agent());
    process.env.HTTP_PROXY = proxy.url;
    await generate(agent());
    expect(proxy.tunnels).toEqual([host()]);
    expect(openPools()).toBe(2);
  });

  test('use the global dispatcher that the process has set, and leave it open', async () => {
    const before = getGlobalDispatcher();
    const own = new ProxyAgent(proxy.url);
    setGlobalDispatcher(own);
    try {
      const made = agent();
      expect(await generate(made)).toMatchObject({ output: 'ok' });
      await providerOf(made).close?.();
      expect(own).toHaveProperty('closed', false);
      expect(proxy.tunnels).toEqual([host()]);
    } finally {
      setGlobalDispatcher(before);
      await own.close();
    }
  });

  test('use the dispatcher of the options before everything else, and leave it open', async () => {
    process.env.HTTP_PROXY = 'http://127.0.0.1:9';
    const dispatcher = new ProxyAgent(proxy.url);
    const made = agent({ dispatcher });
    expect(await generate(made)).toMatchObject({ output: 'ok' });
    expect(textOf(await collect(stream(made)))).toBe('ok');
    await providerOf(made).close?.();
    expect(dispatcher).toHaveProperty('closed', false);
    expect(proxy.tunnels.every((tunnel) => tunnel === host())).toBe(true);
    await dispatcher.close();
  });

  test('of httpAgent take a dispatcher too', async () => {
    const dispatcher = new Agent();
    let dispatched = 0;
    const counting = {
      dispatch: (options: Agent.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
        dispatched += 1;
        return dispatcher.dispatch(options, handler);
      },
    };
    const made = httpAgent({
      url: `${server.url}/v1/messages`,
      dispatcher: counting,
      request: () => ({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }),
      response: () => 'answered',
    });
    opened.push(made);
    expect(await generate(made)).toMatchObject({ output: 'answered' });
    expect(dispatched).toBe(1);
    await dispatcher.close();
  });

  test('fail with the name of a variable that is not a proxy, without its value', async () => {
    process.env.HTTPS_PROXY = 'http//user:secret@proxy';
    const error = await rejection(generate(agent()));
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field: 'HTTPS_PROXY' });
    expect(error.message).not.toContain('secret');
  });

  test('refuse a dispatcher that is none, and one beside a client', () => {
    expect(() => agent({ dispatcher: 'http://proxy' })).toThrow(/dispatcher.*dispatcher of undici/);
    expect(() => anthropic({ model: 'm', client: {}, dispatcher: new Agent() })).toThrow(
      /dispatcher has no effect together with client/,
    );
  });
});

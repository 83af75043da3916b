// Covers: src/providers/http/http-exchange.ts, src/providers/http/http-mapping.ts, src/providers/http/http-options.ts
// Covers: src/providers/http/http-url.ts
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import { httpAgent } from '../../../src/providers/http/http-agent.js';
import type { HttpAgentOptions } from '../../../src/providers/http/http-options.js';
import { generate, providerOf, rejection } from '../provider-request.js';

interface Received {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

const servers: Server[] = [];
const agents: AgentDefinition[] = [];

afterEach(async () => {
  for (const agent of agents.splice(0)) await providerOf(agent).close?.();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server that keeps what it received and answers as it is told. */
async function serve(answer: (response: ServerResponse, received: Received) => void) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const one = { method: request.method, url: request.url, headers: request.headers, body };
      received.push(one);
      answer(response, one);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ask` };
}

const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(value));

function agent(options: HttpAgentOptions): AgentDefinition {
  const definition = httpAgent(options);
  agents.push(definition);
  return definition;
}

const NASTY = 'quote " \\ newline\n ü €  ?a=b&c=d#x ../../etc/passwd';

describe('httpAgent, sending', () => {
  test('sends the task as JSON and takes `output` of the answer', async () => {
    const { url, received } = await serve(json({ output: 'fine', usage: { inputTokens: 3 }, more: 1 }));
    const reply = await generate(agent({ url }), { task: NASTY });
    expect(reply).toEqual({ output: 'fine', usage: { inputTokens: 3 } });
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({ method: 'POST', url: '/ask' });
    expect(received[0]?.headers['content-type']).toBe('application/json');
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({ task: NASTY });
  });

  test('adds model, instructions and params where there are any', async () => {
    const { url, received } = await serve(json('fine'));
    const one = agent({ url, model: 'm', instructions: 'be kind', params: { depth: 2 } });
    expect(await generate(one, { task: 't' })).toEqual({ output: 'fine' });
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      task: 't',
      model: 'm',
      instructions: 'be kind',
      params: { depth: 2 },
    });
  });

  test('maps request and response with the functions it is given', async () => {
    const { url, received } = await serve(json({ hits: ['a', 'b'] }));
    const one = agent({
      url,
      method: 'PUT',
      headers: async ({ callId }) => ({ 'X-Call': callId, 'Content-Type': 'application/vnd.api+json' }),
      request: (task, { agent }) => ({ query: task, agent }),
      response: (body) => ({ output: (body as { hits: string[] }).hits.join(), costUsd: 0.5 }),
    });
    expect(await generate(one, { task: 't' })).toEqual({ output: 'a,b', costUsd: 0.5 });
    expect(received[0]).toMatchObject({ method: 'PUT', body: '{"query":"t","agent":"tested"}' });
    expect(received[0]?.headers).toMatchObject({
      'x-call': 'call-1',
      'content-type': 'application/vnd.api+json',
    });
  });

  test('sends no body with GET, to an address that a function makes', async () => {
    const { url, received } = await serve(json('fine'));
    const one = agent({ url: (task) => `${url}?q=${encodeURIComponent(task)}`, method: 'GET' });
    await generate(one, { task: NASTY });
    expect(received[0]).toMatchObject({ method: 'GET', body: '' });
    expect(new URL(received[0]?.url ?? '', url).searchParams.get('q')).toBe(NASTY);
  });

  test('100 calls at once use at most `connections` sockets', async () => {
    const { url, server } = await serve((response) => void setTimeout(() => json('fine')(response), 5));
    let sockets = 0;
    server.on('connection', () => {
      sockets += 1;
    });
    const one = agent({ url, connections: 7 });
    await Promise.all(Array.from({ length: 100 }, () => generate(one)));
    expect(sockets).toBeLessThanOrEqual(7);
  });
});

describe('httpAgent, failing', () => {
  test.each([
    [400, 'TUTTI_PROVIDER_REQUEST', false],
    [401, 'TUTTI_PROVIDER_AUTH', false],
    [404, 'TUTTI_PROVIDER_REQUEST', false],
    [408, 'TUTTI_PROVIDER_TIMEOUT', true],
    [422, 'TUTTI_PROVIDER_REQUEST', false],
    [500, 'TUTTI_PROVIDER_OVERLOADED', true],
    [503, 'TUTTI_PROVIDER_OVERLOADED', true],
  ])('status %d is %s', async (status, code, retryable) => {
    const { url } = await serve(json({ error: { message: 'because' } }, status));
    const error = await rejection(generate(agent({ url })));
    expect(error).toMatchObject({ code, retryable, status, provider: 'http' });
    expect(error.message).toContain('because');
  });

  test('takes over how long to wait and the id of the request', async () => {
    const { url } = await serve(json({}, 429, { 'retry-after': '1.5', 'x-request-id': 'r-7' }));
    const infos: unknown[] = [];
    const error = await rejection(generate(agent({ url }), { onResponse: (info) => infos.push(info) }));
    expect(error).toMatchObject({
      code: 'TUTTI_PROVIDER_RATE_LIMITED',
      retryAfterMs: 1_500,
      requestId: 'r-7',
    });
    expect(infos).toMatchObject([{ status: 429, retryAfterMs: 1_500, provider: 'http' }]);
  });

  test('takes an error that is written into an answer of status 200', async () => {
    const { url } = await serve(json({ error: { type: 'rate_limit_error', message: 'slow down' } }));
    expect(await rejection(generate(agent({ url })))).toMatchObject({ code: 'TUTTI_PROVIDER_RATE_LIMITED' });
  });

  test.each([
    [
      'a web page',
      (r: ServerResponse) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<p>hi'),
      /text\/html instead of JSON/,
    ],
    ['nothing', (r: ServerResponse) => void r.writeHead(200).end(), /an empty body/],
    ['an object that it does not know', json({ answer: 1 }), /response: \(json\)/],
    ['a number', json(7), /response: \(json\)/],
    ['bytes that are no text', (r: ServerResponse) => void r.end(Buffer.from([0x22, 0xff, 0x22])), /UTF-8/],
    ['too much', json('x'.repeat(2_000)), /maxResponseBytes \(1000\)/],
  ])('refuses %s', async (_what, answer, message) => {
    const { url } = await serve(answer);
    const error = await rejection(generate(agent({ url, maxResponseBytes: 1_000 })));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', retryable: false });
    expect(error.message).toMatch(message);
  });

  test('refuses what response() gives when it is no reply', async () => {
    const { url } = await serve(json('fine'));
    const one = agent({ url, response: () => 7 as never });
    expect(await rejection(generate(one))).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE' });
  });

  test.each([
    ['a connection that is reset before the headers', (r: ServerResponse) => void r.socket?.destroy()],
    [
      'a body that is cut off',
      (r: ServerResponse) => {
        r.writeHead(200, { 'content-length': '100' }).write('{"output":"ha');
        setTimeout(() => r.socket?.destroy(), 10);
      },
    ],
    ['JSON that ends in the middle', (r: ServerResponse) => void r.end('{"output":"ha')],
  ])('%s can pass', async (_what, answer) => {
    const { url } = await serve(answer);
    expect(await rejection(generate(agent({ url })))).toMatchObject({
      code: 'TUTTI_PROVIDER_NETWORK',
      retryable: true,
    });
  });

  test('a refused connection can pass', async () => {
    const { url, server } = await serve(json('x'));
    await new Promise((resolve) => server.close(resolve));
    expect(await rejection(generate(agent({ url })))).toMatchObject({
      code: 'TUTTI_PROVIDER_NETWORK',
      retryable: true,
    });
  });

  test('does not follow a redirect, nor take its headers there', async () => {
    const elsewhere = await serve(json('stolen'));
    const { url } = await serve((r) => void r.writeHead(302, { location: `${elsewhere.url}?key=1` }).end());
    const error = await rejection(generate(agent({ url, headers: { 'x-api-key': 'hush' } })));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_REQUEST', status: 302 });
    expect(error.message).toContain(elsewhere.url);
    expect(error.message).not.toContain('key=1');
    expect(elsewhere.received).toEqual([]);
  });
});

describe('httpAgent, cancelling', () => {
  test.each([
    ['while it waits for headers', (_response: ServerResponse) => {}],
    ['while it waits for the body', (response: ServerResponse) => void response.writeHead(200).write('{')],
  ])('closes the socket %s', async (_phase, answer) => {
    let onRequest: (response: ServerResponse) => void = () => {};
    const requested = new Promise<ServerResponse>((resolve) => {
      onRequest = resolve;
    });
    const { url } = await serve((response) => {
      answer(response);
      onRequest(response);
    });
    const controller = new AbortController();
    const reason = new Error('enough');
    const failed = rejection(generate(agent({ url }), { signal: controller.signal }));
    const response = await requested;
    const closed = new Promise((resolve) => response.socket?.once('close', resolve));
    controller.abort(reason);
    expect(await failed).toBe(reason);
    await closed;
  });

  test('sends nothing when it is cancelled already', async () => {
    const { url, received } = await serve(json('fine'));
    const controller = new AbortController();
    const reason = new Error('too late');
    controller.abort(reason);
    expect(await rejection(generate(agent({ url }), { signal: controller.signal }))).toBe(reason);
    expect(received).toEqual([]);
  });
});

describe('httpAgent, options', () => {
  test.each([
    [{}, 'options.url'],
    [{ url: '/relative' }, 'options.url'],
    [{ url: 'file:///etc/passwd' }, 'options.url'],
    [{ url: 'http://me:secret@127.0.0.1/' }, 'options.url'],
    [{ url: 'http://127.0.0.1/', method: 'DELETE' }, 'options.method'],
    [{ url: 'http://127.0.0.1/', method: 'GET', request: () => 1 }, 'options.request'],
    [{ url: 'http://127.0.0.1/', headers: { a: 1 } }, 'options.headers'],
    [{ url: 'http://127.0.0.1/', response: 'text' }, 'options.response'],
    [{ url: 'http://127.0.0.1/', header: {} }, 'options.header'],
  ])('refuses %j', (options, field) => {
    expect(() => httpAgent(options as unknown as HttpAgentOptions)).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }),
    );
  });

  test('refuses an address that a function made wrongly', async () => {
    const one = agent({ url: () => 'ftp://127.0.0.1/' });
    const error = await rejection(generate(one));
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT' });
    expect(error.message).not.toContain('127.0.0.1');
  });

  test('takes a URL object and keeps the settings of the agent', () => {
    expect(agent({ url: new URL('http://127.0.0.1/x'), name: 'search', maxRetries: 1 })).toMatchObject({
      name: 'search',
      maxRetries: 1,
      provider: { name: 'http', identity: { method: 'POST', url: 'http://127.0.0.1/x' } },
    });
  });
});

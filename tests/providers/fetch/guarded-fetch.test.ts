// Covers: src/providers/fetch/fetch-exchange.ts, src/providers/fetch/fetch-request.ts
// Covers: src/providers/fetch/passed-on-body.ts, src/providers/fetch/reported-usage.ts
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { AsyncOrchestrator, type AsyncOrchestratorOptions } from '../../../src/index.js';
import { type GuardedFetchOptions, guardedFetch } from '../../../src/providers/index.js';
import { type ModelScript, type ModelServer, startModelServer } from '../../../src/testing/index.js';
import { rejection } from '../../behaviour/scripted-agents.js';

const toClose: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

const FAST: AsyncOrchestratorOptions = { retry: { minDelayMs: 5, maxDelayMs: 20 } };

function openOrchestrator(options: AsyncOrchestratorOptions = {}): AsyncOrchestrator {
  const orchestrator = new AsyncOrchestrator({ ...FAST, ...options });
  toClose.push(() => orchestrator.close({ drainMs: 0 }));
  return orchestrator;
}

async function openServer(script: ModelScript = {}): Promise<ModelServer> {
  const server = await startModelServer(script);
  toClose.push(() => server.close());
  return server;
}

/** A server that is answered by hand. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  toClose.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function openaiClient(
  server: ModelServer,
  orchestrator: AsyncOrchestrator,
  options?: GuardedFetchOptions,
): OpenAI {
  const fetch = guardedFetch(orchestrator, options);
  return new OpenAI({ baseURL: server.openaiURL, apiKey: 'none', fetch, maxRetries: 0, logLevel: 'off' });
}

const chat = (client: OpenAI, more: Record<string, unknown> = {}) =>
  client.chat.completions.create({
    model: 'gpt-4.1-mini',
    messages: [{ role: 'user', content: 'hello' }],
    ...more,
  });

describe('guardedFetch with the official clients', () => {
  test('passes answers on as they are, and counts their usage and cost', async () => {
    const server = await openServer({ text: 'hi', usage: { inputTokens: 1_000, outputTokens: 500 } });
    const orchestrator = openOrchestrator();
    const answer = await chat(openaiClient(server, orchestrator, { lane: 'openai' }));
    expect(answer.choices[0]?.message.content).toBe('hi');
    const { succeeded, inputTokens, outputTokens, costUsd, lanes, byAgent } = orchestrator.stats();
    expect({ succeeded, inputTokens, outputTokens }).toEqual({
      succeeded: 1,
      inputTokens: 1_000,
      outputTokens: 500,
    });
    expect(costUsd).toBeCloseTo(0.0012, 10);
    expect(Object.keys(lanes)).toEqual(['openai']);
    expect(byAgent.fetch).toMatchObject({ submitted: 1, succeeded: 1 });
  });

  test('tries 429, 503 and broken connections again, so that the client sees none of them', async () => {
    const server = await openServer([
      { status: 429, headers: { 'retry-after-ms': '20' } },
      { status: 503 },
      { fault: 'reset-before-headers' },
      { fault: 'truncated-json' },
      { text: 'at last' },
    ]);
    const answer = await chat(openaiClient(server, openOrchestrator({ maxRetries: 5 })));
    expect(answer.choices[0]?.message.content).toBe('at last');
    expect(server.requests).toHaveLength(5);
  });

  test('gives the client its own error once no retry is left, and leaves no retry to the client', async () => {
    const server = await openServer({ status: 503 });
    const orchestrator = openOrchestrator({ maxRetries: 1 });
    const fetch = guardedFetch(orchestrator);
    // With the two retries that the client makes by default.
    const client = new OpenAI({ baseURL: server.openaiURL, apiKey: 'none', fetch, logLevel: 'off' });
    const error = await rejection(chat(client));
    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error.status).toBe(503);
    expect(server.requests).toHaveLength(2);
    expect(orchestrator.stats()).toMatchObject({
      failed: 1,
      succeeded: 0,
      errors: { TUTTI_RETRIES_EXHAUSTED: 1 },
    });
  });

  test('passes a permanent error on at once', async () => {
    const server = await openServer({ status: 400 });
    const orchestrator = openOrchestrator();
    expect(await rejection(chat(openaiClient(server, orchestrator)))).toBeInstanceOf(OpenAI.BadRequestError);
    expect(server.requests).toHaveLength(1);
    expect(orchestrator.stats()).toMatchObject({ failed: 1, attempts: 1 });
  });

  test('passes a stream on as it comes, holds its permit until it ends, and counts its usage', async () => {
    const server = await openServer({
      text: ['one ', 'two ', 'three'],
      usage: { inputTokens: 7, outputTokens: 3 },
    });
    const orchestrator = openOrchestrator();
    const stream = await openaiClient(server, orchestrator).chat.completions.create({
      model: 'gpt-4.1-mini',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(orchestrator.stats()).toMatchObject({ running: 1, succeeded: 0 });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('one two three');
    expect(orchestrator.stats()).toMatchObject({ running: 0, succeeded: 1, inputTokens: 7, outputTokens: 3 });
  });

  test('closes the connection of a stream that the client leaves', async () => {
    const endless = (function* () {
      for (;;) yield 'again ';
    })();
    const server = await openServer({ text: endless, chunkDelayMs: 1 });
    const orchestrator = openOrchestrator();
    const stream = await openaiClient(server, orchestrator).chat.completions.create({
      model: 'gpt-4.1-mini',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
    });
    for await (const _chunk of stream) break;
    const { aborted } = await (await server.waitForRequest(0)).closed;
    expect(aborted).toBe(true);
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, cancelled: 1 });
  });

  test('never sends the same request again once part of its stream is with the client', async () => {
    const server = await openServer({ text: ['one ', 'two '], fault: 'reset-mid-body', chunkDelayMs: 5 });
    const orchestrator = openOrchestrator();
    const read = async (): Promise<void> => {
      const stream = await openaiClient(server, orchestrator).chat.completions.create({
        model: 'gpt-4.1-mini',
        messages: [{ role: 'user', content: 'hello' }],
        stream: true,
      });
      for await (const _chunk of stream);
    };
    expect((await rejection(read())).message).toMatch(/terminated|Connection error/);
    expect(server.requests).toHaveLength(1);
    expect(orchestrator.stats()).toMatchObject({ failed: 1, attempts: 1, inFlight: 0 });
  });

  test('ends the request when the client aborts, and rejects as fetch does', async () => {
    const server = await openServer({ delayMs: 10_000 });
    const orchestrator = openOrchestrator();
    const controller = new AbortController();
    const body = { model: 'gpt-4.1-mini', messages: [{ role: 'user' as const, content: 'hello' }] };
    const client = openaiClient(server, orchestrator);
    const call = rejection(client.chat.completions.create(body, { signal: controller.signal }));
    const request = await server.waitForRequest(0);
    controller.abort();
    expect(await call).toBeInstanceOf(OpenAI.APIUserAbortError);
    expect((await request.closed).aborted).toBe(true);
    expect(orchestrator.stats()).toMatchObject({ cancelled: 1, failed: 0, inFlight: 0 });
  });

  test('keeps requests within a budget, by the model and the longest answer that they ask for', async () => {
    const server = await openServer({ usage: { inputTokens: 100, outputTokens: 1_000 } });
    // A request may cost 0.0016 dollars for its output, and a little for its input.
    const orchestrator = openOrchestrator({ budget: { usd: 0.0017 } });
    const client = openaiClient(server, orchestrator);
    await chat(client, { max_tokens: 1_000 });
    const error = await rejection(chat(client, { max_tokens: 1_000 }));
    expect(error.cause).toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED' });
    expect(server.requests).toHaveLength(1);
  });

  test('guards the client of Anthropic in the same way', async () => {
    const server = await openServer([
      { status: 529 },
      { text: 'hi', usage: { inputTokens: 11, outputTokens: 2, cacheReadTokens: 5 } },
    ]);
    const orchestrator = openOrchestrator();
    const fetch = guardedFetch(orchestrator, { lane: 'anthropic' });
    const client = new Anthropic({
      baseURL: server.url,
      apiKey: 'none',
      fetch,
      maxRetries: 0,
      logLevel: 'off',
    });
    const messages = [{ role: 'user' as const, content: 'hello' }];
    const answer = await client.messages.create({ model: 'claude-haiku-4-5', max_tokens: 10, messages });
    expect(answer.content).toMatchObject([{ type: 'text', text: 'hi' }]);
    expect(orchestrator.stats()).toMatchObject({ inputTokens: 11, outputTokens: 2, retries: 1 });
    for await (const _event of await client.messages.create({
      model: 'claude-haiku-4-5',
      max_tokens: 10,
      messages,
      stream: true,
    }));
    expect(orchestrator.stats()).toMatchObject({ succeeded: 2, inputTokens: 21, outputTokens: 7 });
  });
});

describe('guardedFetch by itself', () => {
  test('takes strings, URLs and requests with bodies, and sends what they say', async () => {
    const seen: string[] = [];
    const url = await serve(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push(`${request.method} ${request.url} ${request.headers['x-a'] ?? ''} ${body}`);
      response.end('plain');
    });
    const fetch = guardedFetch(openOrchestrator());
    expect(await (await fetch(`${url}/a`)).text()).toBe('plain');
    expect((await fetch(new URL(`${url}/b`), { method: 'DELETE' })).url).toBe(`${url}/b`);
    await fetch(new Request(`${url}/c`, { method: 'POST', body: 'text', headers: { 'x-a': '1' } }));
    expect(seen).toEqual(['GET /a  ', 'DELETE /b  ', 'POST /c 1 text']);
  });

  test('names its lane after the host, with the model that the body names', async () => {
    const url = await serve((_request, response) => void response.end('{}'));
    const { host } = new URL(url);
    const orchestrator = openOrchestrator();
    const fetch = guardedFetch(orchestrator);
    await fetch(url);
    await fetch(url, { method: 'POST', body: '{"model":"m"}' });
    expect(Object.keys(orchestrator.stats().lanes)).toEqual([host, `${host}/m`]);
  });

  test('keeps to limits, spread over all who use the lane', async () => {
    let most = 0;
    let running = 0;
    const url = await serve((_request, response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        response.end('done');
      }, 10);
    });
    const orchestrator = openOrchestrator({ limits: { maxConcurrent: 2 }, maxConcurrent: 50 });
    const [one, other] = [
      guardedFetch(orchestrator, { lane: 'x' }),
      guardedFetch(orchestrator, { lane: 'x' }),
    ];
    await Promise.all(Array.from({ length: 10 }, (_none, each) => (each % 2 === 0 ? one : other)(url)));
    expect(most).toBe(2);
  });

  test('sends a body that can be read once only once, and passes bytes on unread', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests += 1;
      request.resume();
      if (request.method === 'POST') response.writeHead(503).end();
      else {
        response.writeHead(200, { 'content-type': 'application/octet-stream' });
        response.write(Buffer.from([1, 2]));
        setTimeout(() => response.end(Buffer.from([3])), 5);
      }
    });
    const fetch = guardedFetch(openOrchestrator());
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('once'));
        controller.close();
      },
    });
    const refused = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect([refused.status, requests]).toEqual([503, 1]);
    expect(new Uint8Array(await (await fetch(url)).arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]));
  });

  test('takes empty answers', async () => {
    const url = await serve((_request, response) => void response.writeHead(204).end());
    const response = await guardedFetch(openOrchestrator())(url);
    expect([response.status, await response.text()]).toEqual([204, '']);
  });

  test('rejects with a typed error where there is no response', async () => {
    const fetch = guardedFetch(openOrchestrator({ maxRetries: 0 }), { lane: 'nowhere' });
    const error = await rejection(fetch('http://127.0.0.1:1/'));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_NETWORK', provider: 'nowhere' });
    const url = await serve(() => {});
    const slow = guardedFetch(openOrchestrator({ maxRetries: 0 }), { timeoutMs: 30 });
    expect(await rejection(slow(url))).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'attempt' });
  });

  test('ends a stream that takes longer than its timeout, without another attempt', async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests += 1;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    });
    const orchestrator = openOrchestrator();
    const response = await guardedFetch(orchestrator, { timeoutMs: 50 })(url);
    expect(await rejection(response.text())).toMatchObject({ code: 'TUTTI_TIMEOUT' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(requests).toBe(1);
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, running: 0 });
  });

  test('ends with its orchestrator', async () => {
    const url = await serve(() => {});
    const orchestrator = openOrchestrator();
    const fetch = guardedFetch(orchestrator);
    const open = rejection(fetch(url));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await orchestrator.close({ drainMs: 0 });
    expect(await open).toMatchObject({ code: 'TUTTI_CANCELLED' });
    expect(await rejection(fetch(url))).toMatchObject({ code: 'TUTTI_CLOSED' });
  });

  test('rejects wrong options by their names', async () => {
    const orchestrator = openOrchestrator();
    expect(() => guardedFetch({} as never)).toThrow('orchestrator: expected an AsyncOrchestrator');
    expect(() => guardedFetch(orchestrator, { lne: 'x' } as GuardedFetchOptions)).toThrow('lane');
    expect(() => guardedFetch(orchestrator, { lane: '' })).toThrow('lane: expected a non-empty string');
    const fetch = guardedFetch(orchestrator, { timeoutMs: -1 });
    expect(await rejection(fetch('http://127.0.0.1:1/'))).toMatchObject({ field: 'timeoutMs' });
  });
});

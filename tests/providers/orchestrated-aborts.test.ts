// Covers: src/providers/transport/link-signal.ts, src/providers/transport/pooled-client.ts
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { openPools } from '../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { rejection, within100Ms } from './provider-request.js';

let server: ModelServer;
const opened: AsyncOrchestrator[] = [];
const WORDS = Array.from({ length: 1_000 }, () => 'word ');
const slowly = { minDelayMs: 400, maxDelayMs: 400, jitter: 'none' as const };

/** An orchestrator whose pool is open and whose client is loaded: what follows is the call alone. */
async function open(options: object = {}) {
  const claude = anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, connections: 2 });
  const gpt = openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, connections: 2 });
  const orchestrator = new AsyncOrchestrator({ agents: { claude, gpt }, retry: slowly, ...options });
  opened.push(orchestrator);
  await Promise.all([orchestrator.execute('claude', 'warm up'), orchestrator.execute('gpt', 'warm up')]);
  return orchestrator;
}

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close({ drainMs: 0 });
  await server.waitForConnections(0);
  await server.close();
  expect(openPools()).toBe(0);
});

/** Aborts; the call is answered and its socket, if it has one, closed within 100 ms. */
async function abortAndWatch(
  controller: AbortController,
  failed: Promise<Record<string, unknown> & Error>,
  place?: number,
) {
  controller.abort(new Error('enough'));
  const answered = within100Ms(failed);
  if (place !== undefined) {
    const closed = server.requests[place]?.closed ?? Promise.reject(new Error('there is no such request'));
    expect((await within100Ms(closed)).aborted).toBe(true);
  }
  expect(await answered).toMatchObject({ code: 'TUTTI_CANCELLED', cause: { message: 'enough' } });
}

describe.each(['claude', 'gpt'] as const)('aborting a call of %s', (agent) => {
  test('in the queue sends no request', async () => {
    const orchestrator = await open({ maxConcurrent: 1 });
    server.script(() => ({ delayMs: 250 }));
    const running = orchestrator.execute(agent, 'the one that runs');
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute(agent, 'queued', { signal: controller.signal }));
    await server.waitForRequest(2);
    await abortAndWatch(controller, failed);
    await running;
    await wait(30);
    expect(server.requests).toHaveLength(3);
  });

  test('before it has a socket sends no request', async () => {
    const orchestrator = await open();
    server.script(() => ({ delayMs: 250 }));
    const running = [1, 2].map((place) => orchestrator.execute(agent, `takes socket ${place}`));
    await server.waitForRequest(3);
    const controller = new AbortController();
    const failed = rejection(
      orchestrator.execute(agent, 'waits for a socket', { signal: controller.signal }),
    );
    await wait(10);
    await abortAndWatch(controller, failed);
    await Promise.all(running);
    await wait(30);
    expect(server.requests).toHaveLength(4);
  });

  test('while it connects sends no request', async () => {
    const orchestrator = await open();
    // With its sockets gone the next call has to connect.
    for (const name of ['claude', 'gpt']) await orchestrator.agents.get(name)?.provider?.close?.();
    await server.waitForConnections(0);
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute(agent, 'connects', { signal: controller.signal }));
    await Promise.resolve();
    await abortAndWatch(controller, failed);
    await wait(50);
    expect(server.requests).toHaveLength(2);
  });

  test('that waits for headers closes its socket', async () => {
    const orchestrator = await open();
    server.script({ delayMs: 60_000 });
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute(agent, 'waits', { signal: controller.signal }));
    await server.waitForRequest(2);
    await abortAndWatch(controller, failed, 2);
    await wait(80);
    expect(server.requests).toHaveLength(3);
  });

  test('that reads its body closes its socket', async () => {
    const orchestrator = await open();
    server.script({ fault: 'drip', dripMs: 5 });
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute(agent, 'drips', { signal: controller.signal }));
    await server.waitForRequest(2);
    await wait(20);
    await abortAndWatch(controller, failed, 2);
    await wait(80);
    expect(server.requests).toHaveLength(3);
  });

  test('that streams closes its socket', async () => {
    const orchestrator = await open();
    server.script({ text: WORDS, chunkDelayMs: 2 });
    const controller = new AbortController();
    const stream = orchestrator.stream(agent, 'streams', { signal: controller.signal });
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    await abortAndWatch(controller, rejection(stream.result), 2);
    await wait(80);
    expect(server.requests).toHaveLength(3);
  });

  test('that streams to a reader who has stopped reading closes its socket', async () => {
    const orchestrator = await open();
    server.script({
      text: (function* endless() {
        for (;;) yield 'x'.repeat(16 * 1024);
      })(),
    });
    const controller = new AbortController();
    const stream = orchestrator.stream(agent, 'streams', { signal: controller.signal });
    await stream[Symbol.asyncIterator]().next();
    const request = await server.waitForRequest(2);
    // The reader holds the socket back: a moment later the server can send no more.
    for (let before = -1; request.sentBytes !== before; await wait(50)) before = request.sentBytes;
    await abortAndWatch(controller, rejection(stream.result), 2);
  });

  test('that is backing off starts no other attempt', async () => {
    const orchestrator = await open();
    server.script(() => ({ status: 503 }));
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute(agent, 'fails', { signal: controller.signal }));
    await (await server.waitForRequest(2)).closed;
    // A moment after the answer; it would be over after 400 ms.
    while (orchestrator.stats().backingOff === 0) await wait(1);
    await abortAndWatch(controller, failed);
    await wait(450);
    expect(server.requests).toHaveLength(3);
  });
});

describe('closing the orchestrator', () => {
  test('aborts what runs after its time, closes every socket and the pool', async () => {
    const orchestrator = await open();
    server.script([{ delayMs: 60_000 }, { text: WORDS, chunkDelayMs: 5 }]);
    const failed = rejection(orchestrator.execute('claude', 'waits'));
    await server.waitForRequest(2);
    const streamed = rejection(orchestrator.stream('gpt', 'streams').result);
    await server.waitForRequest(3);
    await orchestrator.close({ drainMs: 20 });
    expect(await failed).toMatchObject({ code: 'TUTTI_CANCELLED' });
    expect(await streamed).toMatchObject({ code: 'TUTTI_CANCELLED' });
    expect(openPools()).toBe(0);
    await server.waitForConnections(0);
  });

  test('closes the providers of removed agents, too', async () => {
    const orchestrator = await open();
    orchestrator.agents.remove('claude');
    await orchestrator.close();
    expect(openPools()).toBe(0);
  });
});

describe('a rate limit', () => {
  test.each([
    [{ 'retry-after-ms': '150' }, 150],
    [{ 'retry-after': '0.15' }, 150],
    [{ 'retry-after': 'Thu, 01 Jan 2026 12:00:01 GMT', date: 'Thu, 01 Jan 2026 12:00:00 GMT' }, 1_000],
  ])('of %j is waited for, with one request an attempt', async (headers, leastMs) => {
    const orchestrator = await open({ retry: { minDelayMs: 1, maxDelayMs: 1 } });
    server.script([{ status: 429, headers: headers }, { text: 'now' }]);
    const result = await orchestrator.execute('claude', 'hi');
    expect(result).toMatchObject({ output: 'now', attempts: 2 });
    const [, , first, second] = server.requests;
    const waitedMs = (second?.receivedMs ?? 0) - (first?.receivedMs ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(leastMs - 5);
    expect(server.requests).toHaveLength(4);
  });

  test('longer than the deadline ends the call at once', async () => {
    const orchestrator = await open();
    server.script(() => ({ status: 429, headers: { 'retry-after': '60' } }));
    const startedMs = performance.now();
    const failure = await rejection(orchestrator.execute('gpt', 'hi', { deadlineMs: 20_000 }));
    expect(failure).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'deadline' });
    expect(failure.cause).toMatchObject({ code: 'TUTTI_PROVIDER_RATE_LIMITED', retryAfterMs: 60_000 });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(server.requests).toHaveLength(3);
  });
});

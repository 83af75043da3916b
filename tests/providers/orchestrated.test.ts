// Covers: src/providers/model/model-provider.ts, src/providers/model/model-round-trip.ts
// Covers: src/providers/model/params.ts
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { openPools } from '../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { rejection } from './provider-request.js';

let server: ModelServer;
const retry = { minDelayMs: 1, maxDelayMs: 5, factor: 1, jitter: 'full' as const };
const agents = () => ({
  claude: anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url }),
  gpt: openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL }),
});

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  await server.waitForConnections(0);
  await server.close();
  expect(openPools()).toBe(0);
});

describe('an orchestrator over model providers', () => {
  test('gives results with text, usage, cost and model', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents() });
    server.script(() => ({ text: 'hello', usage: { inputTokens: 1_000_000, outputTokens: 0 } }));
    const [claude, gpt] = await orchestrator.executeMultiple([
      ['claude', 'hi'],
      ['gpt', 'hi'],
    ]);
    expect(claude).toMatchObject({ success: true, output: 'hello', costUsd: 3, model: 'claude-sonnet-4-5' });
    expect(gpt).toMatchObject({
      success: true,
      output: 'hello',
      costUsd: 2,
      usage: { totalTokens: 1_000_000 },
    });
  });

  test.each([
    [429, 3],
    [500, 3],
    [529, 3],
    [408, 3],
    [400, 1],
    [401, 1],
    [404, 1],
    [413, 1],
  ])('meets status %s with %s attempts, and none of the client’s own', async (status, attempts) => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents(), retry, maxRetries: 2 });
    server.script(() => ({ status }));
    const failed = await rejection(orchestrator.execute('claude', 'hi'));
    expect(server.requests).toHaveLength(attempts);
    const error = attempts === 1 ? failed : failed.cause;
    expect(error).toMatchObject({ provider: 'anthropic', status });
  });

  test('waits as long as the provider asks before it tries again', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents(), retry });
    server.script([{ status: 429, headers: { 'retry-after-ms': '80' } }, { text: 'now' }]);
    expect(await orchestrator.execute('gpt', 'hi')).toMatchObject({ output: 'now', attempts: 2 });
    const [first, second] = server.requests;
    expect((second?.receivedMs ?? 0) - (first?.receivedMs ?? 0)).toBeGreaterThanOrEqual(78);
  });

  test('times an attempt out that hangs, closes its socket, and tries again', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents(), retry, timeoutMs: 400 });
    await orchestrator.execute('claude', 'first');
    server.script([{ fault: 'hang' }, { text: 'at last' }]);
    expect(await orchestrator.execute('claude', 'hi')).toMatchObject({ output: 'at last', attempts: 2 });
    expect((await server.requests[1]?.closed)?.aborted).toBe(true);
  });

  test('sends no request after a call was cancelled while it was backing off', async () => {
    const slow = { ...retry, minDelayMs: 10_000, maxDelayMs: 10_000, jitter: 'none' as const };
    await using orchestrator = new AsyncOrchestrator({ agents: agents(), retry: slow });
    server.script(() => ({ status: 500 }));
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute('claude', 'hi', { signal: controller.signal }));
    await (await server.waitForRequest(0)).closed;
    while (orchestrator.stats().backingOff === 0) await wait(1);
    controller.abort();
    expect(await failed).toMatchObject({ code: 'TUTTI_CANCELLED' });
    await wait(30);
    expect(server.requests).toHaveLength(1);
  });

  test('streams, with text, usage and result', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents() });
    server.script({ text: ['one ', 'two'], usage: { inputTokens: 7, outputTokens: 2 } });
    const stream = orchestrator.stream('gpt', 'hi');
    let text = '';
    for await (const piece of stream.text) text += piece;
    expect(text).toBe('one two');
    expect(await stream.result).toMatchObject({
      output: 'one two',
      usage: { totalTokens: 9 },
      finishReason: 'stop',
    });
  });

  test('retries a stream before its first event, and not after it', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents(), retry });
    server.script([{ status: 529 }, { text: ['one ', 'two '], fault: 'cut-stream' }, { text: 'never' }]);
    const stream = orchestrator.stream('claude', 'hi');
    expect(await rejection(stream.result)).toMatchObject({ code: 'TUTTI_PROVIDER_NETWORK' });
    expect(server.requests).toHaveLength(2);
  });

  test('closes the socket of a stream that is cancelled', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: agents() });
    server.script({ text: Array.from({ length: 1_000 }, () => 'word '), chunkDelayMs: 2 });
    const stream = orchestrator.stream('claude', 'hi');
    for await (const event of stream) if (event.type === 'text-delta') break;
    stream.cancel();
    await rejection(stream.result);
    expect((await server.requests[0]?.closed)?.aborted).toBe(true);
  });

  test('gives typed data that the schema was sent for', async () => {
    const city = openai({
      model: 'gpt-4.1',
      apiKey: 'k',
      baseURL: server.openaiURL,
      output: z.object({ name: z.string(), people: z.number() }),
    });
    await using orchestrator = new AsyncOrchestrator({ agents: { city } });
    server.script({ text: '{"name":"Oslo","people":700000}' });
    const result = await orchestrator.execute('city', 'the capital of Norway');
    const people: number | undefined = result.data?.people;
    expect(people).toBe(700_000);
  });

  test('keeps its sockets for the next call and gives them back when it closes', async () => {
    const claude = anthropic({
      model: 'claude-sonnet-4-5',
      apiKey: 'k',
      baseURL: server.url,
      connections: 4,
    });
    const orchestrator = new AsyncOrchestrator({ agents: { claude }, maxConcurrent: 20 });
    const tasks = Array.from({ length: 100 }, (_, place) => ['claude', `task ${place}`] as const);
    const results = await orchestrator.executeMultiple(tasks);
    expect(results.every((result) => result.success)).toBe(true);
    expect(server.connections.total).toBeLessThanOrEqual(4);
    await orchestrator.close();
  });
});

import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { openPools } from '../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { collect, rejection, textOf, within100Ms } from './provider-request.js';

let server: ModelServer;
const claude = (more?: object) =>
  anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...more });
const gpt = (more?: object) => openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, ...more });
const apis = [
  ['messages', claude],
  ['chat', gpt],
  ['responses', (more?: object) => gpt({ api: 'responses', ...more })],
] as const;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  await server.waitForConnections(0);
  await server.close();
  expect(openPools()).toBe(0);
});

describe.each(apis)('a cached stream over %s', (_api, make) => {
  test('is given again, event by event, for nothing and without a request', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { writer: make() }, cache: true });
    server.script({ text: ['Grüße, ', '世界 ', '🎻'], usage: { inputTokens: 1_000, outputTokens: 9 } });
    const first = orchestrator.stream('writer', 'greet');
    const events = await collect(first);
    const fresh = await first.result;
    const again = orchestrator.stream('writer', 'greet');
    expect(await collect(again)).toEqual(events);
    const hit = await again.result;
    expect(hit).toMatchObject({
      output: 'Grüße, 世界 🎻',
      cached: 'memory',
      usage: fresh.usage,
      costUsd: 0,
      savedUsd: fresh.costUsd,
      model: fresh.model,
      finishReason: 'stop',
    });
    expect(Object.keys(hit).sort()).toEqual(Object.keys(fresh).sort());
    expect(textOf(events)).toBe(fresh.output);
    expect(server.requests).toHaveLength(1);
  });

  test('that was cut is not stored', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { writer: make() }, cache: true });
    server.script([
      { text: ['one ', 'two ', 'three ', 'four ', 'five '], fault: 'cut-stream' },
      { text: ['one ', 'two'] },
    ]);
    expect(await rejection(orchestrator.stream('writer', 'count').result)).toMatchObject({
      code: 'TUTTI_PROVIDER_NETWORK',
    });
    const second = await orchestrator.stream('writer', 'count').result;
    expect(second).toMatchObject({ output: 'one two', cached: false });
    expect(server.requests).toHaveLength(2);
  });

  test('that ended at its longest is not stored', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { writer: make() }, cache: true });
    server.script(() => ({ text: ['one ', 'two'], finishReason: 'length' }));
    await orchestrator.stream('writer', 'count').result;
    expect(await orchestrator.stream('writer', 'count').result).toMatchObject({ finishReason: 'length' });
    expect(server.requests).toHaveLength(2);
  });

  test('is joined while it runs: one request, the same events for all', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { writer: make() }, cache: true });
    const pieces = Array.from({ length: 30 }, (_, place) => `${place} `);
    server.script(() => ({ text: pieces, chunkDelayMs: 5 }));
    const early = Array.from({ length: 5 }, () => orchestrator.stream('writer', 'count'));
    const read = early.map((stream) => collect(stream));
    await server.waitForRequest(0);
    await wait(20);
    const late = orchestrator.stream('writer', 'count');
    const all: StreamEvent[][] = await Promise.all([...read, collect(late)]);
    for (const events of all) expect(events).toEqual(all[0]);
    expect(textOf(all[0] ?? [])).toBe(pieces.join(''));
    expect(await late.result).toMatchObject({ cached: 'shared', costUsd: 0 });
    expect(server.requests).toHaveLength(1);
    expect(server.connections.total).toBe(1);
  });
});

describe('a stream that several read', () => {
  test('goes on when one leaves, and closes its socket when the last one has left', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { writer: claude() }, cache: true });
    server.script({ text: Array.from({ length: 2_000 }, () => 'word '), chunkDelayMs: 2 });
    const [first, second] = [orchestrator.stream('writer', 'go'), orchestrator.stream('writer', 'go')];
    const [one, two] = [first[Symbol.asyncIterator](), second[Symbol.asyncIterator]()];
    await Promise.all([one.next(), two.next()]);
    await one.return?.();
    expect((await two.next()).done).toBe(false);
    await two.return?.();
    expect((await within100Ms((await server.waitForRequest(0)).closed)).aborted).toBe(true);
    expect(server.requests).toHaveLength(1);
  });
});

describe('the identity of an answer', () => {
  const ask = async (orchestrator: AsyncOrchestrator, agent: string, options = {}) =>
    (await orchestrator.execute(agent, 'the same question', options)).cached;

  test('has the model and every parameter, of the agent and of the call', async () => {
    await using orchestrator = new AsyncOrchestrator({
      agents: { writer: claude({ params: { temperature: 0 } }) },
      cache: true,
    });
    expect(await ask(orchestrator, 'writer')).toBe(false);
    expect(await ask(orchestrator, 'writer')).toBe('memory');
    expect(await ask(orchestrator, 'writer', { model: 'claude-haiku-4-5' })).toBe(false);
    expect(await ask(orchestrator, 'writer', { params: { temperature: 1 } })).toBe(false);
    expect(await ask(orchestrator, 'writer', { params: { unknown_to_us: true } })).toBe(false);
    expect(await ask(orchestrator, 'writer', { params: { temperature: 0 } })).toBe('memory');
    expect(server.requests.map(({ body }) => [body.model, body.temperature])).toEqual([
      ['claude-sonnet-4-5', 0],
      ['claude-haiku-4-5', 0],
      ['claude-sonnet-4-5', 1],
      ['claude-sonnet-4-5', 0],
    ]);
  });

  test.each([
    ['the base URL', () => ({ baseURL: `${server.url}/` })],
    ['the instructions', () => ({ instructions: 'be brief' })],
    ['the longest answer', () => ({ maxTokens: 10 })],
    ['the version', () => ({ version: '2' })],
  ])('has %s', async (_what, more) => {
    const cache = { ttlMs: 60_000 };
    await using orchestrator = new AsyncOrchestrator({ agents: { writer: claude() }, cache });
    expect(await ask(orchestrator, 'writer')).toBe(false);
    expect(await ask(orchestrator, 'writer')).toBe('memory');
    orchestrator.agents.remove('writer');
    orchestrator.agents.add({ ...claude(more()), name: 'writer' });
    expect(await ask(orchestrator, 'writer')).toBe(false);
    expect(server.requests).toHaveLength(2);
  });
});

describe('what is not an answer', () => {
  test.each(['error-body', 'truncated-json', 'html', 'reset-mid-body'] as const)(
    '%s is not stored',
    async (fault) => {
      await using orchestrator = new AsyncOrchestrator({
        agents: { writer: gpt() },
        cache: true,
        maxRetries: 0,
      });
      server.script([{ fault }, { text: 'right' }]);
      await rejection(orchestrator.execute('writer', 'go'));
      expect(await orchestrator.execute('writer', 'go')).toMatchObject({ output: 'right', cached: false });
    },
  );
});

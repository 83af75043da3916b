import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { openai } from '../../../src/providers/openai/openai.js';
import { openPools } from '../../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../../src/testing/model-server/model-server.js';
import {
  collect,
  generate,
  providerOf,
  rejection,
  stream,
  textOf,
  within100Ms,
} from '../provider-request.js';

let server: ModelServer;
const opened: AgentDefinition[] = [];
const keep = (agent: AgentDefinition) => {
  opened.push(agent);
  return agent;
};
const overMessages = (more?: object) =>
  keep(anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...more }));
const overChat = (more?: object) =>
  keep(openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, ...more }));
const overResponses = (more?: object) => overChat({ api: 'responses', ...more });

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  for (const agent of opened.splice(0)) await providerOf(agent).close?.();
  await server.waitForConnections(0);
  await server.close();
  expect(openPools()).toBe(0);
});

describe('the connection pool', () => {
  test('uses at most `connections` sockets for 100 calls at once, and keeps them', async () => {
    const agent = overMessages({ connections: 8 });
    server.script(() => ({ delayMs: 2 }));
    await Promise.all(Array.from({ length: 100 }, () => generate(agent)));
    expect(server.connections.peak).toBe(8);
    expect(server.connections.total).toBe(8);
    expect(server.requests).toHaveLength(100);
  });

  test('is shared by providers that ask for the same number of sockets', async () => {
    const agents = [overMessages({ connections: 4 }), overMessages({ connections: 4 })];
    server.script(() => ({ delayMs: 2 }));
    await Promise.all(
      Array.from({ length: 40 }, (_, place) => generate(agents[place % 2] as AgentDefinition)),
    );
    expect(server.connections.peak).toBe(4);
    expect(openPools()).toBe(1);
    await providerOf(agents[0] as AgentDefinition).close?.();
    expect(openPools()).toBe(1);
    expect(await generate(agents[1] as AgentDefinition)).toMatchObject({ output: 'ok' });
  });

  test('is closed with its last provider, and opened again when one is used again', async () => {
    const agent = overMessages();
    await generate(agent);
    expect(server.connections.open).toBe(1);
    await providerOf(agent).close?.();
    await server.waitForConnections(0);
    expect(await generate(agent)).toMatchObject({ output: 'ok' });
  });

  test('lets a running answer end when it is closed', async () => {
    const agent = overMessages();
    server.script({ text: 'in peace', delayMs: 20 });
    const reply = generate(agent);
    await server.waitForRequest(0);
    await providerOf(agent).close?.();
    expect(await reply).toMatchObject({ output: 'in peace' });
  });
});

describe.each([
  ['messages', overMessages],
  ['chat', overChat],
  ['responses', overResponses],
])('a stream over %s', (_api, makeAgent) => {
  test('keeps one megabyte of text as it is, however the bytes are cut', async () => {
    const alphabet = ['a', 'é', '漢', '🎻', '\n', '"', '\\', '\u2028', '{"x":', '\u0000'];
    const pieces = Array.from({ length: 4_000 }, (_, place) =>
      Array.from({ length: 140 }, (__, at) => alphabet[(place * 7 + at * at) % alphabet.length]).join(''),
    );
    const text = pieces.join('');
    expect(Buffer.byteLength(text)).toBeGreaterThan(1_000_000);
    server.script({ text: pieces, splitBytes: 1_021 });
    expect(textOf(await collect(stream(makeAgent()))) === text).toBe(true);
  });

  test('holds a bounded number of bytes when its reader is slow', async () => {
    const piece = 'x'.repeat(16 * 1024);
    server.script({
      text: (function* endless() {
        for (;;) yield piece;
      })(),
    });
    const controller = new AbortController();
    const events = stream(makeAgent(), { signal: controller.signal })[Symbol.asyncIterator]();
    await events.next();
    const request = await server.waitForRequest(0);
    let before = -1;
    while (request.sentBytes !== before) {
      before = request.sentBytes;
      await wait(50);
    }
    // The socket buffers of two kernels, and nothing that grows.
    expect(request.sentBytes).toBeLessThan(16 * 1024 * 1024);
    for (let read = 0; read < 10; read += 1) expect((await events.next()).done).toBe(false);
    await events.return?.();
    expect((await request.closed).aborted).toBe(true);
  });

  test('closes its socket when it is left', async () => {
    server.script({ text: Array.from({ length: 100 }, () => 'word '), chunkDelayMs: 5 });
    for await (const event of stream(makeAgent())) if (event.type === 'text-delta') break;
    expect((await within100Ms((await server.waitForRequest(0)).closed)).aborted).toBe(true);
  });
});

describe('a cancelled call', () => {
  test('that waits for a socket sends no request', async () => {
    const agent = overMessages({ connections: 1 });
    server.script(() => ({ delayMs: 200 }));
    const first = generate(agent);
    await server.waitForRequest(0);
    const controller = new AbortController();
    const second = rejection(generate(agent, { signal: controller.signal }));
    await wait(5);
    controller.abort(new Error('enough'));
    expect(await second).toMatchObject({ message: 'enough' });
    await first;
    await generate(agent);
    expect(server.requests).toHaveLength(2);
  });

  test('that is connecting sends no request', async () => {
    const controller = new AbortController();
    const agent = overMessages();
    await generate(agent);
    await providerOf(agent).close?.();
    const failed = rejection(generate(agent, { signal: controller.signal }));
    await Promise.resolve();
    controller.abort(new Error('enough'));
    expect(await failed).toMatchObject({ message: 'enough' });
    await wait(30);
    expect(server.requests).toHaveLength(1);
  });

  test('that was cancelled before it began sends no request', async () => {
    const signal = AbortSignal.abort(new Error('too late'));
    expect(await rejection(generate(overMessages(), { signal }))).toMatchObject({ message: 'too late' });
    expect(await rejection(collect(stream(overChat(), { signal })))).toMatchObject({ message: 'too late' });
    expect(server.requests).toHaveLength(0);
  });

  test('that waits for headers closes its socket', async () => {
    server.script({ delayMs: 60_000 });
    const controller = new AbortController();
    const failed = rejection(generate(overMessages(), { signal: controller.signal }));
    const request = await server.waitForRequest(0);
    controller.abort(new Error('enough'));
    expect((await within100Ms(request.closed)).aborted).toBe(true);
    expect(await failed).toMatchObject({ message: 'enough' });
  });

  test('that streams ends with the reason and closes its socket', async () => {
    server.script({ text: Array.from({ length: 1_000 }, () => 'word '), chunkDelayMs: 2 });
    const controller = new AbortController();
    const reading = (async () => {
      for await (const event of stream(overMessages(), { signal: controller.signal })) {
        if (event.type === 'text-delta') controller.abort(new Error('enough'));
      }
    })();
    expect(await rejection(reading)).toMatchObject({ message: 'enough' });
    expect((await (await server.waitForRequest(0)).closed).aborted).toBe(true);
  });
});

describe('1,000 streams that are opened and left', () => {
  test('leave no socket, no listener and no timer', async () => {
    const agent = overMessages({ connections: 20 });
    server.script(() => ({ text: Array.from({ length: 50 }, () => 'word '), chunkDelayMs: 1 }));
    const controller = new AbortController();
    const { signal } = controller;
    setMaxListeners(0, signal);
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    const openAndLeave = async () => {
      for await (const event of stream(agent, { signal })) if (event.type === 'text-delta') return;
    };
    for (let round = 0; round < 50; round += 1) await Promise.all(Array.from({ length: 20 }, openAndLeave));
    expect(server.requests).toHaveLength(1_000);
    expect(listeners).toBe(0);
    await server.waitForConnections(20);
    await providerOf(agent).close?.();
    await server.waitForConnections(0);
    const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
    expect(timers.length).toBeLessThan(5);
  }, 30_000);
});

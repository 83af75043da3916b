import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import { AsyncOrchestrator, type AsyncOrchestratorOptions } from '../../../src/index.js';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { httpAgent } from '../../../src/providers/http/http-agent.js';
import { openai } from '../../../src/providers/openai/openai.js';
import { openPools } from '../../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../../src/testing/model-server/model-server.js';
import { rejection } from '../../behaviour/scripted-agents.js';

const CONNECTIONS = 4;
const ANSWER_MS = 400;
/** Enough for one answer, not for the answers of those that were first. */
const TIMEOUT_MS = 1_100;
const CALLS = 4 * CONNECTIONS;

let models: ModelServer;
let service: Server;
let answer: RequestListener;
let requests = 0;
const opened: AsyncOrchestrator[] = [];

beforeEach(async () => {
  requests = 0;
  models = await startModelServer();
  models.script(() => ({ delayMs: ANSWER_MS }));
  answer = (_request, response) => {
    setTimeout(() => response.end('{"output":"ok"}'), ANSWER_MS);
  };
  service = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close({ drainMs: 0 });
  expect(openPools()).toBe(0);
  service.closeAllConnections();
  service.close();
  await models.close();
});

const overMessages = () =>
  anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: models.url, connections: CONNECTIONS });
const overChat = () =>
  openai({
    model: 'gpt-4.1',
    apiKey: 'k',
    baseURL: models.openaiURL,
    connections: CONNECTIONS,
  });
const overHttp = () =>
  httpAgent({
    name: 'agent',
    url: `http://127.0.0.1:${(service.address() as AddressInfo).port}/`,
    connections: CONNECTIONS,
  });

function open(agent: AgentDefinition, options: AsyncOrchestratorOptions = {}): AsyncOrchestrator {
  const orchestrator = new AsyncOrchestrator({
    maxConcurrent: 100,
    timeoutMs: TIMEOUT_MS,
    maxRetries: 0,
    ...options,
    agents: { agent },
  });
  opened.push(orchestrator);
  return orchestrator as AsyncOrchestrator;
}

const tasks = (calls: number) =>
  Array.from({ length: calls }, (_, index) => ['agent', `task ${index}`] as const);

describe('more calls at once than connections', () => {
  test.each([
    ['messages', overMessages],
    ['chat', overChat],
    ['an HTTP service', overHttp],
  ])('do not time out while they wait for one: %s', async (_what, makeAgent) => {
    const orchestrator = open(makeAgent());
    const outcomes = await orchestrator.executeMultiple(tasks(CALLS));
    expect(outcomes.filter(({ success }) => !success)).toEqual([]);
    const longestWaitMs = Math.max(...outcomes.map(({ timings }) => timings.queuedMs));
    expect(longestWaitMs).toBeGreaterThan(ANSWER_MS);
    expect(orchestrator.stats()).toMatchObject({ attempts: CALLS, running: 0 });
  });

  test('do not miss the first token of their streams while they wait for one', async () => {
    const orchestrator = open(overMessages(), { timeouts: { firstTokenMs: TIMEOUT_MS } });
    const streams = tasks(CALLS).map(([name, task]) => orchestrator.stream(name, task).result);
    const results = await Promise.all(streams);
    expect(results.map(({ output }) => output)).toEqual(Array(CALLS).fill('ok'));
  });

  test('are reported once, with what to change', async () => {
    const warnings: Array<{ facts: unknown; message: unknown }> = [];
    const silent = (): void => {};
    const logger = {
      ...{ trace: silent, debug: silent, info: silent, error: silent, fatal: silent },
      warn: (facts: unknown, message: unknown) => {
        warnings.push({ facts, message });
      },
      child: () => logger,
    };
    models.script(() => ({ delayMs: 5 }));
    const orchestrator = open(overMessages(), { logger });
    await orchestrator.executeMultiple(tasks(CALLS));
    await orchestrator.executeMultiple(tasks(CALLS));
    const ours = warnings.filter(({ message }) => String(message).includes('wait for a connection'));
    expect(ours).toEqual([
      {
        facts: expect.objectContaining({ connections: CONNECTIONS, origin: models.url }),
        message: expect.stringContaining('"connections"'),
      },
    ]);
  });

  test('leave at once when they are cancelled, and are never sent', async () => {
    let answerAll = (): void => {};
    const held = new Promise<void>((resolve) => {
      answerAll = resolve;
    });
    answer = (_request, response) => {
      void held.then(() => response.end('{"output":"ok"}'));
    };
    const orchestrator = open(overHttp(), { timeoutMs: 60_000 });
    const running = tasks(CONNECTIONS).map(([name, task]) => orchestrator.execute(name, task));
    while (requests < CONNECTIONS) await new Promise((resolve) => setImmediate(resolve));
    const controller = new AbortController();
    const waiting = tasks(3).map(([name, task]) =>
      rejection(orchestrator.execute(name, task, { signal: controller.signal })),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(orchestrator.stats().running).toBe(CONNECTIONS + 3);
    controller.abort();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'TUTTI_CANCELLED' });
    while (orchestrator.stats().running > CONNECTIONS) await new Promise((resolve) => setImmediate(resolve));
    answerAll();
    await Promise.all(running);
    expect(requests).toBe(CONNECTIONS);
  });

  test('go on when those before them fail or are aborted', async () => {
    answer = (request, response) => {
      if (requests % 2 === 1) request.socket.destroy();
      else response.writeHead(400).end('{}');
    };
    const orchestrator = open(overHttp());
    const outcomes = await orchestrator.executeMultiple(tasks(40));
    expect(outcomes.map(({ success }) => success)).toEqual(Array(40).fill(false));
    expect(requests).toBe(40);
    answer = (_request, response) => response.end('{"output":"ok"}');
    expect(await orchestrator.execute('agent', 'afterwards')).toMatchObject({ output: 'ok' });
  });
});

describe('one call', () => {
  test('times out while its connection does not open', async () => {
    // It accepts and stays silent, so the TLS handshake never ends.
    const silent = createTcpServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const agent = httpAgent({ name: 'agent', url: `https://127.0.0.1:${port}/` });
    const orchestrator = open(agent, { timeoutMs: 200 });
    expect(await rejection(orchestrator.execute('agent', 'task'))).toMatchObject({
      code: 'TUTTI_TIMEOUT',
      scope: 'attempt',
      timeoutMs: 200,
    });
    silent.close();
  });
});

// Covers: src/providers/agent-tool.ts, src/providers/model/permit-loan.ts, src/contracts/tool-host.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentContext } from '../../src/contracts/agent.js';
import type { AgentResult } from '../../src/contracts/result.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { type AgentToolOptions, asTool } from '../../src/providers/agent-tool.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { Telemetry } from '../../src/telemetry/index.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import type { ScriptedAnswer } from '../../src/testing/model-server/scripted-answer.js';
import { rejection } from '../providers/provider-request.js';

const usage = { inputTokens: 1_000, outputTokens: 100 };
const COST_USD = 1_000 * 3e-6 + 100 * 15e-6;

let server: ModelServer;
/** What the lead's model answers first. */
let asks: ScriptedAnswer['toolCalls'];
const askFor = (...tasks: string[]): ScriptedAnswer['toolCalls'] =>
  tasks.map((task, index) => ({ id: `call_${index}`, name: 'research', input: { task } }));

beforeEach(async () => {
  asks = askFor('lists');
  server = await startModelServer(({ body }) => {
    const text = JSON.stringify(body);
    if (body.system === 'research') return { text: 'Found.', usage };
    return text.includes('tool_result') ? { text: 'Done.', usage } : { toolCalls: asks, usage };
  });
});
afterEach(() => server.close());

const claude = (options: object) =>
  anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...options });

/** A lead whose model calls a researcher, which is a model too unless it is a function. */
function openWith(
  settings: object = {},
  researcher: ((task: string, context: AgentContext) => unknown) | undefined = undefined,
  options: AgentToolOptions = {},
  lead: object = {},
) {
  const agents = { researcher: (researcher ?? claude({ instructions: 'research' })) as never };
  const orchestrator = new AsyncOrchestrator({
    agents,
    retry: { minDelayMs: 1, maxDelayMs: 2 },
    ...settings,
  });
  const tools = { research: asTool(orchestrator, 'researcher', options) };
  orchestrator.agents.add({ ...claude({ tools, ...lead }), name: 'lead' });
  return orchestrator as unknown as AsyncOrchestrator;
}

const resultSent = (): unknown => {
  const body = server.requests.at(-1)?.body as unknown as { messages: Array<{ content: unknown }> };
  return body.messages.at(-1)?.content;
};

describe('an agent as a tool', () => {
  test('answers the other model, and what it used and cost is part of the result', async () => {
    await using orchestrator = openWith();
    const telemetry = new Telemetry({ orchestrator });
    const ended: Array<[string, number | undefined]> = [];
    orchestrator.on('call:end', ({ agent, usage }) => ended.push([agent, usage.inputTokens]));
    const result = await orchestrator.execute('lead', 'Explain lists.');
    expect(result).toMatchObject({
      output: 'Done.',
      attempts: 1,
      usage: { inputTokens: 3_000, outputTokens: 300 },
    });
    expect(result.costUsd).toBeCloseTo(3 * COST_USD, 9);
    expect(resultSent()).toMatchObject([{ content: 'Found.' }]);
    expect(server.requests.map(({ body }) => body.messages)).toContainEqual([
      { role: 'user', content: 'lists' },
    ]);
    // The orchestrator has paid for it once.
    expect(orchestrator.stats()).toMatchObject({ inputTokens: 3_000, succeeded: 2, running: 0 });
    expect(orchestrator.stats().costUsd).toBeCloseTo(3 * COST_USD, 9);
    expect(ended).toEqual([
      ['researcher', 1_000],
      ['lead', 2_000],
    ]);
    const { tokens, costUsd } = telemetry.snapshot();
    expect(tokens).toMatchObject({ input: 3_000, output: 300 });
    expect(costUsd).toBeCloseTo(3 * COST_USD, 9);
    await telemetry.close();
  });

  test('is described to the model by its description, or the one that is given', async () => {
    const described = claude({ description: 'Finds things out' });
    await using orchestrator = new AsyncOrchestrator({ agents: { researcher: described } });
    expect(asTool(orchestrator, 'researcher').description).toBe('Finds things out');
    expect(asTool(orchestrator, 'researcher', { description: 'Knows' }).description).toBe('Knows');
    expect(asTool(orchestrator, 'nobody').description).toBeUndefined();
  });

  test('costs nothing where its answer comes from the cache', async () => {
    await using orchestrator = openWith({ cache: true }, undefined, {}, { cache: false });
    await orchestrator.execute('lead', 'one');
    const result = await orchestrator.execute('lead', 'two');
    expect(result.usage.inputTokens).toBe(2_000);
    expect(result.costUsd).toBeCloseTo(2 * COST_USD, 9);
  });

  test('tells the model what it failed with, and what that cost counts', async () => {
    const fail = () => Promise.reject(new Error('the library is closed'));
    await using orchestrator = openWith({}, fail);
    expect(await orchestrator.execute('lead', 'Explain lists.')).toMatchObject({ output: 'Done.' });
    expect(resultSent()).toMatchObject([{ is_error: true, content: 'Error: the library is closed' }]);
  });

  test('is cancelled with its parent', async () => {
    const controller = new AbortController();
    let reason: unknown;
    const hang = (_task: string, { signal }: AgentContext) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(signal.reason as Error);
        });
        controller.abort(new Error('enough'));
      });
    await using orchestrator = openWith({ maxConcurrent: 1 }, hang);
    const error = await rejection(orchestrator.execute('lead', 'x', { signal: controller.signal }));
    expect(error.code).toBe('TUTTI_CANCELLED');
    expect(reason).toMatchObject({ code: 'TUTTI_CANCELLED' });
    await orchestrator.close();
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, cancelled: 2, abandoned: 0 });
  });

  test.each([
    [{}, 'researcher', {}, 'orchestrator'],
    ['o', '', {}, 'agent'],
    ['o', 'researcher', { timeout: 5 }, 'timeout'],
  ])('refuses %p, %p, %p', async (given, agent, options, field) => {
    await using orchestrator = new AsyncOrchestrator();
    const target = given === 'o' ? orchestrator : given;
    expect(() => asTool(target as never, agent, options as never)).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }),
    );
  });
});

describe('a parent that waits for its agents', () => {
  /** Researchers that count how many attempts of all agents run at once. */
  function counting(orchestrator: () => AsyncOrchestrator) {
    let most = 0;
    const research = async (task: string) => {
      most = Math.max(most, orchestrator().stats().running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      most = Math.max(most, orchestrator().stats().running);
      return { output: `found ${task}`, costUsd: 0.001, usage: { inputTokens: 1, outputTokens: 1 } };
    };
    return { research, most: () => most };
  }

  test.each([
    ['without traffic control', {}],
    ['in lanes', { limits: { maxConcurrent: 1 } }],
    ['with a budget', { budget: { usd: 1, perCallUsd: 0.05 } }],
    [
      'with both, and a limit of its own',
      { limits: { maxConcurrent: 1 }, budget: { usd: 0.3, perCallUsd: 0.05 } },
    ],
  ])(
    'lends its permit, %s: no deadlock at maxConcurrent 1, and never two at once',
    async (_how, settings) => {
      asks = askFor('a', 'b', 'c');
      const counter = counting(() => orchestrator);
      const orchestrator = openWith(
        { maxConcurrent: 1, ...settings },
        counter.research,
        {},
        { maxConcurrent: 1 },
      );
      const results = await Promise.all([1, 2, 3].map((task) => orchestrator.execute('lead', `${task}`)));
      expect(results.map(({ output, attempts }) => [output, attempts])).toEqual(Array(3).fill(['Done.', 1]));
      expect(resultSent()).toMatchObject([
        { content: 'found a' },
        { content: 'found b' },
        { content: 'found c' },
      ]);
      expect(counter.most()).toBe(1);
      expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 0, inFlight: 0 });
      await orchestrator.close();
    },
  );

  test('shares a lane of one with an agent of the same model', async () => {
    await using orchestrator = openWith({
      maxConcurrent: 1,
      limits: { maxConcurrent: 1 },
      budget: { usd: 0.2 },
    });
    const result = (await orchestrator.execute('lead', 'x')) as AgentResult;
    expect(result).toMatchObject({ output: 'Done.', attempts: 1 });
    // What it spent before and after it lent its permit, and what its agent spent, each once.
    expect(orchestrator.stats().budget?.spentUsd).toBeCloseTo(3 * COST_USD, 9);
    expect(orchestrator.stats().budget?.reservedUsd).toBe(0);
  });

  test('goes before calls that have not begun', async () => {
    const order: string[] = [];
    const research = (task: string) => `${order.push(`research ${task}`)}`;
    await using orchestrator = openWith({ maxConcurrent: 1 }, research);
    orchestrator.agents.add({ name: 'other', run: (task) => `${order.push(task)}` });
    const lead = orchestrator.execute('lead', 'x').then(() => order.push('lead'));
    const others = ['o1', 'o2', 'o3'].map((task) => orchestrator.execute('other', task));
    await Promise.all([lead, ...others]);
    expect(order.slice(0, 1)).toEqual(['research lists']);
  });

  test('does not time out meanwhile', async () => {
    const slow = () => new Promise((resolve) => setTimeout(() => resolve('found'), 600));
    await using orchestrator = openWith({}, slow, {}, { timeoutMs: 400, maxRetries: 0 });
    expect(await orchestrator.execute('lead', 'x')).toMatchObject({ output: 'Done.', attempts: 1 });
  });
});

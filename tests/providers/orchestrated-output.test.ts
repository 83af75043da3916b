// Covers: src/providers/model/structured-output.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { TuttiEvents } from '../../src/contracts/events.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { openPools } from '../../src/providers/transport/connection-pool.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { rejection } from './provider-request.js';

let server: ModelServer;
const city = z.object({ name: z.string(), people: z.number() });
const right = '{"name":"Oslo","people":700000}';
const wrong = '{"name":"Oslo","people":"many"}';
// A million input tokens of claude-sonnet-4-5 cost three dollars, of gpt-4.1 two.
const usage = { inputTokens: 1_000_000, outputTokens: 0 };

const claude = (more?: object) =>
  anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, output: city, ...more });
const gpt = (more?: object) =>
  openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, output: city, ...more });
const responses = (more?: object) => gpt({ api: 'responses', ...more });

/** The only outcome of a run of one task: failures are seen whole. */
async function outcomeOf(orchestrator: AsyncOrchestrator, agent: string, options: object = {}) {
  const [outcome] = await orchestrator.executeMultiple([{ agent, task: 'a city', ...options }]);
  if (outcome === undefined) throw new Error('there is no outcome');
  return outcome;
}

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  await server.waitForConnections(0);
  await server.close();
  expect(openPools()).toBe(0);
});

describe('typed output', () => {
  test.each([
    ['messages', claude, (body: Record<string, unknown>) => body.output_config],
    ['chat', gpt, (body: Record<string, unknown>) => body.response_format],
    ['responses', responses, (body: Record<string, unknown>) => body.text],
  ] as const)('asks for the structured output of %s', async (_api, make, formatOf) => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: make() } });
    server.script({ text: right });
    expect((await orchestrator.execute('city', 'a city')).data).toEqual({ name: 'Oslo', people: 700_000 });
    const format = JSON.stringify(formatOf(server.requests[0]?.body ?? {}));
    expect(format).toContain('json_schema');
    expect(format).toContain('"people"');
  });

  test.each([
    ['plain', right],
    ['in a fenced block', `Here it is:\n\n\`\`\`json\n${right}\n\`\`\`\nAnything else?`],
    ['in running text', `The answer is ${right}, as far as I know.`],
  ])('takes JSON %s where there is no structured output', async (_how, text) => {
    const agent = gpt({ structuredOutput: false });
    await using orchestrator = new AsyncOrchestrator({ agents: { city: agent } });
    server.script({ text });
    const result = await orchestrator.execute('city', 'a city');
    expect(result).toMatchObject({ data: { people: 700_000 }, output: text });
    expect(server.requests[0]?.body.response_format).toBeUndefined();
    expect(JSON.stringify(server.requests[0]?.body.messages)).toContain('JSON Schema');
  });

  test('of a stream is read from its whole text', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude() } });
    server.script({ text: [right.slice(0, 9), right.slice(9, 20), right.slice(20)] });
    expect(await orchestrator.stream('city', 'a city').result).toMatchObject({ data: { name: 'Oslo' } });
  });

  test('that does not match fails with its path, its cost, and no second request', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude() }, cache: true });
    server.script(() => ({ text: wrong, usage }));
    const failure = await outcomeOf(orchestrator, 'city');
    expect(failure).toMatchObject({
      success: false,
      attempts: 1,
      error: { code: 'TUTTI_OUTPUT_INVALID', path: 'people', retryable: false },
      usage: { inputTokens: 1_000_000 },
      costUsd: 3,
    });
    expect(server.requests).toHaveLength(1);
  });

  test('that does not match is never cached, whether it was streamed or not', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude() }, cache: true });
    server.script([{ text: wrong }, { text: wrong }, { text: right }]);
    await rejection(orchestrator.execute('city', 'a city'));
    await rejection(orchestrator.stream('city', 'a city').result);
    expect(await orchestrator.execute('city', 'a city')).toMatchObject({ cached: false });
    expect(await orchestrator.execute('city', 'a city')).toMatchObject({ cached: 'memory' });
    expect(server.requests).toHaveLength(3);
  });
});

describe('repairs', () => {
  test.each([
    ['messages', claude, 3],
    ['chat', gpt, 2],
    ['responses', responses, 2],
  ] as const)(
    'over %s send the answer back with its problem; the result has the sum',
    async (_api, make, usd) => {
      await using orchestrator = new AsyncOrchestrator({ agents: { city: make({ repairs: 2 }) } });
      server.script([
        { text: 'no idea', usage },
        { text: wrong, usage },
        { text: right, usage },
      ]);
      const result = await orchestrator.execute('city', 'a city');
      expect(result).toMatchObject({ data: { people: 700_000 }, output: right, attempts: 1 });
      expect(result.usage.inputTokens).toBe(3_000_000);
      expect(result.costUsd).toBe(3 * usd);
      const last = JSON.stringify(server.requests[2]?.body);
      expect(last).toContain('no idea');
      expect(last).toContain('contains no JSON');
      expect(last).toContain('people');
      expect(server.requests).toHaveLength(3);
    },
  );

  test('that are used up fail with the path, and all that was spent', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude({ repairs: 1 }) } });
    server.script(() => ({ text: wrong, usage }));
    expect(await outcomeOf(orchestrator, 'city')).toMatchObject({
      success: false,
      attempts: 1,
      error: { code: 'TUTTI_OUTPUT_INVALID', path: 'people' },
      usage: { inputTokens: 2_000_000 },
      costUsd: 6,
    });
    expect(server.requests).toHaveLength(2);
  });

  test('happen within the same deadline; what was spent until then is told', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude({ repairs: 5 }) } });
    await rejection(orchestrator.execute('city', 'warm up', { model: 'none' }));
    const warm = server.requests.length;
    server.script([{ text: wrong, usage }, { fault: 'hang' }]);
    const failure = await outcomeOf(orchestrator, 'city', { deadlineMs: 500 });
    expect(failure).toMatchObject({
      success: false,
      error: { code: 'TUTTI_TIMEOUT', scope: 'deadline' },
      usage: { inputTokens: 1_000_000 },
      costUsd: 3,
    });
    expect(server.requests).toHaveLength(warm + 2);
    expect((await server.requests.at(-1)?.closed)?.aborted).toBe(true);
  });

  test('that end in an error of the provider are tried again from the start, and the sum has everything', async () => {
    const retry = { minDelayMs: 1, maxDelayMs: 2 };
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude({ repairs: 1 }) }, retry });
    server.script([{ text: wrong, usage }, { status: 529 }, { text: right, usage }]);
    const result = await orchestrator.execute('city', 'a city');
    expect(result).toMatchObject({ attempts: 2, costUsd: 6, usage: { inputTokens: 2_000_000 } });
  });

  test('are not made for an answer that was cut off', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { city: claude({ repairs: 3 }) } });
    server.script(() => ({ text: '{"name":"Os', finishReason: 'length' }));
    expect(await rejection(orchestrator.execute('city', 'a city'))).toMatchObject({
      code: 'TUTTI_OUTPUT_INVALID',
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe('tools', () => {
  const tools = {
    add: {
      description: 'Adds two numbers',
      input: z.object({ a: z.number(), b: z.number() }),
      run: ({ a, b }: { a: number; b: number }) => ({ sum: a + b }),
    },
    fail: { input: z.object({}), run: () => Promise.reject(new Error('out of order')) },
  };
  const script = [
    {
      text: 'let me see ',
      toolCalls: [
        { name: 'add', input: { a: 2, b: 3 } },
        { name: 'fail', input: {} },
      ],
      usage,
    },
    { text: 'five', usage },
  ];

  test.each([
    ['messages', claude],
    ['chat', gpt],
    ['responses', responses],
  ] as const)('over %s run in one call; steps are in the result, and in the hit', async (_api, make) => {
    const agent = make({ tools, output: undefined });
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: agent }, cache: true });
    server.script(script);
    const fresh = await orchestrator.execute('clerk', 'two and three?');
    expect(fresh).toMatchObject({ output: 'five', attempts: 1, usage: { inputTokens: 2_000_000 } });
    expect(fresh.steps).toMatchObject([
      {
        text: 'let me see ',
        toolCalls: [
          { name: 'add', output: '{"sum":5}', isError: false },
          { name: 'fail', output: expect.stringContaining('out of order'), isError: true },
        ],
      },
      { text: 'five', toolCalls: [] },
    ]);
    const hit = await orchestrator.execute('clerk', 'two and three?');
    expect(hit).toMatchObject({ cached: 'memory', costUsd: 0, savedUsd: fresh.costUsd });
    expect(hit.steps).toEqual(fresh.steps);
    expect(Object.keys(hit).sort()).toEqual(Object.keys(fresh).sort());
    expect(server.requests).toHaveLength(2);
  });

  test('of a stream leave their steps, their cost and the model in the result, too', async () => {
    const agent = claude({ tools, output: undefined });
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: agent }, cache: true });
    server.script(script);
    const stream = orchestrator.stream('clerk', 'two and three?');
    const calls: string[] = [];
    for await (const event of stream) if (event.type === 'tool-call') calls.push(event.name);
    expect(calls).toEqual(['add', 'fail']);
    const fresh = await stream.result;
    expect(fresh).toMatchObject({ costUsd: 6, model: 'claude-sonnet-4-5', finishReason: 'stop' });
    expect(fresh.steps).toHaveLength(2);
    const hit = await orchestrator.stream('clerk', 'two and three?').result;
    expect(hit.steps).toEqual(fresh.steps);
    const keys = (result: object) => Object.keys(result).sort();
    expect(keys(hit)).toEqual(keys(fresh));
  });

  test('get the signal of the attempt, and no step follows its timeout', async () => {
    let reason: unknown;
    const slow = {
      input: z.object({}),
      run: (_input: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            reject(signal.reason);
          });
        }),
    };
    const agent = claude({ tools: { slow }, output: undefined, timeoutMs: 400, maxRetries: 0 });
    await using orchestrator = new AsyncOrchestrator({ agents: { clerk: agent } });
    server.script(() => ({ toolCalls: [{ name: 'slow', input: {} }], usage }));
    await rejection(orchestrator.execute('clerk', 'wait'));
    expect(reason).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'attempt' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('what a stream costs', () => {
  test('is in its result, from the prices of its model', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents: { claude: claude({ output: undefined }) } });
    server.script({ text: ['a ', 'b'], usage });
    expect(await orchestrator.stream('claude', 'hi').result).toMatchObject({ costUsd: 3 });
  });

  test.each([false, true])('until it was cancelled is told by its failure (cache: %s)', async (cache) => {
    await using orchestrator = new AsyncOrchestrator({
      agents: { claude: claude({ output: undefined }) },
      cache,
    });
    const ends: Array<TuttiEvents['call:end']> = [];
    orchestrator.on('call:end', (end) => ends.push(end));
    server.script({ text: Array.from({ length: 1_000 }, () => 'word '), chunkDelayMs: 2, usage });
    const stream = orchestrator.stream('claude', 'hi');
    for await (const event of stream) if (event.type === 'text-delta') break;
    expect(await rejection(stream.result)).toMatchObject({ code: 'TUTTI_CANCELLED' });
    expect(ends).toMatchObject([
      { success: false, errorCode: 'TUTTI_CANCELLED', usage: { inputTokens: 1_000_000 } },
    ]);
    expect(ends[0]?.costUsd).toBeCloseTo(3, 3);
    expect(orchestrator.stats()).toMatchObject({ costUsd: ends[0]?.costUsd, inputTokens: 1_000_000 });
  });
});

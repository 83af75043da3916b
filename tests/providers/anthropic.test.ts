// Covers: src/providers/anthropic/anthropic-dialect.ts, src/testing/model-server/messages-wire.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { collect, generate, providerOf, rejection, requestFor, stream } from './provider-request.js';

let server: ModelServer;
const opened: Array<{ close?(): Promise<void> }> = [];
const make = <Options extends object>(more?: Options) => {
  const agent = anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...more });
  opened.push(providerOf(agent));
  return agent;
};

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  for (const provider of opened.splice(0)) await provider.close?.();
  await server.close();
});

const weather = {
  weather: {
    description: 'Tells the weather of a city.',
    input: z.object({ city: z.string() }),
    run: ({ city }: { city: string }) => `rain in ${city}`,
  },
};

describe('anthropic', () => {
  test('sends task, instructions and parameters in the words of the Messages API', async () => {
    const agent = make({
      instructions: 'Be brief.',
      maxTokens: 99,
      params: { temperature: 0, topP: 0.5, stopSequences: ['END'], metadata: { user_id: 'u' } },
      headers: { 'x-team': 'blue' },
    });
    await generate(agent, { task: 'Explain lists.\n' });
    expect(server.requests[0]).toMatchObject({
      api: 'messages',
      path: '/v1/messages',
      isStream: false,
      body: {
        model: 'claude-sonnet-4-5',
        max_tokens: 99,
        system: 'Be brief.',
        messages: [{ role: 'user', content: 'Explain lists.\n' }],
        temperature: 0,
        top_p: 0.5,
        stop_sequences: ['END'],
        metadata: { user_id: 'u' },
      },
      headers: { 'x-team': 'blue', 'x-stainless-retry-count': '0' },
    });
    expect(server.requests[0]?.body).not.toHaveProperty('maxTokens');
  });

  test("prefers the call's model and parameters", async () => {
    const agent = make({ maxTokens: 99 });
    const request = requestFor(agent, {
      model: 'claude-opus-4-1',
      params: { ...agent.params, maxTokens: 7 },
    });
    const reply = await providerOf(agent).generate(request);
    expect(server.requests[0]?.body).toMatchObject({ model: 'claude-opus-4-1', max_tokens: 7 });
    expect(reply.model).toBe('claude-opus-4-1');
  });

  test('gives text, usage, cost, model and finish reason', async () => {
    server.script({
      text: 'hello',
      model: 'claude-sonnet-4-5-20250929',
      usage: {
        inputTokens: 1_000_000,
        outputTokens: 100_000,
        cacheReadTokens: 1_000_000,
        cacheWriteTokens: 1_000_000,
      },
    });
    expect(await generate(make())).toEqual({
      output: 'hello',
      model: 'claude-sonnet-4-5-20250929',
      finishReason: 'stop',
      usage: {
        inputTokens: 1_000_000,
        outputTokens: 100_000,
        cacheReadTokens: 1_000_000,
        cacheWriteTokens: 1_000_000,
        totalTokens: 3_100_000,
      },
      costUsd: 3 + 1.5 + 0.3 + 3.75,
    });
  });

  test.each(['length', 'refusal', 'other'] as const)(
    'tells that it stopped because of %s',
    async (finishReason) => {
      server.script([{ finishReason }, { finishReason }]);
      const agent = make();
      expect(await generate(agent)).toMatchObject({ finishReason });
      expect((await collect(stream(agent))).at(-1)).toEqual({ type: 'finish', finishReason });
    },
  );

  test('streams reasoning, text, tool calls and usage, and finishes', async () => {
    server.script({
      reasoning: ['hm', 'm'],
      text: ['It ', 'rains.'],
      toolCalls: [{ name: 'weather', input: { city: 'Köln' } }],
      usage: { inputTokens: 7, outputTokens: 3 },
    });
    const events = await collect(stream(make()));
    expect(server.requests[0]?.body.stream).toBe(true);
    expect(events).toEqual([
      { type: 'usage', usage: { inputTokens: 7, outputTokens: 1, totalTokens: 8 } },
      { type: 'reasoning-delta', text: 'hm' },
      { type: 'reasoning-delta', text: 'm' },
      { type: 'text-delta', text: 'It ' },
      { type: 'text-delta', text: 'rains.' },
      { type: 'tool-call', id: 'call_0', name: 'weather', input: { city: 'Köln' } },
      { type: 'usage', usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 } },
      { type: 'finish', finishReason: 'tool-calls' },
    ]);
  });

  test.each(['generate', 'stream'] as const)('%s runs tools and sends back what came out', async (way) => {
    server.script([
      {
        text: 'let me see',
        reasoning: ['think'],
        toolCalls: [
          { id: 'a', name: 'weather', input: { city: 'Oslo' } },
          { id: 'b', name: 'weather', input: { town: 'Rome' } },
        ],
      },
      { text: 'rain' },
    ]);
    const agent = make({ tools: weather });
    if (way === 'generate') {
      const reply = await generate(agent);
      expect(reply).toMatchObject({ output: 'rain', usage: { inputTokens: 20, outputTokens: 10 } });
      expect(reply.steps).toHaveLength(2);
    } else {
      expect((await collect(stream(agent))).at(-1)).toEqual({ type: 'finish', finishReason: 'stop' });
    }
    expect(server.requests[0]?.body.tools).toMatchObject([
      { name: 'weather', description: 'Tells the weather of a city.', input_schema: { type: 'object' } },
    ]);
    const messages = server.requests[1]?.body.messages as Array<{ role: string; content: unknown }>;
    expect(messages[1]).toEqual({
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'think', signature: 'signed' },
        { type: 'text', text: 'let me see' },
        { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Oslo' } },
        { type: 'tool_use', id: 'b', name: 'weather', input: { town: 'Rome' } },
      ],
    });
    expect(messages[2]).toMatchObject({
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'a', content: 'rain in Oslo' },
        { type: 'tool_result', tool_use_id: 'b', is_error: true },
      ],
    });
  });

  test("asks for the output schema by the API's own means", async () => {
    const output = z.object({ name: z.string().min(1).describe('The name.'), age: z.number().int().min(0) });
    await generate(make({ output, params: { output_config: { effort: 'low' } } }));
    const config = server.requests[0]?.body.output_config;
    expect(config).toMatchObject({
      effort: 'low',
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          additionalProperties: false,
          required: ['name', 'age'],
          properties: { name: { type: 'string', description: 'The name. At least 1 character.' } },
        },
      },
    });
    expect(JSON.stringify(config)).not.toMatch(/"(minimum|maximum|minLength)":/);
  });

  test('asks for the output schema in words where it has to', async () => {
    const asked = { output: z.object({ age: z.number() }), instructions: 'Be brief.' };
    await generate(make({ ...asked, structuredOutput: false }));
    await generate(make({ output: z.array(z.number()) }));
    await generate(
      make({ output: { safeParse: (value: unknown) => ({ success: true as const, data: value }) } }),
    );
    const systems = server.requests.map((request) => request.body.system);
    expect(systems[0]).toMatch(
      /^Be brief\.\n\nAnswer with one JSON value that matches this JSON Schema.*"age"/s,
    );
    expect(systems[1]).toContain('"type":"array"');
    expect(systems[2]).toBe('Answer with one JSON value and nothing else.');
    for (const request of server.requests) expect(request.body).not.toHaveProperty('output_config');
  });

  test('continues after answers that did not fit', async () => {
    await generate(make(), { rejected: [{ output: '{"age":"x"}', problem: 'age: expected number' }] });
    expect(server.requests[0]?.body.messages).toMatchObject([
      { role: 'user', content: 'say something' },
      { role: 'assistant', content: '{"age":"x"}' },
      { role: 'user', content: expect.stringContaining('age: expected number') },
    ]);
  });

  test('works with a ready client and leaves it alone', async () => {
    const { Anthropic } = await import('@anthropic-ai/sdk');
    const client = new Anthropic({ apiKey: 'mine', baseURL: server.url, maxRetries: 5 });
    const agent = anthropic({ model: 'claude-haiku-4-5', client });
    server.script([{ text: 'yes' }, { status: 500 }]);
    expect(await generate(agent)).toMatchObject({ output: 'yes' });
    expect(await rejection(generate(agent))).toMatchObject({ code: 'TUTTI_PROVIDER_OVERLOADED' });
    expect(server.requests).toHaveLength(2);
    expect(server.requests[0]?.headers.authorization ?? server.requests[0]?.headers['x-api-key']).toContain(
      'mine',
    );
    await providerOf(agent).close?.();
    expect(await generate(agent)).toMatchObject({ output: 'ok' });
  });

  test('works with a stand-in for the client that returns plain promises', async () => {
    const create = async () => ({ content: [{ type: 'text', text: 'hi' }], stop_reason: 'end_turn' });
    const agent = anthropic({ model: 'm', client: { messages: { create } } });
    expect(await generate(agent)).toEqual({ output: 'hi', usage: {}, finishReason: 'stop', model: 'm' });
  });

  test('says which model is missing, and which parameters are not its to take', async () => {
    expect(() => make({ model: undefined })).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field: 'options.model' }),
    );
    const error = await rejection(generate(make({ params: { stream: true } })));
    expect(error).toMatchObject({ field: 'params.stream' });
  });

  test('charges by its price table, also what a stream has used', () => {
    expect(providerOf(make()).costUsd?.('claude-sonnet-4-5', { inputTokens: 1_000_000 })).toBe(3);
    expect(providerOf(make()).costUsd?.('unknown', { inputTokens: 1 })).toBeUndefined();
  });
});

// Covers: src/providers/openai/chat-dialect.ts, src/providers/openai/responses-dialect.ts
// Covers: src/testing/model-server/responses-wire.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { stepFromChat } from '../../src/providers/openai/chat-answer.js';
import { openai } from '../../src/providers/openai/openai.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { collect, generate, providerOf, rejection, stream, textOf } from './provider-request.js';

let server: ModelServer;
const opened: Array<{ close?(): Promise<void> }> = [];
const make = <Options extends object>(more?: Options) => {
  const agent = openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, ...more });
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

const tools = {
  add: {
    description: 'Adds.',
    input: z.object({ left: z.number(), right: z.number() }),
    run: ({ left, right }: { left: number; right: number }) => left + right,
  },
};

describe.each(['chat', 'responses'] as const)('openai over %s', (api) => {
  test('gives text, usage with cached tokens apart, cost, model and finish reason', async () => {
    server.script({
      text: 'hello',
      model: 'gpt-4.1-2025-04-14',
      usage: { inputTokens: 600_000, cacheReadTokens: 400_000, outputTokens: 100_000 },
    });
    expect(await generate(make({ api }))).toEqual({
      output: 'hello',
      model: 'gpt-4.1-2025-04-14',
      finishReason: 'stop',
      usage: {
        inputTokens: 600_000,
        cacheReadTokens: 400_000,
        outputTokens: 100_000,
        totalTokens: 1_100_000,
      },
      costUsd: 1.2 + 0.2 + 0.8,
    });
  });

  test('counts tokens written to the prompt cache apart', async () => {
    server.script({ usage: { inputTokens: 1, cacheWriteTokens: 2, outputTokens: 3 } });
    expect((await generate(make({ api }))).usage).toEqual({
      inputTokens: 1,
      cacheWriteTokens: 2,
      outputTokens: 3,
      totalTokens: 6,
    });
  });

  test('streams reasoning, text, tool calls and usage, and finishes', async () => {
    server.script({
      reasoning: ['hm'],
      text: ['one ', 'two'],
      toolCalls: [
        { name: 'add', input: { left: 1, right: 2 } },
        { name: 'add', input: 'not json' },
      ],
    });
    expect(await collect(stream(make({ api })))).toEqual([
      { type: 'reasoning-delta', text: 'hm' },
      { type: 'text-delta', text: 'one ' },
      { type: 'text-delta', text: 'two' },
      { type: 'tool-call', id: 'call_0', name: 'add', input: { left: 1, right: 2 } },
      { type: 'tool-call', id: 'call_1', name: 'add', input: 'not json' },
      { type: 'usage', usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 } },
      { type: 'finish', finishReason: 'tool-calls' },
    ]);
  });

  test.each(['length', 'content-filter', 'refusal'] as const)(
    'tells that it stopped because of %s',
    async (reason) => {
      server.script([
        { finishReason: reason, text: 'no' },
        { finishReason: reason, text: 'no' },
      ]);
      const agent = make({ api });
      expect(await generate(agent)).toMatchObject({ finishReason: reason, output: 'no' });
      const events = await collect(stream(agent));
      expect(textOf(events)).toBe('no');
      expect(events.at(-1)).toEqual({ type: 'finish', finishReason: reason });
    },
  );

  test.each(['generate', 'stream'] as const)('%s runs tools and sends back what came out', async (way) => {
    server.script([
      { text: '', toolCalls: [{ id: 'c1', name: 'add', input: { left: 2, right: 3 } }] },
      { text: '5' },
    ]);
    const agent = make({ api, tools });
    if (way === 'generate') {
      const reply = await generate(agent);
      expect(reply).toMatchObject({ output: '5', usage: { totalTokens: 30 } });
      expect(reply.steps?.[0]?.toolCalls).toEqual([
        { id: 'c1', name: 'add', input: { left: 2, right: 3 }, output: '5', isError: false },
      ]);
    } else {
      expect(textOf(await collect(stream(agent)))).toBe('5');
    }
    const second = server.requests[1]?.body as Record<string, never>;
    if (api === 'chat') {
      expect(second.messages).toMatchObject([
        { role: 'user' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'c1', function: { name: 'add', arguments: '{"left":2,"right":3}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: '5' },
      ]);
    } else {
      expect(second.input).toMatchObject([
        { role: 'user', content: 'say something' },
        { type: 'function_call', call_id: 'c1', name: 'add' },
        { type: 'function_call_output', call_id: 'c1', output: '5' },
      ]);
    }
  });

  test("asks for the output schema by the API's own means, strictly where it can", async () => {
    await generate(make({ api, output: z.object({ age: z.number() }) }));
    await generate(make({ api, output: z.object({ age: z.number(), name: z.string().optional() }) }));
    const formats = server.requests.map(({ body }) =>
      api === 'chat'
        ? (body as { response_format: { json_schema: object } }).response_format.json_schema
        : (body as { text: { format: object } }).text.format,
    );
    expect(formats[0]).toMatchObject({
      strict: true,
      schema: { additionalProperties: false, required: ['age'] },
    });
    expect(formats[1]).toMatchObject({ strict: false });
  });

  test('asks for the output schema in words where that is switched off', async () => {
    await generate(make({ api, output: z.object({ age: z.number() }), structuredOutput: false }));
    const body = JSON.stringify(server.requests[0]?.body);
    expect(body).toContain('Answer with one JSON value');
    expect(body).not.toContain('json_schema');
  });

  test('continues after answers that did not fit', async () => {
    await generate(make({ api }), { rejected: [{ output: 'x', problem: 'not JSON' }] });
    const body = server.requests[0]?.body as Record<string, unknown[]>;
    expect(body[api === 'chat' ? 'messages' : 'input']).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'x' },
      { role: 'user' },
    ]);
  });
});

describe('openai', () => {
  test('sends task, instructions and parameters in the words of Chat Completions', async () => {
    const params = { temperature: 0, maxTokens: 9, stopSequences: ['END'], seed: 4 };
    await generate(make({ instructions: 'Be brief.', params, headers: { 'x-team': 'blue' } }));
    expect(server.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer k', 'x-team': 'blue' },
      body: {
        model: 'gpt-4.1',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'say something' },
        ],
        temperature: 0,
        max_completion_tokens: 9,
        stop: ['END'],
        seed: 4,
      },
    });
  });

  test('sends task, instructions and parameters in the words of Responses', async () => {
    await generate(
      make({ api: 'responses', instructions: 'Be brief.', maxTokens: 9, params: { store: false } }),
    );
    expect(server.requests[0]).toMatchObject({
      path: '/v1/responses',
      body: {
        model: 'gpt-4.1',
        instructions: 'Be brief.',
        input: [{ role: 'user', content: 'say something' }],
        max_output_tokens: 9,
        store: false,
      },
    });
  });

  test('asks a stream of chat chunks for its usage', async () => {
    await collect(stream(make()));
    expect(server.requests[0]?.body.stream_options).toEqual({ include_usage: true });
  });

  test('needs no key for a server of its own, and says so where it needs one', async () => {
    const key = process.env.OPENAI_API_KEY;
    delete process.env.OPENAI_API_KEY;
    try {
      expect(await generate(make({ apiKey: undefined }))).toMatchObject({ output: 'ok' });
      const error = await rejection(generate(openai({ model: 'gpt-4.1' })));
      expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_AUTH', retryable: false, provider: 'openai' });
      expect(error.message).toContain('OPENAI_API_KEY');
    } finally {
      if (key !== undefined) process.env.OPENAI_API_KEY = key;
    }
  });

  test('works with a ready client', async () => {
    const { OpenAI } = await import('openai');
    const agent = openai({ model: 'm', client: new OpenAI({ apiKey: 'mine', baseURL: server.openaiURL }) });
    expect(await generate(agent)).toMatchObject({ output: 'ok' });
    expect(textOf(await collect(stream(agent)))).toBe('ok');
    await providerOf(agent).close?.();
  });

  test('sends a message back with its refusal, and with none where there was none', async () => {
    const call = { name: 'add', input: { left: 1, right: 2 } };
    server.script([{ text: '', toolCalls: [call] }, { text: '3' }]);
    await generate(make({ api: 'chat', tools }));
    const sent = server.requests[1]?.body as { messages: object[] };
    expect(Object.keys(sent.messages[1] as object)).toEqual(['role', 'content', 'tool_calls']);
    const message = { role: 'assistant', content: null, refusal: 'I will not.' } as const;
    const { raw } = stepFromChat({ model: 'm', choices: [{ finish_reason: 'stop', message }] });
    expect(raw).toEqual(message);
  });

  test('does not retry a quota that is used up', async () => {
    server.script({ status: 429, errorType: 'insufficient_quota', errorCode: 'insufficient_quota' });
    const error = await rejection(generate(make()));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RATE_LIMITED', retryable: false });
  });

  test('tells a refusal by a filter from a wrong request', async () => {
    server.script({ status: 400, errorCode: 'content_filter' });
    expect(await rejection(generate(make()))).toMatchObject({
      code: 'TUTTI_PROVIDER_REFUSAL',
      retryable: false,
    });
  });
});

// Covers: src/providers/ai-sdk/ai-sdk-dialect.ts
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { ProviderResponseInfo } from '../../src/contracts/rate-limits.js';
import { aiSdk } from '../../src/providers/ai-sdk/ai-sdk.js';
import type { AiSdkModel } from '../../src/providers/ai-sdk/language-model.js';
import { collect, generate, providerOf, rejection, stream } from './provider-request.js';

interface MockModel extends AiSdkModel {
  readonly doGenerateCalls: Array<Record<string, never> & { prompt: Array<{ role: string }> }>;
}

// By a name that is not written out: the package's own types do not compile under our settings.
const aiTest = 'ai/test';
const { MockLanguageModelV3, simulateReadableStream } = (await import(aiTest)) as {
  MockLanguageModelV3: new (options: object) => MockModel;
  simulateReadableStream(options: object): ReadableStream;
};

const v3Usage = {
  inputTokens: { total: 10, noCache: 7, cacheRead: 2, cacheWrite: 1 },
  outputTokens: { total: 5, text: 5, reasoning: 0 },
};
const answer = (text: string, more: object = {}) => ({
  content: [{ type: 'text', text }],
  finishReason: { unified: 'stop', raw: 'stop' },
  usage: v3Usage,
  warnings: [],
  ...more,
});
const modelV3 = (more: object) => new MockLanguageModelV3({ modelId: 'claude-sonnet-4-5', ...more });
const parts = (...chunks: object[]) =>
  simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: null });

describe('aiSdk', () => {
  test('asks a model of version 3 and reads its answer', async () => {
    const model = modelV3({
      doGenerate: answer('hello', { response: { modelId: 'claude-sonnet-4-5-20250929' } }),
    });
    const agent = aiSdk(model, {
      name: 'greeter',
      instructions: 'Be brief.',
      maxTokens: 9,
      params: { temperature: 0, providerOptions: { x: { y: 1 } } },
    });
    expect(agent).toMatchObject({ name: 'greeter', model: 'claude-sonnet-4-5', instructions: 'Be brief.' });
    expect(await generate(agent)).toEqual({
      output: 'hello',
      model: 'claude-sonnet-4-5-20250929',
      finishReason: 'stop',
      usage: { inputTokens: 7, outputTokens: 5, cacheReadTokens: 2, cacheWriteTokens: 1, totalTokens: 15 },
      costUsd: (7 * 3 + 5 * 15 + 2 * 0.3 + 3.75) / 1_000_000,
    });
    expect(model.doGenerateCalls[0]).toMatchObject({
      prompt: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'say something' }] },
      ],
      maxOutputTokens: 9,
      temperature: 0,
      providerOptions: { x: { y: 1 } },
      abortSignal: expect.anything(),
    });
  });

  test('asks a model of version 2, whose counts and reasons are flat', async () => {
    const model: AiSdkModel = {
      specificationVersion: 'v2',
      provider: 'local',
      modelId: 'local',
      doGenerate: async () => ({
        content: [{ type: 'text', text: 'hi' }],
        finishReason: 'length',
        usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 4 },
        warnings: [],
      }),
      doStream: async () => ({}),
    };
    expect(await generate(aiSdk(model))).toEqual({
      output: 'hi',
      model: 'local',
      finishReason: 'length',
      usage: { inputTokens: 6, cacheReadTokens: 4, outputTokens: 5, totalTokens: 15 },
    });
  });

  test('leaves out what a model does not count', async () => {
    const usage = { inputTokens: {}, outputTokens: {} };
    const model = modelV3({ doGenerate: answer('x', { usage, finishReason: { unified: 'other' } }) });
    expect(await generate(aiSdk(model))).toMatchObject({ usage: {}, finishReason: 'other' });
  });

  test.each([
    ['length', 'length'],
    [undefined, 'other'],
  ])('streams a finish for the reason %s as %s', async (unified, expected) => {
    const finishReason = unified && { unified, raw: unified };
    const sent = parts({ type: 'finish', finishReason, usage: v3Usage });
    const events = await collect(stream(aiSdk(modelV3({ doStream: { stream: sent } }))));
    expect(events.at(-1)).toEqual({ type: 'finish', finishReason: expected });
  });

  test('streams reasoning, text, tool calls and usage, and finishes', async () => {
    const model = modelV3({
      doStream: {
        stream: parts(
          { type: 'stream-start', warnings: [] },
          { type: 'response-metadata', modelId: 'claude-sonnet-4-5' },
          { type: 'reasoning-start', id: 'r' },
          { type: 'reasoning-delta', id: 'r', delta: 'hm' },
          { type: 'reasoning-end', id: 'r', providerMetadata: { x: { signature: 's' } } },
          { type: 'text-start', id: 't' },
          { type: 'text-delta', id: 't', delta: 'one ' },
          { type: 'text-delta', id: 't', delta: 'two' },
          { type: 'text-end', id: 't' },
          { type: 'tool-call', toolCallId: 'c', toolName: 'add', input: '{"a":1}' },
          { type: 'tool-call', toolCallId: 's', toolName: 'search', input: '{}', providerExecuted: true },
          { type: 'future-thing' },
          { type: 'finish', finishReason: { unified: 'tool-calls' }, usage: v3Usage },
        ),
      },
    });
    const usage = {
      inputTokens: 7,
      outputTokens: 5,
      cacheReadTokens: 2,
      cacheWriteTokens: 1,
      totalTokens: 15,
    };
    expect(await collect(stream(aiSdk(model)))).toEqual([
      { type: 'reasoning-delta', text: 'hm' },
      { type: 'text-delta', text: 'one ' },
      { type: 'text-delta', text: 'two' },
      { type: 'tool-call', id: 'c', name: 'add', input: { a: 1 } },
      { type: 'usage', usage },
      { type: 'finish', finishReason: 'tool-calls' },
    ]);
  });

  test('runs tools and sends back what came out, with what the provider attached', async () => {
    const call = {
      content: [
        { type: 'reasoning', text: 'think', providerMetadata: { p: { signature: 's' } } },
        { type: 'tool-call', toolCallId: 'c', toolName: 'add', input: '{"a":1}' },
        { type: 'source', url: 'x' },
      ],
      finishReason: { unified: 'tool-calls' },
      usage: v3Usage,
      warnings: [],
    };
    const model = modelV3({ doGenerate: [call, answer('2')] });
    const add = {
      description: 'Adds one.',
      input: z.object({ a: z.number() }),
      run: ({ a }: { a: number }) => a + 1,
    };
    expect(await generate(aiSdk(model, { tools: { add } }))).toMatchObject({
      output: '2',
      steps: { length: 2 },
    });
    expect(model.doGenerateCalls[0]?.tools).toMatchObject([
      { type: 'function', name: 'add', description: 'Adds one.' },
    ]);
    expect(model.doGenerateCalls[1]?.prompt.slice(1)).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'think', providerOptions: { p: { signature: 's' } } },
          { type: 'tool-call', toolCallId: 'c', toolName: 'add', input: { a: 1 } },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'c', toolName: 'add', output: { type: 'text', value: '2' } },
        ],
      },
    ]);
  });

  test('asks for the output schema as the response format, or in words', async () => {
    const output = z.object({ age: z.number() });
    const model = modelV3({ doGenerate: answer('{"age":1}') });
    await generate(aiSdk(model, { output }));
    await generate(aiSdk(model, { output, structuredOutput: false }), {
      rejected: [{ output: 'x', problem: 'not JSON' }],
    });
    expect(model.doGenerateCalls[0]?.responseFormat).toMatchObject({
      type: 'json',
      schema: { type: 'object' },
    });
    expect(model.doGenerateCalls[1]).not.toHaveProperty('responseFormat');
    expect(model.doGenerateCalls[1]?.prompt.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
    ]);
  });

  test('gives errors of the AI SDK their own class, with what they know', async () => {
    const thrown = Object.assign(new Error('slow down'), {
      name: 'AI_APICallError',
      statusCode: 429,
      responseHeaders: { 'retry-after': '3', 'request-id': 'req_1', 'x-ratelimit-remaining-requests': '0' },
      responseBody: '{"error":{"type":"rate_limit_error","message":"slow down please"}}',
    });
    const told: ProviderResponseInfo[] = [];
    const model = modelV3({
      doGenerate: async () => {
        throw thrown;
      },
      doStream: async () => {
        throw Object.assign(new Error('gone'), { statusCode: 500, responseBody: 'oops' });
      },
    });
    const error = await rejection(generate(aiSdk(model), { onResponse: (info) => told.push(info) }));
    expect(error).toMatchObject({
      code: 'TUTTI_PROVIDER_RATE_LIMITED',
      provider: 'ai-sdk',
      model: 'claude-sonnet-4-5',
      status: 429,
      requestId: 'req_1',
      retryAfterMs: 3_000,
      message: expect.stringContaining('slow down please'),
    });
    expect(error.cause).toBe(thrown);
    expect(told).toMatchObject([{ status: 429, limits: { requests: { remaining: 0 } } }]);
    expect(await rejection(collect(stream(aiSdk(model))))).toMatchObject({
      code: 'TUTTI_PROVIDER_OVERLOADED',
    });
  });

  test.each([
    [
      'a network error',
      Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } }),
      'NETWORK',
    ],
    ['something that is no error', 'nonsense', 'RESPONSE'],
  ])('gives %s its own class', async (_what, thrown, kind) => {
    const model = modelV3({
      doGenerate: async () => {
        throw thrown;
      },
    });
    expect(await rejection(generate(aiSdk(model)))).toMatchObject({ code: `TUTTI_PROVIDER_${kind}` });
  });

  test('fails on an error inside a stream, and on a stream that ends early', async () => {
    const overloaded = { error: { type: 'overloaded_error', message: 'busy' } };
    const broken = modelV3({ doStream: { stream: parts({ type: 'error', error: overloaded }) } });
    const cut = modelV3({ doStream: { stream: parts({ type: 'text-delta', id: 't', delta: 'x' }) } });
    expect(await rejection(collect(stream(aiSdk(broken))))).toMatchObject({
      code: 'TUTTI_PROVIDER_OVERLOADED',
    });
    expect(await rejection(collect(stream(aiSdk(cut))))).toMatchObject({ code: 'TUTTI_PROVIDER_NETWORK' });
  });

  test('cancels the stream when it is left or aborted, also of a model that ignores its signal', async () => {
    let cancelled = 0;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue({ type: 'text-delta', id: 't', delta: 'x' }),
        cancel: () => {
          cancelled += 1;
        },
      });
    const model = modelV3({ doStream: async () => ({ stream: endless() }) });
    for await (const event of stream(aiSdk(model))) if (event.type === 'text-delta') break;
    expect(cancelled).toBe(1);
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _event of stream(aiSdk(model), { signal: controller.signal }))
        controller.abort(new Error('enough'));
    })();
    expect(await rejection(reading)).toMatchObject({ message: 'enough' });
    expect(cancelled).toBe(2);
  });

  test('ends with the reason when it is aborted while it waits', async () => {
    const controller = new AbortController();
    const doGenerate = ({ abortSignal }: { abortSignal: AbortSignal }) =>
      new Promise((_resolve, reject) =>
        abortSignal.addEventListener('abort', () => reject(new Error('AbortError'))),
      );
    const failed = rejection(generate(aiSdk(modelV3({ doGenerate })), { signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect(await failed).toMatchObject({ message: 'enough' });
  });

  test('refuses to answer as another model', async () => {
    const agent = aiSdk(modelV3({ doGenerate: answer('x') }));
    expect(await rejection(generate(agent, { model: 'other' }))).toMatchObject({ field: 'model' });
    expect(await rejection(collect(stream(agent, { model: 'other' })))).toMatchObject({ field: 'model' });
  });

  test.each([['gpt-5'], [undefined], [null], [{ specificationVersion: 'v3' }]])(
    'refuses %j as a model',
    (model) => {
      expect(() => aiSdk(model as never)).toThrow(expect.objectContaining({ field: 'model' }));
    },
  );

  test('refuses a model of a version it does not know, and an option it does not know', () => {
    const model = { specificationVersion: 'v9', doGenerate() {}, doStream() {} };
    expect(() => aiSdk(model as never)).toThrow(/v2, v3 and v4; this one says v9/);
    expect(() => aiSdk(modelV3({}), { instruction: 'x' } as never)).toThrow(/Did you mean "instructions"/);
  });

  test('has nothing to close', async () => {
    await expect(providerOf(aiSdk(modelV3({}))).close?.()).resolves.toBeUndefined();
  });
});

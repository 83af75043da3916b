// Covers: src/providers/ai-sdk/call-options.ts, src/providers/ai-sdk/model-answer.ts, src/providers/ai-sdk/model-stream.ts
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { aiSdk } from '../../src/providers/ai-sdk/ai-sdk.js';
import type { AiSdkModel } from '../../src/providers/ai-sdk/language-model.js';
import { collect, generate, rejection, stream, textOf } from './provider-request.js';

interface Version {
  readonly name: string;
  readonly usage: object;
  readonly reason: (unified: string) => unknown;
}

const nested = {
  usage: {
    inputTokens: { total: 10, noCache: 6, cacheRead: 4, cacheWrite: 0 },
    outputTokens: { total: 5, text: 5, reasoning: 0 },
  },
  reason: (unified: string) => ({ unified, raw: undefined }),
};
const VERSIONS: readonly Version[] = [
  {
    name: 'v2',
    usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 4 },
    reason: (unified) => unified,
  },
  { name: 'v3', ...nested },
  { name: 'v4', ...nested },
];

/** A model of a version that answers with these parts in turn, and keeps what it was asked. */
function modelOf({ name, usage, reason }: Version, ...answers: Array<{ content: object[]; ended: string }>) {
  const asked: Array<{ prompt: object[]; tools?: object[] }> = [];
  const next = (options: object) => {
    asked.push(options as (typeof asked)[number]);
    return answers[asked.length - 1] as (typeof answers)[number];
  };
  const model: AiSdkModel = {
    specificationVersion: name,
    provider: 'local',
    modelId: 'local',
    doGenerate: async (options) => {
      const { content, ended } = next(options);
      return { content, finishReason: reason(ended), usage, warnings: [] };
    },
    doStream: async (options) => {
      const { content, ended } = next(options);
      const chunks = [{ type: 'stream-start', warnings: [] }, ...content];
      const finish = { type: 'finish', finishReason: reason(ended), usage };
      return { stream: streamOf([...chunks, { type: 'ping' }, finish]) };
    },
  };
  return { model, asked };
}

function streamOf(chunks: readonly object[]): ReadableStream<object> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

describe.each(VERSIONS)('a language model of specification $name', (version) => {
  test('answers, with usage', async () => {
    const { model } = modelOf(version, { content: [{ type: 'text', text: 'hi' }], ended: 'stop' });
    expect(await generate(aiSdk(model))).toMatchObject({
      output: 'hi',
      finishReason: 'stop',
      usage: { inputTokens: 6, cacheReadTokens: 4, outputTokens: 5, totalTokens: 15 },
    });
  });

  test('streams', async () => {
    const content = [
      { type: 'text-start', id: '1' },
      { type: 'text-delta', id: '1', delta: 'one ' },
      { type: 'text-delta', id: '1', delta: 'two' },
      { type: 'text-end', id: '1', citations: [] },
    ];
    const { model } = modelOf(version, { content, ended: 'stop' });
    const events = await collect(stream(aiSdk(model)));
    expect(textOf(events)).toBe('one two');
    expect(events).toContainEqual({
      type: 'usage',
      usage: expect.objectContaining({ inputTokens: 6, outputTokens: 5 }),
    });
    expect(events.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop' });
  });

  test('calls tools', async () => {
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 'add', input: '{"a":1,"b":2}' };
    const { model, asked } = modelOf(
      version,
      { content: [call], ended: 'tool-calls' },
      { content: [{ type: 'text', text: '3' }], ended: 'stop' },
    );
    const add = {
      input: z.object({ a: z.number(), b: z.number() }),
      run: ({ a, b }: { a: number; b: number }) => a + b,
    };
    expect(await generate(aiSdk(model, { tools: { add } }))).toMatchObject({ output: '3' });
    expect(asked[0]?.tools).toMatchObject([{ type: 'function', name: 'add' }]);
    expect(asked[1]?.prompt.at(-1)).toMatchObject({
      role: 'tool',
      content: [
        { type: 'tool-result', toolCallId: 'c', toolName: 'add', output: { type: 'text', value: '3' } },
      ],
    });
  });

  test('says that it was cut', async () => {
    const { model } = modelOf(version, { content: [{ type: 'text', text: 'hal' }], ended: 'length' });
    expect(await generate(aiSdk(model))).toMatchObject({ output: 'hal', finishReason: 'length' });
  });

  test.each(['interrupted', 'error'])('fails when it ends with %s', async (ended) => {
    const { model } = modelOf(version, { content: [{ type: 'text', text: 'hal' }], ended });
    expect((await rejection(generate(aiSdk(model)))).code).toMatch(/^TUTTI_PROVIDER_/);
  });
});

describe('a language model of another specification', () => {
  test('is refused, with the ones that are supported', async () => {
    const { model } = modelOf({ ...(VERSIONS[0] as Version), name: 'v1' });
    expect(() => aiSdk(model)).toThrow(
      'aiSdk supports language models of specification v2, v3 and v4; this one says v1.',
    );
  });
});

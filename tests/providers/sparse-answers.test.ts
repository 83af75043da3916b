// Covers: src/providers/openai/openai-usage.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stepFromAnswer } from '../../src/providers/ai-sdk/model-answer.js';
import { ModelStreamReader } from '../../src/providers/ai-sdk/model-stream.js';
import { messageUsage, stepFromMessage } from '../../src/providers/anthropic/messages-answer.js';
import { messagesSchema } from '../../src/providers/anthropic/messages-schema.js';
import { MessageStreamReader } from '../../src/providers/anthropic/messages-stream.js';
import { chatUsage, stepFromChat } from '../../src/providers/openai/chat-answer.js';
import { ChatStreamReader } from '../../src/providers/openai/chat-stream.js';
import { stepFromResponse } from '../../src/providers/openai/responses-answer.js';
import { ResponseStreamReader } from '../../src/providers/openai/responses-stream.js';

// Servers that speak these protocols leave out what they like.
describe('an answer of the Messages API with next to nothing in it', () => {
  test('is an empty step', () => {
    expect(
      stepFromMessage({ content: [{ type: 'text' }, { type: 'tool_use' }, { type: 'new_block' }] }),
    ).toMatchObject({
      text: '',
      toolCalls: [{ id: '', name: '', input: {} }],
      usage: {},
      finishReason: 'other',
    });
    expect(messageUsage({ input_tokens: 3 })).toEqual({ inputTokens: 3 });
    expect(messageUsage({ output_tokens: 3, input_tokens: null })).toEqual({
      outputTokens: 3,
    });
  });

  test('streams into an empty step', () => {
    const reader = new MessageStreamReader();
    const events = [
      { type: 'message_start' },
      { type: 'message_start', message: {} },
      { type: 'content_block_start' },
      { type: 'content_block_delta', index: 9, delta: { type: 'text_delta', text: 'lost' } },
      { type: 'content_block_start', index: 2, content_block: { type: 'text', text: 'early ' } },
      { type: 'content_block_delta', index: 2 },
      ...['text_delta', 'thinking_delta', 'signature_delta', 'input_json_delta', 'new_delta'].map((type) => ({
        type: 'content_block_delta',
        index: 2,
        delta: { type },
      })),
      { type: 'content_block_stop', index: 7 },
      {
        type: 'content_block_start',
        index: 3,
        content_block: { type: 'server_tool_use', name: 'web_search' },
      },
      { type: 'content_block_stop', index: 3 },
      { type: 'message_delta' },
      { type: 'message_stop' },
    ];
    for (const event of events) reader.read(event);
    expect(reader.isComplete).toBe(true);
    expect(reader.step()).toMatchObject({ text: 'early ', toolCalls: [], usage: {}, finishReason: 'other' });
  });
});

describe('an answer of Chat Completions with next to nothing in it', () => {
  test('is an empty step', () => {
    const message = { tool_calls: [{}] };
    expect(stepFromChat({ choices: [{ message }] })).toMatchObject({
      text: '',
      toolCalls: [{ id: 'call_1', name: '', input: {} }],
      usage: {},
      finishReason: 'other',
    });
    expect(stepFromChat({ choices: [], usage: { completion_tokens: 2 } })).toMatchObject({
      usage: { outputTokens: 2 },
    });
    expect(stepFromChat({ choices: [], usage: { prompt_tokens: 2 } }).usage).toMatchObject({
      inputTokens: 2,
    });
  });

  test('streams into a step, with tool calls that have no index and reasoning of either name', () => {
    const reader = new ChatStreamReader();
    const told = [
      {},
      { choices: [{ delta: null }] },
      { choices: [{ delta: { reasoning: 'hm', content: null } }] },
      { choices: [{ delta: { tool_calls: [{ function: { name: 'a' } }] } }] },
      { choices: [{ delta: { tool_calls: [{ id: 'x', function: { name: 'b', arguments: '[1]' } }] } }] },
      { choices: [{ finish_reason: 'tool_calls' }] },
      { choices: [{ finish_reason: 'stop' }] },
    ].flatMap((chunk) => reader.read(chunk) ?? []);
    expect(told).toEqual([
      { type: 'reasoning-delta', text: 'hm' },
      'tool-input',
      'tool-input',
      { type: 'tool-call', id: 'call_1', name: 'a', input: {} },
      { type: 'tool-call', id: 'x', name: 'b', input: [1] },
    ]);
    expect(reader.step()).toMatchObject({ finishReason: 'tool-calls', text: '', usage: {} });
  });
});

describe('cached tokens of a server that speaks the Chat Completions API', () => {
  test.each([
    { prompt_tokens_details: { cached_tokens: 4 } },
    { prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 6 },
    { cached_tokens: 4, prompt_tokens_details: null },
  ])('are read as it reports them: %j', (counts) => {
    const usage = { prompt_tokens: 10, completion_tokens: 1, ...counts };
    expect(chatUsage(usage)).toEqual({
      inputTokens: 6,
      cacheReadTokens: 4,
      outputTokens: 1,
      totalTokens: 11,
    });
  });
});

describe('an answer of the Responses API with next to nothing in it', () => {
  test.each([
    [{ output: [], status: 'incomplete' }, 'other'],
    [{ output: [], status: 'queued' }, 'other'],
    [{ output: [{ type: 'message' }, { type: 'message', content: [{}] }], status: 'completed' }, 'stop'],
    [{ output: [{ type: 'function_call' }], status: 'completed' }, 'tool-calls'],
  ])('%j is a step that ended because of: %s', (answer, finishReason) => {
    expect(stepFromResponse(answer)).toMatchObject({ text: '', usage: {}, finishReason });
  });

  test('streams its failure, whatever tells it', () => {
    const error = { code: 'server_error', message: 'sorry' };
    const failed = new ResponseStreamReader();
    failed.read({ type: 'response.failed', response: { output: [], error } });
    expect(failed.failure).toBe(error);
    const bare = new ResponseStreamReader();
    bare.read({ type: 'response.failed' });
    expect(bare.failure).toEqual({ type: 'response.failed' });
    expect(bare.read({ type: 'response.output_text.delta' })).toEqual({ type: 'text-delta', text: '' });
    expect(bare.read({ type: 'response.reasoning_text.delta' })).toEqual({
      type: 'reasoning-delta',
      text: '',
    });
    expect(bare.read({ type: 'response.output_item.done' })).toBeUndefined();
    expect(bare.isComplete).toBe(false);
  });
});

describe('an answer of an AI SDK model with next to nothing in it', () => {
  test('is an empty step', () => {
    const content = [{ type: 'text' }, { type: 'reasoning' }, { type: 'tool-call' }];
    const step = stepFromAnswer({ content, finishReason: undefined, usage: undefined, modelId: undefined });
    expect(step).toMatchObject({ text: '', usage: {}, finishReason: 'other' });
    expect(step.toolCalls).toEqual([{ id: '', name: '', input: {} }]);
  });

  test.each([
    [{ inputTokens: { noCache: 3, cacheRead: 2 } }, { inputTokens: 3, cacheReadTokens: 2 }],
    [{ outputTokens: { total: 4 } }, { outputTokens: 4 }],
    [{ inputTokens: 4 }, { inputTokens: 4 }],
  ])('counts %j', (usage, expected) => {
    expect(stepFromAnswer({ content: [], finishReason: 'stop', usage, modelId: 'm' }).usage).toEqual(
      expected,
    );
  });

  test.each([
    [{ anthropic: { cacheCreationInputTokens: 300 } }, { cacheReadTokens: 900, cacheWriteTokens: 300 }],
    [{ anthropic: { cacheCreationInputTokens: null } }, { cacheReadTokens: 900 }],
  ])('of version 2 and Anthropic counts cached tokens apart: %j', (providerMetadata, cached) => {
    const usage = { inputTokens: 10, cachedInputTokens: 900, outputTokens: 5 };
    const written = (cached as { cacheWriteTokens?: number }).cacheWriteTokens ?? 0;
    const expected = { inputTokens: 10, outputTokens: 5, totalTokens: 915 + written, ...cached };
    const whole = { content: [], finishReason: 'stop', usage, modelId: 'm', providerMetadata } as const;
    expect(stepFromAnswer(whole).usage).toEqual(expected);
    const reader = new ModelStreamReader();
    reader.read({ type: 'finish', finishReason: 'stop', usage, providerMetadata });
    expect(reader.step().usage).toEqual(expected);
  });

  test('streams into a step', () => {
    const reader = new ModelStreamReader();
    for (const part of [
      { type: 'text-delta' },
      { type: 'text-delta', delta: 'x', providerMetadata: { a: 1 } },
      { type: 'text-end', providerMetadata: { b: 2 } },
      { type: 'reasoning-end', providerMetadata: { c: 3 } },
      { type: 'response-metadata' },
      { type: 'finish' },
    ]) {
      reader.read(part);
    }
    expect(reader.step()).toMatchObject({ text: 'x', finishReason: 'other' });
    expect(reader.step().raw).toEqual([{ type: 'text', text: 'x', providerOptions: { b: 2 } }]);
    const broken = new ModelStreamReader();
    broken.read({ type: 'error' });
    expect(broken.failure).toMatchObject({ message: expect.stringContaining('without saying which') });
  });
});

describe('a stream reader', () => {
  test.each([
    [
      'messages',
      () => new MessageStreamReader(),
      ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta'],
    ],
    [
      'responses',
      () => new ResponseStreamReader(),
      ['response.output_text.delta', 'response.output_item.done', 'response.failed', 'error'],
    ],
  ] as const)('of %s survives events without fields, in any order', (_api, make, types) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom<string>(...types), fc.nat(3))), (events) => {
        const reader = make();
        for (const [type, index] of events) reader.read({ type, index });
      }),
    );
  });
});

describe('messagesSchema', () => {
  test('keeps what the API takes and tells the rest in the description', () => {
    expect(
      messagesSchema({
        type: 'object',
        properties: {
          maximum: { type: 'number', maximum: 5, description: 'A bound.' },
          kind: { oneOf: [{ const: 'a' }, { enum: ['minimum'] }] },
        },
        required: ['maximum'],
      }),
    ).toEqual({
      type: 'object',
      properties: {
        maximum: { type: 'number', description: 'A bound. At most 5.' },
        kind: { anyOf: [{ const: 'a' }, { enum: ['minimum'] }] },
      },
      required: ['maximum'],
      additionalProperties: false,
    });
  });
});

// Covers: src/providers/model/body-parts.ts
import { describe, expect, test } from '@jest/globals';
import { callOptions } from '../../src/providers/ai-sdk/call-options.js';
import { messagesBody } from '../../src/providers/anthropic/messages-body.js';
import type { ModelMessage, ModelToolDefinition } from '../../src/providers/model/model-step.js';
import { chatBody } from '../../src/providers/openai/chat-body.js';
import { responsesBody } from '../../src/providers/openai/responses-body.js';
import { requestFor } from './provider-request.js';

// A conversation that was not had with this provider has no turn in its own form.
const messages: ModelMessage[] = [
  { role: 'user', text: 'add' },
  {
    role: 'assistant',
    text: 'well',
    toolCalls: [
      { id: 'a', name: 'add', input: { x: 1 } },
      { id: 'b', name: 'add', input: 'not json' },
    ],
  },
  {
    role: 'tool',
    results: [
      { id: 'a', name: 'add', output: '2', isError: false },
      { id: 'b', name: 'add', output: 'invalid', isError: true },
    ],
  },
];
const silent: ModelMessage[] = [
  { role: 'assistant', text: '', toolCalls: [{ id: 'a', name: 'add', input: {} }] },
];
const tools: ModelToolDefinition[] = [
  { name: 'add', description: undefined, inputSchema: { type: 'object' } },
];
const request = (params: Record<string, unknown> = {}) => requestFor({ name: 'x', params });
const own = { tools: [{ type: 'web_search' }] };

describe('messagesBody', () => {
  test('says turns of another provider in its own words', () => {
    const body = messagesBody('m', request(own), messages, tools, true, false);
    expect(body.tools).toEqual([{ type: 'web_search' }, { name: 'add', input_schema: { type: 'object' } }]);
    expect(body.messages).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'well' },
          { type: 'tool_use', id: 'a', name: 'add', input: { x: 1 } },
          { type: 'tool_use', id: 'b', input: {} },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result' }, { type: 'tool_result', is_error: true }] },
    ]);
    const [turn] = messagesBody('m', request(), silent, [], true, false).messages as [{ content: unknown[] }];
    expect(turn.content).toHaveLength(1);
  });
});

describe('chatBody', () => {
  test('says turns of another provider in its own words', () => {
    const body = chatBody('m', request(own), messages, tools, true);
    expect(body.tools).toEqual([
      { type: 'web_search' },
      { type: 'function', function: { name: 'add', parameters: { type: 'object' } } },
    ]);
    expect(body.messages).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: 'well',
        tool_calls: [{ function: { arguments: '{"x":1}' } }, { function: { arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'a' },
      { role: 'tool', tool_call_id: 'b' },
    ]);
    expect(chatBody('m', request(), silent, [], true).messages).toMatchObject([{ content: null }]);
  });
});

describe('responsesBody', () => {
  test('says turns of another provider in its own words', () => {
    const body = responsesBody('m', request(own), messages, tools, true);
    expect(body.tools).toMatchObject([
      { type: 'web_search' },
      { type: 'function', name: 'add', strict: false },
    ]);
    expect(body.input).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'well' },
      { type: 'function_call', arguments: '{"x":1}' },
      { type: 'function_call', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a' },
      { type: 'function_call_output', call_id: 'b' },
    ]);
    expect(responsesBody('m', request(), silent, [], true).input).toHaveLength(1);
  });
});

describe('callOptions', () => {
  test('says turns of another provider in its own words', () => {
    const { signal } = new AbortController();
    const options = callOptions(request(), { messages, tools, signal }, signal, true);
    expect(options.tools).toEqual([{ type: 'function', name: 'add', inputSchema: { type: 'object' } }]);
    expect(options.prompt).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [{ type: 'text' }, { type: 'tool-call', input: { x: 1 } }, { type: 'tool-call' }],
      },
      { role: 'tool', content: [{ output: { type: 'text' } }, { output: { type: 'error-text' } }] },
    ]);
    const quiet = callOptions(request(), { messages: silent, tools: [], signal }, signal, true);
    expect(quiet.prompt).toMatchObject([{ content: [{ type: 'tool-call' }] }]);
  });

  test('leaves out parameters that are undefined', () => {
    const { signal } = new AbortController();
    const options = callOptions(
      request({ seed: undefined, topP: 1 }),
      { messages, tools: [], signal },
      signal,
      true,
    );
    expect(options).not.toHaveProperty('seed');
    expect(options).toHaveProperty('topP', 1);
  });
});

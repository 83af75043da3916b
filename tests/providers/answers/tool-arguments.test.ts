// Covers: src/providers/model/tool-input.ts, src/providers/openai/chat-calls.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { AsyncOrchestrator } from '../../../src/index.js';
import { objectInput, objectText, parseToolInput } from '../../../src/providers/model/tool-input.js';
import { ChatCalls } from '../../../src/providers/openai/chat-calls.js';
import { PROTOCOLS, sendJson, WireServer } from './wire-server.js';

let server: WireServer;
beforeEach(async () => {
  server = new WireServer();
  await server.listen();
});
afterEach(() => server.close());

/** What a strict server finds wrong with the tool calls in the history: it parses them, as vLLM and Anthropic do. */
function faultIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { arguments: text, type, input } = value as Record<string, unknown>;
  const parsed = typeof text === 'string' ? tryParse(text) : text;
  if ('arguments' in value && !isObject(parsed)) return `arguments ${JSON.stringify(text)}`;
  if (type === 'tool_use' && !isObject(input)) return `input ${JSON.stringify(input)}`;
  if (type === 'text' && (value as { text?: string }).text?.trim() === '')
    return 'text content blocks must be non-empty';
  for (const inner of Object.values(value)) {
    const fault = faultIn(inner);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const tryParse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

describe.each(PROTOCOLS)('%s', (name, protocol) => {
  describe.each([false, true])('streamed: %s', (isStreamed) => {
    test.each([
      ['an empty string', '', true],
      ['white space', '  ', true],
      ['null', null, true],
      ['"null"', 'null', true],
      ['an object', { city: 'Graz' }, true],
      ['JSON', '{"city":"Graz"}', true],
      ['JSON in JSON', '"{\\"city\\":\\"Graz\\"}"', true],
      ['broken JSON', '{"city": "Gra', false],
      ['a list', '[1]', false],
      ['plain text', 'Graz', false],
    ])('arguments written as %s go back into the history as an object', async (_how, args, isValid) => {
      server.answer = (response, body) => {
        const isSecond = JSON.stringify(body).includes('x1');
        const { messages: history, input } = body;
        const fault = faultIn(history) ?? faultIn(input);
        if (fault !== undefined) sendJson(response, { error: { message: fault } }, 400);
        else if (isSecond) protocol.send(response, { text: 'done', reason: 'stop' }, isStreamed);
        else
          protocol.send(
            response,
            { args, reason: name === 'Messages' ? 'tool_use' : name === 'Responses' ? 'stop' : 'tool_calls' },
            isStreamed,
          );
      };
      const inputs: unknown[] = [];
      const tools = {
        now: {
          description: 'n',
          input: z.object({ city: z.string().optional() }),
          run: (input: unknown) => {
            inputs.push(input);
            return '12:00';
          },
        },
      };
      await using orchestrator = new AsyncOrchestrator({
        agents: { a: protocol.agent(server.url, { tools }) },
      });
      const call = isStreamed ? orchestrator.stream('a', 'x').result : orchestrator.execute('a', 'x');
      expect(await call).toMatchObject({ output: 'done' });
      expect(inputs).toHaveLength(isValid ? 1 : 0);
    });
  });
});

describe('ChatCalls', () => {
  const read = (parts: Parameters<ChatCalls['add']>[0][]) => {
    const calls = new ChatCalls();
    for (const part of parts) calls.add(part);
    return calls.all.map(({ id, function: called }) => [id, called?.name, called?.arguments]);
  };
  const piece = (
    index: number | undefined,
    id: string | undefined,
    name: string | undefined,
    args?: unknown,
  ) => ({
    index,
    id,
    function: { name, arguments: args },
  });

  test.each([
    [
      'pieces by index',
      [
        piece(0, 'a', 'f', '{"n"'),
        piece(1, 'b', 'g', '{"m"'),
        piece(0, undefined, undefined, ':1}'),
        piece(1, undefined, undefined, ':2}'),
      ],
    ],
    ['one index for all, with ids', [piece(0, 'a', 'f', '{"n":1}'), piece(0, 'b', 'g', '{"m":2}')]],
    [
      'one index for all, in pieces',
      [
        piece(0, 'a', 'f', '{"n"'),
        piece(0, undefined, undefined, ':1}'),
        piece(0, 'b', 'g', '{"m"'),
        piece(0, undefined, undefined, ':2}'),
      ],
    ],
    [
      'the id in every piece',
      [piece(0, 'a', 'f', '{"n"'), piece(0, 'a', 'f', ':1}'), piece(0, 'b', 'g', '{"m":2}')],
    ],
    ['no index, whole', [piece(undefined, 'a', 'f', '{"n":1}'), piece(undefined, 'b', 'g', '{"m":2}')]],
    [
      'no index, in pieces',
      [
        piece(undefined, 'a', 'f', '{"n"'),
        piece(undefined, undefined, undefined, ':1}'),
        piece(undefined, 'b', 'g', '{"m":2}'),
      ],
    ],
    ['a far index', [piece(0, 'a', 'f', '{"n":1}'), piece(4_294_967_000, 'b', 'g', '{"m":2}')]],
  ])('puts %s together', (_how, parts) => {
    expect(read(parts)).toEqual([
      ['a', 'f', '{"n":1}'],
      ['b', 'g', '{"m":2}'],
    ]);
  });

  test('tells calls without ids under one index apart', () => {
    const parts = [piece(0, undefined, 'f', '{"n":1}'), piece(0, undefined, 'f', '{"n":2}')];
    expect(read(parts)).toEqual([
      ['', 'f', '{"n":1}'],
      ['', 'f', '{"n":2}'],
    ]);
  });

  test('keeps fields that go back with a call', () => {
    const calls = new ChatCalls();
    calls.add({
      ...piece(0, 'a', 'f', '{}'),
      extra_content: { google: { thought_signature: 'S' } },
    } as never);
    expect(calls.all[0]).toMatchObject({ extra_content: { google: { thought_signature: 'S' } } });
  });
});

test('an input is parsed, and an object in the history', () => {
  expect(parseToolInput('"x"')).toBe('x');
  expect(objectInput('{"a":1}')).toEqual({ a: 1 });
  expect(objectInput(undefined)).toEqual({});
  expect(objectText('{ "a": 1 }')).toBe('{ "a": 1 }');
  expect(objectText('[1]')).toBe('{}');
  expect(objectText({ a: 1 })).toBe('{"a":1}');
});

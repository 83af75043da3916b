// Covers: src/providers/model/conversation-turns.ts, src/providers/model/file-content.ts
// Covers: src/providers/anthropic/file-tokens.ts, src/providers/openai/file-tokens.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { ContentFile, ImageSize, Message, TaskContent } from '../../src/contracts/task-content.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { aiSdk } from '../../src/providers/ai-sdk/ai-sdk.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { jpeg, pdf, png } from '../content/sample-files.js';
import { rejection } from './provider-request.js';

let server: ModelServer;
const opened: AsyncOrchestrator[] = [];

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close({ drainMs: 0 });
  await server.close();
});

const tools = {
  add: {
    description: 'Adds.',
    input: z.object({ a: z.number(), b: z.number() }),
    run: ({ a, b }: { a: number; b: number }) => a + b,
  },
};
const agents = {
  anthropic: () =>
    anthropic({
      model: 'claude-sonnet-4-5',
      apiKey: 'k',
      baseURL: server.url,
      tools,
      promptCache: false,
    }),
  chat: () => openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, tools }),
  responses: () =>
    openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, api: 'responses', tools }),
};
type Api = keyof typeof agents;
const APIS = Object.keys(agents) as Api[];

function open(agent: AgentDefinition, options: object = {}): AsyncOrchestrator {
  const orchestrator = new AsyncOrchestrator({ agents: { agent }, ...options }) as AsyncOrchestrator;
  opened.push(orchestrator);
  return orchestrator;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const notes = { data: Buffer.from('\uFEFFmilk, eggs'), mediaType: 'text/plain', name: 'notes.txt' };
const task: TaskContent = {
  messages: [
    { role: 'user', content: [{ type: 'file', file: { data: png(2, 2), mediaType: 'image/png' } }] },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I add.' },
        { type: 'tool-call', id: 't1', name: 'add', input: { a: 1, b: 2 } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'go on' },
        { type: 'tool-result', id: 't1', output: '3' },
      ],
    },
    { role: 'assistant', content: 'Three.' },
  ],
  files: [{ data: pdf(2), mediaType: 'application/pdf', name: 'paper.pdf' }, notes],
  text: 'and these?',
};

const EXPECTED: Readonly<Record<Api, unknown>> = {
  anthropic: [
    {
      role: 'user',
      content: [
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64(png(2, 2)) } },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I add.' },
        { type: 'tool_use', id: 't1', name: 'add', input: { a: 1, b: 2 } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 't1', content: '3' },
        { type: 'text', text: 'go on' },
      ],
    },
    { role: 'assistant', content: 'Three.' },
    {
      role: 'user',
      content: [
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: base64(pdf(2)) },
          title: 'paper.pdf',
        },
        {
          type: 'document',
          source: { type: 'text', media_type: 'text/plain', data: 'milk, eggs' },
          title: 'notes.txt',
        },
        { type: 'text', text: 'and these?' },
      ],
    },
  ],
  chat: [
    {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${base64(png(2, 2))}` } }],
    },
    {
      role: 'assistant',
      content: 'I add.',
      tool_calls: [{ id: 't1', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":2}' } }],
    },
    { role: 'tool', tool_call_id: 't1', content: '3' },
    { role: 'user', content: [{ type: 'text', text: 'go on' }] },
    { role: 'assistant', content: 'Three.' },
    {
      role: 'user',
      content: [
        {
          type: 'file',
          file: { filename: 'paper.pdf', file_data: `data:application/pdf;base64,${base64(pdf(2))}` },
        },
        { type: 'text', text: 'File notes.txt:\n\nmilk, eggs' },
        { type: 'text', text: 'and these?' },
      ],
    },
  ],
  responses: [
    {
      role: 'user',
      content: [
        { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${base64(png(2, 2))}` },
      ],
    },
    { role: 'assistant', content: 'I add.' },
    { type: 'function_call', call_id: 't1', name: 'add', arguments: '{"a":1,"b":2}' },
    { type: 'function_call_output', call_id: 't1', output: '3' },
    { role: 'user', content: [{ type: 'input_text', text: 'go on' }] },
    { role: 'assistant', content: 'Three.' },
    {
      role: 'user',
      content: [
        {
          type: 'input_file',
          filename: 'paper.pdf',
          file_data: `data:application/pdf;base64,${base64(pdf(2))}`,
        },
        { type: 'input_text', text: 'File notes.txt:\n\nmilk, eggs' },
        { type: 'input_text', text: 'and these?' },
      ],
    },
  ],
};

const sent = (index: number): unknown => {
  const body = server.requests[index]?.body ?? {};
  return body.messages ?? body.input;
};

describe.each(APIS)('%s', (api) => {
  test.each(['whole', 'streamed'])(
    'sends a conversation with an image, a PDF and text in its own form, %s',
    async (how) => {
      const orchestrator = open(agents[api]());
      server.script({ text: 'done' });
      const result = await (how === 'whole'
        ? orchestrator.execute('agent', task)
        : orchestrator.stream('agent', task).result);
      expect(result).toMatchObject({ success: true, output: 'done' });
      expect(sent(0)).toEqual(EXPECTED[api]);
    },
  );

  test('goes through five turns with tools by appending the turns of each result', async () => {
    const orchestrator = open(agents[api]());
    const messages: Message[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const usesTool = turn % 2 === 1;
      const toolCalls = [{ id: `call_${turn}`, name: 'add', input: { a: turn, b: 1 } }];
      server.script([...(usesTool ? [{ text: '', toolCalls }] : []), { text: `answer ${turn}` }]);
      const files = turn === 2 ? [{ data: jpeg(3, 3), mediaType: 'image/jpeg' }] : [];
      const result = await orchestrator.execute('agent', { messages, text: `question ${turn}`, files });
      expect(result.output).toBe(`answer ${turn}`);
      messages.push(...(result.messages ?? []));
    }
    // Two turns each, and two more of each of the two tools.
    expect(messages).toHaveLength(14);
    expect(JSON.stringify(sent(server.requests.length - 1))).toContain(base64(jpeg(3, 3)));
  });

  test('refuses an image that no model takes before anything is sent', async () => {
    const orchestrator = open(agents[api]());
    const drawing = { data: Buffer.from('<svg/>'), mediaType: 'image/svg+xml' };
    const outcome = rejection(orchestrator.execute('agent', { text: 'what?', files: [drawing] }));
    expect(await outcome).toMatchObject({
      code: 'TUTTI_INVALID_ARGUMENT',
      field: 'task.files[0]',
      message: expect.stringContaining(
        'takes files of the types image/png, image/jpeg, image/gif, image/webp',
      ),
    });
    expect(server.requests).toEqual([]);
  });

  test('answers from the cache until a byte of its file changes', async () => {
    const orchestrator = open(agents[api](), { cache: true });
    const ask = (salt: number) =>
      orchestrator.execute('agent', {
        text: 'what?',
        files: [{ data: png(1, 1, salt), mediaType: 'image/png' }],
      });
    expect((await ask(0)).cached).toBe(false);
    expect((await ask(0)).cached).toBe('memory');
    expect((await ask(1)).cached).toBe(false);
    expect(server.requests).toHaveLength(2);
  });

  test('has what a service rejects as an error of its request', async () => {
    const orchestrator = open(agents[api](), { maxRetries: 2 });
    const fake = { data: Buffer.from('no image'), mediaType: 'image/png' };
    const outcome = rejection(orchestrator.execute('agent', { text: 'what?', files: [fake] }));
    expect(await outcome).toMatchObject({ code: 'TUTTI_PROVIDER_REQUEST', status: 400 });
    expect(server.requests).toHaveLength(1);
  });
});

describe('an AI SDK model', () => {
  const asked: Array<{ prompt: unknown }> = [];
  const model = {
    specificationVersion: 'v3',
    provider: 'tests',
    modelId: 'm',
    supportedUrls: {},
    doGenerate: async (options: { prompt: unknown }) => {
      asked.push(options);
      return { content: [{ type: 'text', text: 'ok' }], finishReason: 'stop', usage: {}, warnings: [] };
    },
    doStream: async () => ({}),
  };

  test('receives conversations and files in the parts of its interface', async () => {
    const orchestrator = open(aiSdk(model));
    const song = { data: Buffer.of(1, 2, 3), mediaType: 'audio/mpeg', name: 'song.mp3' };
    await orchestrator.execute('agent', { ...(task as object), files: [song, notes] });
    expect(asked[0]?.prompt).toEqual([
      {
        role: 'user',
        content: [{ type: 'file', mediaType: 'image/png', data: png(2, 2), filename: 'file' }],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I add.' },
          { type: 'tool-call', toolCallId: 't1', toolName: 'add', input: { a: 1, b: 2 } },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 't1', toolName: 'add', output: { type: 'text', value: '3' } },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: 'go on' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Three.' }] },
      {
        role: 'user',
        content: [
          { type: 'file', mediaType: 'audio/mpeg', data: Buffer.of(1, 2, 3), filename: 'song.mp3' },
          { type: 'text', text: 'File notes.txt:\n\nmilk, eggs' },
          { type: 'text', text: 'and these?' },
        ],
      },
    ]);
  });
});

describe('the tokens', () => {
  const file = (kind: ContentFile['kind'], more: Partial<ContentFile>): ContentFile => ({
    ...{ kind, mediaType: 'x/y', name: 'f', bytes: new Uint8Array(1), digest: '0' },
    ...more,
  });
  const image = (widthPx: number, heightPx: number) =>
    file('image', { sizePx: { widthPx, heightPx } satisfies ImageSize });
  const ofAnthropic = (given: ContentFile) =>
    agents.anthropic().provider?.fileTokens?.('claude-sonnet-4-5', given);
  const ofOpenAI = (model: string | undefined, given: ContentFile) =>
    agents.chat().provider?.fileTokens?.(model, given);

  test('of an image are counted by its area, up to a limit', () => {
    expect(ofAnthropic(image(200, 200))).toBe(54);
    expect(ofAnthropic(image(1000, 1000))).toBe(1_334);
    expect(ofAnthropic(image(8000, 8000))).toBe(1_600);
    expect(ofAnthropic(image(3136, 100))).toBe(Math.ceil((1568 * 50) / 750));
    expect(ofAnthropic(file('image', {}))).toBe(1_600);
  });

  test.each([
    ['gpt-4o', 1024, 1024, 765],
    ['gpt-4o', 2048, 4096, 1_105],
    ['gpt-4o', 512, 512, 255],
    ['gpt-4o-mini', 1024, 1024, 25_501],
    ['o3', 512, 512, 225],
    ['gpt-5.1', 512, 512, 210],
    ['gpt-4.1-mini', 1024, 1024, Math.ceil(1_024 * 1.62)],
    ['gpt-5-nano', 4096, 4096, Math.ceil(1_536 * 2.46)],
    ['o4-mini', 32, 32, 2],
    [undefined, 512, 512, 255],
  ])(
    'of an image are counted in patches or tiles, by the model and its size: %s, %i × %i',
    (model, width, height, tokens) => {
      expect(ofOpenAI(model, image(width, height))).toBe(tokens);
    },
  );

  test('of a PDF are counted by its pages', () => {
    expect(ofAnthropic(file('pdf', { pages: 4 }))).toBe(12_000);
    expect(ofOpenAI('gpt-4o', file('pdf', { pages: 4 }))).toBe(4 * (1_000 + 85 + 8 * 170));
  });

  test('reserves tokens for files by the provider’s own rule', async () => {
    // What the budget refuses says what was needed: the instructions and the task are a few bytes.
    const needed = async (files: TaskContent) => {
      const orchestrator = open(agents.anthropic(), { budget: { tokens: 10 } });
      const error = await rejection(orchestrator.execute('agent', files, { params: { maxTokens: 1 } }));
      expect(error).toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED' });
      return Number(error.needed);
    };
    const data = png(1000, 1000);
    const text = 'x'.repeat(3_500);
    expect(await needed({ text })).toBe(1_001);
    expect(await needed({ text, files: [{ data, mediaType: 'image/png' }] })).toBe(1_001 + 1_334);
    expect(await needed({ text, files: [{ data: pdf(3), mediaType: 'application/pdf' }] })).toBe(
      1_001 + 9_000,
    );
    expect(await needed({ text: 'y', files: [{ data: Buffer.from(text), mediaType: 'text/plain' }] })).toBe(
      1_002,
    );
    expect(server.requests).toEqual([]);
  });
});

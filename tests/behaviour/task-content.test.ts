// Covers: src/calls/prepare-call.ts, src/calls/turns.ts, src/content/accepted-content.ts, src/calls/attempts/attempt-context.ts
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import { defineAgent } from '../../src/agents/define-agent.js';
import type { AgentContext } from '../../src/contracts/agent.js';
import type { AcceptedContent, Provider, ProviderRequest } from '../../src/contracts/provider.js';
import type { Message, TaskContent } from '../../src/contracts/task-content.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { pdf, png } from '../content/sample-files.js';
import { rejection } from './scripted-agents.js';

let folder: string;
let server: Server;
let failures = 0;
let downloads = 0;
const opened: AsyncOrchestrator<AgentsInput>[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-task-content-'));
  server = createServer((_request, response) => {
    downloads += 1;
    if (failures-- > 0) response.writeHead(503).end();
    else response.end(png());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close({ drainMs: 0 });
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function open(
  agents: AgentsInput,
  options: AsyncOrchestratorOptions<AgentsInput> = {},
): AsyncOrchestrator<AgentsInput> {
  const orchestrator = new AsyncOrchestrator<AgentsInput>({
    agents,
    retry: { minDelayMs: 1, jitter: 'none' },
    ...options,
  });
  opened.push(orchestrator);
  return orchestrator;
}

async function write(name: string, bytes: string | Uint8Array): Promise<{ path: string }> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { path };
}

/** A provider that takes what it says, and keeps its requests. */
class Taking implements Provider {
  readonly specificationVersion = 1;
  readonly name = 'taking';
  readonly requests: ProviderRequest[] = [];
  readonly accepts: AcceptedContent | undefined;

  constructor(accepts: AcceptedContent | undefined) {
    this.accepts = accepts;
  }

  async generate(request: ProviderRequest) {
    this.requests.push(request);
    return { output: `answer ${this.requests.length}` };
  }
}

const EVERYTHING: AcceptedContent = { conversations: true, files: ['*'] };
const picture = { data: png(), mediaType: 'image/png' };
const history: Message[] = [
  { role: 'user', content: 'hello' },
  { role: 'assistant', content: 'hi' },
];

describe('a function agent', () => {
  const seen: Array<{ text: string; input: AgentContext['input'] }> = [];
  const spy = (text: string, { input }: AgentContext): string => {
    seen.push({ text, input });
    return `${text}!`;
  };
  afterEach(() => void seen.splice(0));

  test('gets the text as its first argument and all of the task in context.input', async () => {
    const orchestrator = open({ spy });
    await orchestrator.execute('spy', 'plain');
    await orchestrator.execute('spy', {
      text: 'what?',
      messages: history,
      files: [picture, { path: 'not-there' }],
    });
    expect(seen).toEqual([
      { text: 'plain', input: { text: 'plain', messages: [], files: [] } },
      {
        text: 'what?',
        input: { text: 'what?', messages: history, files: [picture, { path: 'not-there' }] },
      },
    ]);
  });

  test('gets what was accepted, whatever its caller does to the conversation meanwhile', async () => {
    const orchestrator = open({ spy }, { maxConcurrent: 1 });
    const messages = [...history];
    const call = orchestrator.execute('spy', { messages, text: 'now' });
    messages.push({ role: 'user', content: 'later' });
    await call;
    expect(seen[0]?.input.messages).toEqual(history);
  });

  test('leads a conversation by appending the turns of each result', async () => {
    const orchestrator = open({ spy });
    const messages: Message[] = [];
    for (const text of ['one', 'two', 'three']) {
      const result = await orchestrator.execute('spy', { messages, text });
      messages.push(...(result.messages ?? []));
    }
    expect(messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      ...['user: one', 'assistant: one!', 'user: two', 'assistant: two!', 'user: three', 'assistant: three!'],
    ]);
    expect(seen[2]?.input.messages).toEqual(messages.slice(0, 4));
  });
});

describe('the turns of a result', () => {
  const steps = [
    {
      text: 'let me see',
      toolCalls: [
        { id: 'a', name: 'add', input: { x: 1 }, output: '2', isError: false },
        { id: 'b', name: 'add', input: {}, output: 'Error: no', isError: true },
      ],
      usage: {},
      finishReason: 'tool-calls' as const,
    },
    {
      text: '',
      toolCalls: [{ id: 'c', name: 'add', input: {} }],
      usage: {},
      finishReason: 'tool-calls' as const,
    },
  ];

  test('hold the user’s turn with its files, the tools and the answer, and fit the next task', async () => {
    const orchestrator = open({ agent: () => ({ output: 'done', steps }) });
    const { messages = [] } = await orchestrator.execute('agent', { text: 'go', files: [picture] });
    expect(messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'file', file: picture },
          { type: 'text', text: 'go' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'let me see' },
          { type: 'tool-call', id: 'a', name: 'add', input: { x: 1 } },
          { type: 'tool-call', id: 'b', name: 'add', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool-result', id: 'a', output: '2' },
          { type: 'tool-result', id: 'b', output: 'Error: no', isError: true },
        ],
      },
      { role: 'assistant', content: 'done' },
    ]);
    await expect(orchestrator.execute('agent', { messages, text: 'on' })).resolves.toMatchObject({
      output: 'done',
    });
  });

  test('are the same on a hit, in a run, of a stream and for each that shares a call', async () => {
    const orchestrator = open({ agent: async () => 'yes' }, { cache: true });
    const task: TaskContent = { text: 'again?', messages: history };
    const turns = [
      { role: 'user', content: 'again?' },
      { role: 'assistant', content: 'yes' },
    ];
    const [first, shared] = await Promise.all([
      orchestrator.execute('agent', task),
      orchestrator.execute('agent', task),
    ]);
    expect([first.messages, shared.messages]).toEqual([turns, turns]);
    expect(shared.cached).toBe('shared');
    expect(await orchestrator.execute('agent', task)).toMatchObject({ cached: 'memory', messages: turns });
    expect(await orchestrator.stream('agent', task).result).toMatchObject({ messages: turns });
    expect(await orchestrator.executeMultiple([['agent', task]])).toMatchObject([{ messages: turns }]);
    for await (const outcome of orchestrator.executeEach([{ agent: 'agent', task }])) {
      expect(outcome).toMatchObject({ index: 0, messages: turns });
    }
  });

  test('are left out where a function answers a string, and where nothing was answered there is no turn', async () => {
    const orchestrator = open({ shout: (text) => text.toUpperCase(), silent: () => '' });
    expect(await orchestrator.execute('shout', 'a')).not.toHaveProperty('messages');
    const { messages } = await orchestrator.execute('silent', { text: 'a' });
    expect(messages).toEqual([{ role: 'user', content: 'a' }]);
  });

  test('are there for a string too if a provider answers', async () => {
    const orchestrator = open([defineAgent({ name: 'agent', provider: new Taking(undefined) })]);
    const { messages } = await orchestrator.execute('agent', 'hello');
    expect(messages).toEqual([
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'answer 1' },
    ]);
  });
});

describe('a provider', () => {
  test('receives every turn with the bytes of its files, which are read once for all attempts', async () => {
    const provider = new Taking(EVERYTHING);
    const asked: ProviderRequest[] = [];
    const generate = provider.generate.bind(provider);
    provider.generate = async (request) => {
      asked.push(request);
      if (asked.length < 3) throw Object.assign(new Error('busy'), { status: 503 });
      return await generate(request);
    };
    const orchestrator = open([defineAgent({ name: 'agent', provider })]);
    const file = await write('once.pdf', pdf(2));
    const call = orchestrator.execute('agent', { messages: history, text: 'what?', files: [file] });
    const result = await call;
    expect(result).toMatchObject({ output: 'answer 1', attempts: 3 });
    const loaded = { kind: 'pdf', mediaType: 'application/pdf', name: 'once.pdf', pages: 2, ...file };
    expect(provider.requests[0]).toMatchObject({
      task: 'what?',
      messages: [...history, { role: 'user', content: [{ file: loaded }, { type: 'text', text: 'what?' }] }],
    });
    const bytes = asked.map(
      ({ messages = [] }) => (messages[2]?.content[0] as { file: object } | undefined)?.file,
    );
    expect(new Set(bytes).size).toBe(1);
  });

  test('receives a task of text alone as it would receive the string', async () => {
    const provider = new Taking(undefined);
    const orchestrator = open([defineAgent({ name: 'agent', provider })]);
    await orchestrator.execute('agent', { text: 'hello' });
    expect(provider.requests[0]).toMatchObject({ task: 'hello', messages: undefined });
  });

  test.each([
    [
      'a conversation',
      undefined,
      { messages: history, text: 'a' },
      'task.messages',
      /takes one text and no conversation/,
    ],
    [
      'files',
      { conversations: true },
      { files: [picture] },
      'task.files[0]',
      /takes no files; got image\/png \(33 bytes\)/,
    ],
    [
      'files of a type',
      { files: ['image/jpeg', 'text/*'] },
      { files: [{ data: Buffer.from('{}'), mediaType: 'application/json' }, picture] },
      'task.files[1]',
      /takes files of the types image\/jpeg, text\/\*; got image\/png/,
    ],
  ] as const)(
    'that does not take %s says so before anything is sent',
    async (_what, accepts, task, field, message) => {
      const provider = new Taking(accepts);
      const orchestrator = open([defineAgent({ name: 'agent', provider, maxConcurrent: 1 })]);
      const outcome = await rejection(orchestrator.execute('agent', task as TaskContent));
      expect(outcome).toMatchObject({
        code: 'TUTTI_INVALID_ARGUMENT',
        field,
        message: expect.stringMatching(message),
      });
      expect(provider.requests).toEqual([]);
      expect(orchestrator.stats()).toMatchObject({ attempts: 0, failed: 1 });
    },
  );

  test('that answers in place of another one is asked only what it takes', async () => {
    const broken = async () => {
      throw Object.assign(new Error('busy'), { status: 503 });
    };
    const provider = new Taking(undefined);
    const orchestrator = open([
      defineAgent({ name: 'agent', run: broken, maxRetries: 0, fallbacks: ['other'] }),
      defineAgent({ name: 'other', provider }),
    ]);
    const outcome = rejection(orchestrator.execute('agent', { files: [picture] }));
    expect(await outcome).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field: 'task.files[0]' });
    expect(provider.requests).toEqual([]);
  });

  test('is not asked about a file that cannot be read', async () => {
    const provider = new Taking(EVERYTHING);
    const orchestrator = open([defineAgent({ name: 'agent', provider })]);
    const outcome = rejection(orchestrator.execute('agent', { files: [{ path: join(folder, 'none.png') }] }));
    expect(await outcome).toMatchObject({ field: 'task.files[0].path' });
    expect(provider.requests).toEqual([]);
  });
});

describe('a file that has to be downloaded', () => {
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/photo.png`;

  test('is tried again as often as an attempt is, and counts as none', async () => {
    const provider = new Taking(EVERYTHING);
    const orchestrator = open([defineAgent({ name: 'agent', provider })], { maxRetries: 2 });
    [failures, downloads] = [2, 0];
    const result = await orchestrator.execute('agent', { files: [{ url: url() }] });
    expect(result).toMatchObject({ output: 'answer 1', attempts: 1 });
    expect(downloads).toBe(3);
    failures = 3;
    const outcome = await rejection(orchestrator.execute('agent', { files: [{ url: url() }] }));
    expect(outcome).toMatchObject({ code: 'TUTTI_RETRIES_EXHAUSTED', attempts: 3 });
    failures = 0;
    expect(provider.requests).toHaveLength(1);
  });

  test('can be cancelled while it is read', async () => {
    const provider = new Taking(EVERYTHING);
    const orchestrator = open([defineAgent({ name: 'agent', provider })]);
    const controller = new AbortController();
    const call = orchestrator.execute('agent', { files: [{ url: url() }] }, { signal: controller.signal });
    setImmediate(() => controller.abort());
    expect(await rejection(call)).toMatchObject({ code: 'TUTTI_CANCELLED' });
    expect(provider.requests).toEqual([]);
  });
});

describe('the cache', () => {
  const counting = () => {
    let runs = 0;
    return () => `run ${++runs}`;
  };

  test('knows a file by its bytes: a renamed one hits, a changed byte misses', async () => {
    const orchestrator = open({ agent: counting() }, { cache: true });
    const ask = async (path: string) =>
      (await orchestrator.execute('agent', { text: 'what?', files: [{ path }] })).output;
    const { path } = await write('before.png', png(1, 1, 7));
    expect(await ask(path)).toBe('run 1');
    const renamed = join(folder, 'after.jpg');
    await rename(path, renamed);
    expect(await ask(renamed)).toBe('run 1');
    const same = { data: png(1, 1, 7), mediaType: 'image/png' };
    expect((await orchestrator.execute('agent', { text: 'what?', files: [same] })).output).toBe('run 1');
    await writeFile(renamed, png(1, 1, 8));
    expect(await ask(renamed)).toBe('run 2');
  });

  test.each([
    ['another turn before', { messages: [{ role: 'user', content: 'hallo' }], text: 'a' }],
    ['a turn less', { text: 'a' }],
    ['another role', { messages: [{ role: 'assistant', content: 'hello' }], text: 'a' }],
    ['a file', { messages: [{ role: 'user', content: 'hello' }], text: 'a', files: [picture] }],
  ] as ReadonlyArray<[string, TaskContent]>)('misses with %s', async (_what, other) => {
    const orchestrator = open({ agent: counting() }, { cache: true });
    const task: TaskContent = { messages: [{ role: 'user', content: 'hello' }], text: 'a' };
    expect((await orchestrator.execute('agent', task)).output).toBe('run 1');
    expect((await orchestrator.execute('agent', other)).output).toBe('run 2');
    expect((await orchestrator.execute('agent', task)).cached).toBe('memory');
  });

  test('takes a task of text alone for its string', async () => {
    const orchestrator = open({ agent: counting() }, { cache: true });
    await orchestrator.execute('agent', 'a');
    expect(await orchestrator.execute('agent', { text: 'a' })).toMatchObject({
      cached: 'memory',
      output: 'run 1',
    });
    expect(await orchestrator.execute('agent', { messages: [{ role: 'user', content: 'a' }] })).toMatchObject(
      {
        cached: 'memory',
      },
    );
  });

  test('gives what is stored under the request of a task with files', async () => {
    const { ResponseCache } = await import('../../src/cache/response-cache.js');
    const cache = new ResponseCache();
    const orchestrator = open({ agent: counting() }, { cache });
    const file = await write('stored.txt', 'stored');
    const task: TaskContent = { text: 'what?', files: [file] };
    await orchestrator.execute('agent', task);
    expect(await cache.get(orchestrator.cacheRequest('agent', task))).toMatchObject({ output: 'run 1' });
    await writeFile(file.path, 'changed');
    expect(await cache.get(orchestrator.cacheRequest('agent', task))).toBeUndefined();
    await cache.close();
  });
});

describe('limits', () => {
  test('count all texts of a task, and the bytes of each file', async () => {
    const orchestrator = open({ agent: () => 'ok' }, { maxTaskChars: 10, maxFileBytes: 33 });
    const fits: TaskContent = {
      messages: [{ role: 'user', content: '12345' }],
      text: '12345',
      files: [picture],
    };
    expect(await orchestrator.execute('agent', fits)).toMatchObject({ output: 'ok' });
    const long = rejection(orchestrator.execute('agent', { ...fits, text: '123456' }));
    expect(await long).toMatchObject({ details: { taskChars: 11, maxTaskChars: 10 } });
    const large = { data: Buffer.alloc(34), mediaType: 'image/png' };
    const outcomes = await orchestrator.executeMultiple([
      ['agent', { files: [large] }],
      ['agent', fits],
    ]);
    expect(outcomes).toMatchObject([
      { success: false, error: { field: 'task.files[0]' } },
      { success: true },
    ]);
  });

  test('are told to who listens', async () => {
    const orchestrator = open({ agent: () => 'ok' });
    const started: number[] = [];
    orchestrator.on('call:start', ({ taskChars }) => started.push(taskChars));
    await orchestrator.execute('agent', { messages: history, text: 'a' });
    expect(started).toEqual(['hello'.length + 'hi'.length + 1]);
  });
});

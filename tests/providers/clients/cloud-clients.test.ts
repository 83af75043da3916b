// Covers: src/providers/transport/client-exchange.ts
import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import { AnthropicVertex } from '@anthropic-ai/vertex-sdk';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AzureOpenAI } from 'openai';
import { z } from 'zod';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import { AsyncOrchestrator } from '../../../src/index.js';
import { anthropic } from '../../../src/providers/anthropic/anthropic.js';
import { openai } from '../../../src/providers/openai/openai.js';
import { collect, generate, providerOf, rejection, stream, textOf } from '../provider-request.js';
import { bedrockEvent, bedrockException, CloudServer } from './cloud-server.js';

let server: CloudServer;
beforeEach(async () => {
  server = await new CloudServer().listen();
});
afterEach(() => server.close());

/** A key whose form nothing gives away. */
const SECRET = 'Vq7wTn3LwR7yKd2MhB5xJc9Q';

type Events = ReadonlyArray<object | 'cut' | 'failure'>;

interface Cloud {
  agent(more?: object): AgentDefinition;
  /** Paths of a whole answer and of a stream. */
  readonly paths: readonly [whole: RegExp, streamed: RegExp];
  whole(text: string, toolInput?: object): object;
  events(text: string): readonly object[];
  /** Sends a stream; `failure` is a failure inside it, `cut` its end before it is complete. */
  send(response: ServerResponse, events: Events): void;
  readonly errors: ReadonlyArray<readonly [status: number, body: unknown, code: string, message: RegExp]>;
  /** What of the request shows who is asking. */
  readonly authorization: (headers: Record<string, unknown>) => unknown;
}

const tools = {
  add: {
    description: 'Adds.',
    input: z.object({ a: z.number(), b: z.number() }),
    run: ({ a, b }: { a: number; b: number }) => String(a + b),
  },
};

/** The Messages API, as both clouds offer it. */
const message = {
  whole: (text: string, toolInput?: object) => ({
    type: 'message',
    model: 'claude-haiku-4-5-20251001',
    content: [
      { type: 'text', text },
      ...(toolInput === undefined ? [] : [{ type: 'tool_use', id: 't1', name: 'add', input: toolInput }]),
    ],
    stop_reason: toolInput === undefined ? 'end_turn' : 'tool_use',
    usage: { input_tokens: 10, output_tokens: 5 },
  }),
  events: (text: string) => [
    {
      type: 'message_start',
      message: { model: 'claude-haiku-4-5-20251001', usage: { input_tokens: 10, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...[...text].map((piece) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: piece },
    })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } },
    { type: 'message_stop' },
  ],
};

function sendEvents(response: ServerResponse, events: Events, write: (event: object) => string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) {
    if (typeof event === 'object') response.write(write(event));
    else if (event === 'failure')
      response.write(write({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }));
  }
  response.end();
}

const named = (event: object): string =>
  `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`;

const bedrock: Cloud = {
  ...message,
  agent: (more) =>
    anthropic({
      model: 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
      client: new AnthropicBedrock({
        ...{ awsAccessKey: 'AKIDEXAMPLE', awsSecretKey: SECRET, awsRegion: 'eu-west-1' },
        baseURL: server.url,
      }),
      ...more,
    }) as AgentDefinition,
  paths: [
    /^\/model\/us\.anthropic\.claude-haiku-4-5-20251001-v1(:|%3A)0\/invoke$/,
    /\/invoke-with-response-stream$/,
  ],
  send: (response, events) => {
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
    for (const event of events) {
      if (typeof event === 'object') response.write(bedrockEvent(event));
      else if (event === 'failure')
        response.write(bedrockException('serviceUnavailableException', 'Bedrock is unable to process it'));
    }
    response.end();
  },
  errors: [
    [429, { message: 'Too many requests' }, 'TUTTI_PROVIDER_RATE_LIMITED', /Too many requests/],
    [
      403,
      { message: 'User is not authorized to perform: bedrock:InvokeModel' },
      'TUTTI_PROVIDER_AUTH',
      /not authorized/,
    ],
    [
      400,
      { message: 'The provided model identifier is invalid.' },
      'TUTTI_PROVIDER_REQUEST',
      /identifier is invalid/,
    ],
    [503, { message: 'Service unavailable' }, 'TUTTI_PROVIDER_OVERLOADED', /Service unavailable/],
  ],
  authorization: ({ authorization }) => String(authorization).split(' ')[0],
};

const vertex: Cloud = {
  ...message,
  agent: (more) => {
    const authClient = {
      getRequestHeaders: async () => new Headers({ authorization: `Bearer ${SECRET}` }),
    };
    const client = new AnthropicVertex({
      ...{ projectId: 'acme', region: 'europe-west1', baseURL: `${server.url}/v1` },
      authClient: authClient as never,
    });
    return anthropic({ model: 'claude-haiku-4-5@20251001', client, ...more }) as AgentDefinition;
  },
  paths: [
    /^\/v1\/projects\/acme\/locations\/europe-west1\/publishers\/anthropic\/models\/claude-haiku-4-5(@|%40)20251001:rawPredict$/,
    /:streamRawPredict$/,
  ],
  send: (response, events) => sendEvents(response, events, named),
  errors: [
    [
      429,
      [{ error: { code: 429, message: 'Quota exceeded', status: 'RESOURCE_EXHAUSTED' } }],
      'TUTTI_PROVIDER_RATE_LIMITED',
      /Quota exceeded/,
    ],
    [
      401,
      { error: { code: 401, message: 'Request had invalid credentials', status: 'UNAUTHENTICATED' } },
      'TUTTI_PROVIDER_AUTH',
      /invalid credentials/,
    ],
    [
      404,
      { error: { code: 404, message: 'Publisher Model was not found', status: 'NOT_FOUND' } },
      'TUTTI_PROVIDER_REQUEST',
      /was not found/,
    ],
    [
      529,
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      'TUTTI_PROVIDER_OVERLOADED',
      /Overloaded/,
    ],
  ],
  authorization: ({ authorization }) => authorization === `Bearer ${SECRET}` && 'Bearer',
};

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const azure: Cloud = {
  agent: (more) =>
    openai({
      model: 'my-deployment',
      client: new AzureOpenAI({ endpoint: server.url, apiKey: SECRET, apiVersion: '2024-10-21' }),
      ...more,
    }) as AgentDefinition,
  paths: [
    /^\/openai\/deployments\/my-deployment\/chat\/completions\?api-version=2024-10-21$/,
    /\/chat\/completions\?api-version=/,
  ],
  whole: (text, toolInput) => {
    const called = { name: 'add', arguments: JSON.stringify(toolInput) };
    const calls =
      toolInput === undefined ? {} : { tool_calls: [{ id: 't1', type: 'function', function: called }] };
    return {
      model: 'gpt-4.1-mini-2025-04-14',
      choices: [
        {
          message: { role: 'assistant', content: text, ...calls },
          finish_reason: toolInput === undefined ? 'stop' : 'tool_calls',
        },
      ],
      usage,
    };
  },
  events: (text) => [
    // Azure begins with what its content filter says of the prompt.
    { choices: [], prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }] },
    ...[...text].map((content) => ({ model: 'gpt-4.1-mini-2025-04-14', choices: [{ delta: { content } }] })),
    { choices: [{ delta: {}, finish_reason: 'stop' }] },
    { choices: [], usage },
  ],
  send: (response, events) => sendEvents(response, events, (event) => `data: ${JSON.stringify(event)}\n\n`),
  errors: [
    [
      429,
      { error: { code: '429', message: 'Requests have exceeded the token rate limit' } },
      'TUTTI_PROVIDER_RATE_LIMITED',
      /token rate limit/,
    ],
    [
      401,
      { error: { code: '401', message: 'Access denied due to invalid subscription key' } },
      'TUTTI_PROVIDER_AUTH',
      /subscription key/,
    ],
    [
      404,
      {
        error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist' },
      },
      'TUTTI_PROVIDER_REQUEST',
      /does not exist/,
    ],
    [
      400,
      {
        error: {
          ...{ code: 'content_filter', message: "The response was filtered due to Azure's policy" },
          innererror: { content_filter_result: { hate: { filtered: true, severity: 'high' } } },
        },
      },
      'TUTTI_PROVIDER_REFUSAL',
      /hate/,
    ],
    [
      503,
      { error: { code: 'ServiceUnavailable', message: 'The service is temporarily unable' } },
      'TUTTI_PROVIDER_OVERLOADED',
      /temporarily unable/,
    ],
  ],
  authorization: (headers) => headers['api-key'] === SECRET && 'api-key',
};

const sendJson = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': 'r1' });
  response.end(JSON.stringify(body));
};

const CLOUDS = [
  ['AnthropicBedrock', bedrock, 'AWS4-HMAC-SHA256', 'claude-haiku-4-5-20251001'],
  ['AnthropicVertex', vertex, 'Bearer', 'claude-haiku-4-5-20251001'],
  ['AzureOpenAI', azure, 'api-key', 'gpt-4.1-mini-2025-04-14'],
] as const;

describe.each(CLOUDS)('a client of %s as it stands', (_name, cloud, scheme, model) => {
  test('answers, whole and streamed, with usage and cost', async () => {
    const agent = cloud.agent();
    server.answer = (response) => sendJson(response, cloud.whole('Hello'));
    const reply = await generate(agent);
    expect(reply).toMatchObject({
      ...{ output: 'Hello', finishReason: 'stop', model },
      usage: { inputTokens: 10, outputTokens: 5 },
      costUsd: expect.any(Number),
    });
    server.answer = (response) => cloud.send(response, cloud.events('Hello'));
    const events = await collect(stream(agent));
    expect(textOf(events)).toBe('Hello');
    expect(events.filter(({ type }) => type === 'text-delta').length).toBeGreaterThan(1);
    expect(events.at(-1)).toEqual({ type: 'finish', finishReason: 'stop' });
    expect(events.findLast(({ type }) => type === 'usage')).toMatchObject({
      usage: { inputTokens: 10, outputTokens: 5 },
    });
    for (const [index, { path, headers }] of server.requests.entries()) {
      expect(path).toMatch(cloud.paths[index] as RegExp);
      expect(cloud.authorization(headers)).toBe(scheme);
    }
    await providerOf(agent).close?.();
  });

  test('runs tools', async () => {
    server.answer = (response) =>
      sendJson(
        response,
        server.requests.length === 1 ? cloud.whole('', { a: 1, b: 2 }) : cloud.whole('Three.'),
      );
    const reply = await generate(cloud.agent({ tools }));
    expect(reply).toMatchObject({ output: 'Three.', usage: { inputTokens: 20 } });
    expect(JSON.stringify(server.requests[1]?.body)).toContain('"3"');
  });

  test('tells what went wrong in the words of the service, after one request, and without a key', async () => {
    for (const [status, body, code, words] of cloud.errors) {
      for (const isStreamed of [false, true]) {
        server.answer = (response) => sendJson(response, body, status);
        const before = server.requests.length;
        const agent = cloud.agent();
        const error = await rejection(isStreamed ? collect(stream(agent)) : generate(agent));
        expect(error).toMatchObject({ code, status });
        expect(error.message).toMatch(words);
        expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(SECRET);
        expect(server.requests.length - before).toBe(1);
      }
    }
  });

  test('a failure inside a stream, and a stream that is cut, are no answers', async () => {
    const events = cloud.events('Hello');
    server.answer = (response) => cloud.send(response, [...events.slice(0, 4), 'failure']);
    expect(await rejection(collect(stream(cloud.agent())))).toMatchObject({
      code: 'TUTTI_PROVIDER_OVERLOADED',
      retryable: true,
    });
    server.answer = (response) => cloud.send(response, [...events.slice(0, 4), 'cut']);
    expect(await rejection(collect(stream(cloud.agent())))).toMatchObject({
      code: 'TUTTI_PROVIDER_NETWORK',
      retryable: true,
    });
  });

  test('closes its socket when the call is cancelled', async () => {
    for (const isStreamed of [false, true]) {
      const arrived = new Promise<void>((resolve) => {
        server.answer = (response) => {
          if (isStreamed) {
            response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.flushHeaders();
          }
          resolve();
        };
      });
      const controller = new AbortController();
      const given = { signal: controller.signal };
      const running = rejection(
        isStreamed ? collect(stream(cloud.agent(), given)) : generate(cloud.agent(), given),
      );
      await arrived;
      const reason = new Error('no longer needed');
      controller.abort(reason);
      expect(await running).toBe(reason);
      await server.requests.at(-1)?.left;
    }
  });

  test('is tried again by the orchestrator alone', async () => {
    const [status, body] = cloud.errors.at(-1) as (typeof cloud.errors)[number];
    server.answer = (response) =>
      server.requests.length === 1 ? sendJson(response, body, status) : sendJson(response, cloud.whole('ok'));
    await using orchestrator = new AsyncOrchestrator({
      agents: { cloud: cloud.agent() },
      retry: { minDelayMs: 1 },
    });
    expect(await orchestrator.execute('cloud', 'hello')).toMatchObject({ output: 'ok', attempts: 2 });
    expect(server.requests).toHaveLength(2);
  });
});

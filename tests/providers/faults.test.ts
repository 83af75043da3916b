// Covers: src/providers/transport/client-exchange.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { ProviderResponseInfo } from '../../src/contracts/rate-limits.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import type { ScriptedAnswer } from '../../src/testing/model-server/scripted-answer.js';
import { collect, generate, providerOf, rejection, stream, textOf, within100Ms } from './provider-request.js';

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

const APIS: ReadonlyArray<[string, (more?: object) => AgentDefinition]> = [
  [
    'anthropic',
    (more) => anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...more }),
  ],
  ['openai chat', (more) => openai({ model: 'gpt-4.1', apiKey: 'k', baseURL: server.openaiURL, ...more })],
  [
    'openai responses',
    (more) => openai({ model: 'gpt-4.1', api: 'responses', apiKey: 'k', baseURL: server.openaiURL, ...more }),
  ],
];

/** The error of an answer and of a stream of the same script: they have to be of one kind. */
async function bothErrors(agent: AgentDefinition, script: ScriptedAnswer) {
  server.script([script, script]);
  try {
    return [await rejection(generate(agent)), await rejection(collect(stream(agent)))] as const;
  } finally {
    await providerOf(agent).close?.();
  }
}

describe.each(APIS)('%s, when the server', (_name, makeAgent) => {
  test.each([
    [400, 'TUTTI_PROVIDER_REQUEST', false],
    [401, 'TUTTI_PROVIDER_AUTH', false],
    [403, 'TUTTI_PROVIDER_AUTH', false],
    [404, 'TUTTI_PROVIDER_REQUEST', false],
    [408, 'TUTTI_PROVIDER_TIMEOUT', true],
    [409, 'TUTTI_PROVIDER_OVERLOADED', true],
    [413, 'TUTTI_PROVIDER_REQUEST', false],
    [422, 'TUTTI_PROVIDER_REQUEST', false],
    [429, 'TUTTI_PROVIDER_RATE_LIMITED', true],
    [500, 'TUTTI_PROVIDER_OVERLOADED', true],
    [502, 'TUTTI_PROVIDER_OVERLOADED', true],
    [503, 'TUTTI_PROVIDER_OVERLOADED', true],
    [529, 'TUTTI_PROVIDER_OVERLOADED', true],
  ])('answers %s, fails with %s once, retryable: %s', async (status, code, retryable) => {
    const headers = { 'request-id': 'req_7', 'x-request-id': 'req_7' };
    for (const error of await bothErrors(makeAgent(), { status, headers })) {
      expect(error).toMatchObject({ code, retryable, status, requestId: 'req_7', retryAfterMs: undefined });
      expect(error.message).toContain('scripted');
      expect(error.cause).toBeDefined();
    }
    expect(server.requests).toHaveLength(2);
  });

  test.each([
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '120' }, 120],
    [{ 'retry-after': 'Thu, 01 Jan 2026 12:00:03 GMT', date: 'Thu, 01 Jan 2026 12:00:00 GMT' }, 3_000],
  ])('answers 429 with %j, tells to wait %s ms', async (headers, retryAfterMs) => {
    for (const error of await bothErrors(makeAgent(), { status: 429, headers: headers })) {
      expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RATE_LIMITED', retryAfterMs });
    }
  });

  test('says that a retry is of no use, believes it', async () => {
    const [error] = await bothErrors(makeAgent(), { status: 503, headers: { 'x-should-retry': 'false' } });
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_OVERLOADED', retryable: false });
  });

  test.each([
    ['resets before its headers', 'reset-before-headers', 'TUTTI_PROVIDER_NETWORK', true],
    ['resets in the middle of the body', 'reset-mid-body', 'TUTTI_PROVIDER_NETWORK', true],
    ['sends half of its answer', 'truncated-json', 'TUTTI_PROVIDER_NETWORK', true],
    ['sends invalid UTF-8', 'invalid-utf8', 'TUTTI_PROVIDER_RESPONSE', false],
    ['sends an error with status 200', 'error-body', 'TUTTI_PROVIDER_OVERLOADED', true],
    ['sends a web page with status 200', 'html', 'TUTTI_PROVIDER_RESPONSE', false],
  ] as const)('%s, fails with its own error', async (_what, fault, code, retryable) => {
    for (const error of await bothErrors(makeAgent(), { fault, text: ['one ', 'two ', 'three ', 'four'] })) {
      expect(error).toMatchObject({ code, retryable, model: expect.any(String) });
    }
  });

  test('sends a body larger than the limit, stops reading', async () => {
    const agent = makeAgent({ maxResponseBytes: 1_000_000 });
    server.script({ fault: 'huge-body', sizeBytes: 50 * 1024 * 1024 });
    const error = await rejection(generate(agent));
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', retryable: false });
    expect(error.message).toContain('maxResponseBytes (1000000)');
    expect((await server.requests[0]?.closed)?.aborted).toBe(true);
    expect(server.requests[0]?.sentBytes).toBeLessThan(20 * 1024 * 1024);
    await providerOf(agent).close?.();
  });

  test('sends one endless line in a stream, stops reading', async () => {
    const agent = makeAgent({ maxResponseBytes: 100_000 });
    server.script({ text: 'x'.repeat(200_000) });
    expect(await rejection(collect(stream(agent)))).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE' });
    await providerOf(agent).close?.();
  });

  test.each(['cut-stream', 'reset-mid-body'] as const)(
    '%s, what came is given out before the error',
    async (fault) => {
      const agent = makeAgent();
      server.script({ fault, text: ['one ', 'two ', 'three ', 'four ', 'five'] });
      let text = '';
      const reading = (async () => {
        for await (const event of stream(agent)) if (event.type === 'text-delta') text += event.text;
      })();
      expect(await rejection(reading)).toMatchObject({
        code: 'TUTTI_PROVIDER_NETWORK',
        retryable: true,
        status: 200,
      });
      expect(text).toMatch(/^one/);
      await providerOf(agent).close?.();
    },
  );

  test.each([
    [{ errorType: 'overloaded_error' }, 'TUTTI_PROVIDER_OVERLOADED', true],
    [{ errorType: 'rate_limit_error' }, 'TUTTI_PROVIDER_RATE_LIMITED', true],
    [{ errorType: 'invalid_request_error' }, 'TUTTI_PROVIDER_REQUEST', false],
    [{ errorType: 'never_seen_error' }, 'TUTTI_PROVIDER_RESPONSE', false],
  ])('sends an error event %j inside a stream, fails with %s', async (script, code, retryable) => {
    const agent = makeAgent();
    server.script({ ...script, fault: 'error-event', text: ['one ', 'two '] });
    const error = await rejection(collect(stream(agent)));
    expect(error).toMatchObject({ code, retryable });
    await providerOf(agent).close?.();
  });

  test('sends event types that nobody knows, passes over them', async () => {
    const agent = makeAgent();
    server.script({ fault: 'unknown-events', text: ['one ', 'two'] });
    const events = await collect(stream(agent));
    expect(textOf(events)).toBe('one two');
    expect(events.at(-1)).toEqual({ type: 'finish', finishReason: 'stop' });
    await providerOf(agent).close?.();
  });

  test.each(['hang', 'drip'] as const)('%ss, ends with the signal and its reason', async (fault) => {
    const agent = makeAgent();
    server.script([{ fault }, { fault }]);
    for (const run of [generate, async (...args: Parameters<typeof stream>) => collect(stream(...args))]) {
      const controller = new AbortController();
      const place = server.requests.length;
      const failed = rejection(run(agent, { signal: controller.signal }));
      const request = await server.waitForRequest(place);
      const reason = new Error('that is enough');
      controller.abort(reason);
      expect((await within100Ms(request.closed)).aborted).toBe(true);
      expect(await failed).toBe(reason);
    }
    await providerOf(agent).close?.();
  });

  test('refuses the connection, fails as a network error', async () => {
    const agent = makeAgent();
    await server.close();
    for (const error of [await rejection(generate(agent)), await rejection(collect(stream(agent)))]) {
      expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_NETWORK', retryable: true, status: undefined });
      expect(error.message).toContain('ECONNREFUSED');
    }
    await providerOf(agent).close?.();
  });

  test('tells its limits, passes them on with every answer', async () => {
    const agent = makeAgent();
    const told: ProviderResponseInfo[] = [];
    const headers = {
      'anthropic-ratelimit-requests-remaining': '4',
      'x-ratelimit-remaining-tokens': '99',
      'request-id': 'req_9',
    };
    server.script([{ headers }, { headers }, { status: 429, headers: { ...headers, 'retry-after': '1' } }]);
    const onResponse = (info: ProviderResponseInfo) => told.push(info);
    await generate(agent, { onResponse });
    await collect(stream(agent, { onResponse }));
    await rejection(generate(agent, { onResponse }));
    const limits = { requests: { remaining: 4 }, tokens: { remaining: 99 } };
    expect(told).toMatchObject([
      { status: 200, requestId: 'req_9', retryAfterMs: undefined, limits },
      { status: 200, limits },
      { status: 429, retryAfterMs: 1_000, limits },
    ]);
    await providerOf(agent).close?.();
  });
});

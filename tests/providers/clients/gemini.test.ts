// Covers: src/providers/ai-sdk/ai-sdk-dialect.ts
import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { aiSdk } from '../../../src/providers/ai-sdk/ai-sdk.js';
import { collect, generate, rejection, stream, textOf } from '../provider-request.js';
import { CloudServer } from './cloud-server.js';

const SECRET = 'Vq7wTn3LwR7yKd2MhB5xJc9Q';

// Its types do not compile with `exactOptionalPropertyTypes`.
const PACKAGE: string = '@ai-sdk/google';
const { createGoogleGenerativeAI } = await import(PACKAGE);

let server: CloudServer;
beforeEach(async () => {
  server = await new CloudServer().listen();
});
afterEach(() => server.close());

const make = (more: object = {}) => {
  const google = createGoogleGenerativeAI({ apiKey: SECRET, baseURL: `${server.url}/v1beta` });
  return aiSdk(google('gemini-2.5-flash'), {
    prices: { 'gemini-2.5-flash': { inputUsd: 1, cacheReadUsd: 0.1, outputUsd: 2 } },
    ...more,
  });
};

const part = (parts: object[], finishReason?: string) => ({
  candidates: [
    { content: { role: 'model', parts }, ...(finishReason === undefined ? {} : { finishReason }) },
  ],
  usageMetadata: {
    ...{ promptTokenCount: 2_000, cachedContentTokenCount: 1_500 },
    ...{ candidatesTokenCount: 5, totalTokenCount: 2_005 },
  },
  modelVersion: 'gemini-2.5-flash',
});

const sendJson = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const sendEvents = (response: ServerResponse, events: readonly object[]): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join(''));
};

describe('a Gemini model of the AI SDK', () => {
  test('answers, whole and streamed, with cached tokens in usage and price', async () => {
    server.answer = (response) => sendJson(response, part([{ text: 'Hello' }], 'STOP'));
    expect(await generate(make({ instructions: 'Be brief.' }))).toMatchObject({
      ...{ output: 'Hello', finishReason: 'stop' },
      usage: { inputTokens: 500, cacheReadTokens: 1_500, outputTokens: 5, totalTokens: 2_005 },
      costUsd: 0.00066,
    });
    expect(server.requests[0]).toMatchObject({
      path: '/v1beta/models/gemini-2.5-flash:generateContent',
      body: { systemInstruction: { parts: [{ text: 'Be brief.' }] } },
    });
    server.answer = (response) =>
      sendEvents(response, [part([{ text: 'Hel' }]), part([{ text: 'lo' }], 'STOP')]);
    const events = await collect(stream(make()));
    expect(textOf(events)).toBe('Hello');
    expect(events.at(-1)).toEqual({ type: 'finish', finishReason: 'stop' });
    expect(server.requests[1]?.path).toBe('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse');
  });

  test('runs tools and sends what the model attached to their calls back to it', async () => {
    const call = { functionCall: { name: 'add', args: { a: 1, b: 2 } }, thoughtSignature: 'signed' };
    server.answer = (response) =>
      sendJson(
        response,
        server.requests.length === 1 ? part([call], 'STOP') : part([{ text: 'Three.' }], 'STOP'),
      );
    const add = {
      description: 'Adds.',
      input: z.object({ a: z.number(), b: z.number() }),
      run: ({ a, b }: { a: number; b: number }) => String(a + b),
    };
    expect(await generate(make({ tools: { add } }))).toMatchObject({ output: 'Three.' });
    const sent = JSON.stringify(server.requests[1]?.body);
    expect(sent).toContain('functionResponse');
    expect(sent).toContain('"thoughtSignature":"signed"');
  });

  test('tells what went wrong after one request, without a key', async () => {
    const error = { code: 429, message: `Quota exceeded for ${SECRET}`, status: 'RESOURCE_EXHAUSTED' };
    server.answer = (response) => sendJson(response, { error }, 429);
    for (const isStreamed of [false, true]) {
      const before = server.requests.length;
      const thrown = await rejection(isStreamed ? collect(stream(make())) : generate(make()));
      expect(thrown).toMatchObject({ code: 'TUTTI_PROVIDER_RATE_LIMITED', status: 429 });
      expect(thrown.message).toContain('Quota exceeded');
      expect(inspect(thrown.message)).not.toContain(SECRET);
      expect(server.requests.length - before).toBe(1);
    }
  });

  test('an answer that its filter blocks is none', async () => {
    server.answer = (response) => sendJson(response, part([{ text: 'I' }], 'SAFETY'));
    expect(await generate(make())).toMatchObject({ finishReason: 'content-filter' });
  });
});

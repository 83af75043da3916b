import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { collect, generate, providerOf, stream } from './provider-request.js';

let server: ModelServer;
const agent = (more: object = {}) =>
  anthropic({ model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...more });

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

describe('anthropic', () => {
  test('answers', async () => {
    server.script({ text: 'hello', usage: { inputTokens: 1_000_000, outputTokens: 0 } });
    const tested = agent({ instructions: 'be kind' });
    console.log(await generate(tested));
    console.log(server.requests[0]?.body, server.requests[0]?.headers);
    console.log(await collect(stream(tested)));
    await providerOf(tested).close?.();
    console.log(server.connections);
  });
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import { AsyncOrchestrator } from '../../src/index.js';
import { command } from '../../src/providers/command/command-provider.js';
import { httpAgent } from '../../src/providers/http/http-agent.js';
import { sendJson, WireServer } from './answers/wire-server.js';

let server: WireServer;
beforeEach(async () => {
  server = new WireServer();
  await server.listen();
});
afterEach(() => server.close());

/** The error of a call, and the text that its stream gave out before. */
async function outcomeOf(agent: AgentDefinition<string, unknown>, isStreamed: boolean) {
  await using orchestrator = new AsyncOrchestrator({
    agents: { a: agent as AgentDefinition },
    maxRetries: 0,
    cache: true,
  });
  const stream = orchestrator.stream('a', 'hello');
  let text = '';
  try {
    if (!isStreamed) return { text, result: await orchestrator.execute('a', 'hello') };
    for await (const event of stream) if (event.type === 'text-delta') text += event.text;
    return { text, result: await stream.result };
  } catch (error) {
    return { text, error: error as Error & { code: string; retryable: boolean; status?: number } };
  } finally {
    stream.cancel();
  }
}

describe('the output of a program', () => {
  const say = (output: string, isFailure: (output: string) => boolean | string) =>
    command({
      file: process.execPath,
      args: ['-e', `process.stdout.write(${JSON.stringify(output)})`],
      isFailure,
    });

  test.each([false, true])('that isFailure takes for a failure is one, streamed: %s', async (isStreamed) => {
    const agent = say('API Error: overloaded', (output) => output.startsWith('API Error'));
    const { text, error } = await outcomeOf(agent, isStreamed);
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', retryable: false });
    expect(error?.message).toContain('API Error: overloaded');
    expect(text).toBe('');
  });

  test('has the reason that isFailure gives', async () => {
    const { error } = await outcomeOf(
      say('x', () => 'the login has expired'),
      false,
    );
    expect(error?.message).toBe(
      `Program "${process.execPath}" ended with exit code 0, but its output is a failure: the login has expired`,
    );
  });

  test.each([false, true])('that it does not is the answer, streamed: %s', async (isStreamed) => {
    expect(
      (
        await outcomeOf(
          say('fine', () => false),
          isStreamed,
        )
      ).result,
    ).toMatchObject({ output: 'fine' });
  });

  test('is not judged by anything but a function', () => {
    expect(() => command({ file: 'x', isFailure: 'API Error' as never })).toThrow(/isFailure/);
  });
});

describe('the response of a service', () => {
  test.each([
    { error: 'REASON-7' },
    { error: { message: 'REASON-7', code: 503 } },
    { output: '', error: { message: 'REASON-7' } },
    { success: false, message: 'REASON-7' },
    { ok: false, detail: 'REASON-7' },
    { success: false, output: 'x', errors: [{ message: 'REASON-7' }] },
  ])('%j is a failure although its status is 200', async (body) => {
    server.answer = (response) => sendJson(response, body);
    const { error } = await outcomeOf(httpAgent({ url: server.url }), false);
    expect(error?.message).toContain('REASON-7');
    expect(error?.code).toMatch(/^TUTTI_PROVIDER_(RESPONSE|OVERLOADED)$/);
  });

  test.each([
    ['text', 'REASON-7'],
    ['a page', '<html><title>REASON-7</title></html>'],
  ])('of an error status has its reason in %s', async (_what, body) => {
    server.answer = (response) => sendJson(response, body, 400, { 'content-type': 'text/html' });
    const { error } = await outcomeOf(httpAgent({ url: server.url }), false);
    expect(error).toMatchObject({ code: 'TUTTI_PROVIDER_REQUEST', status: 400 });
    expect(error?.message).toContain('REASON-7');
  });

  test('is judged by isFailure before it is converted', async () => {
    server.answer = (response) => sendJson(response, { state: 'rejected', message: 'REASON-7' });
    const options = { url: server.url, response: () => 'converted' };
    const isRejected = (json: unknown) => (json as { state: string }).state === 'rejected';
    const judged = await outcomeOf(httpAgent({ ...options, isFailure: isRejected }), false);
    expect(judged.error?.message).toContain('REASON-7');
    const named = await outcomeOf(httpAgent({ ...options, isFailure: () => 'no credit' }), false);
    expect(named.error?.message).toContain('no credit');
    const bare = await outcomeOf(
      httpAgent({ url: server.url, response: () => 'x', isFailure: () => false }),
      false,
    );
    expect(bare.result).toMatchObject({ output: 'x' });
  });
});

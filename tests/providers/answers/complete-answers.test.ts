// Covers: src/providers/model/answer-text.ts, src/providers/model/finish-reason.ts, src/providers/openai/chat-content.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import type { AgentFailure, AgentResult } from '../../../src/contracts/result.js';
import { AsyncOrchestrator } from '../../../src/index.js';
import { answerEnd } from '../../../src/providers/model/finish-reason.js';
import { PROTOCOLS, sendEvents, sendJson, WireServer } from './wire-server.js';

let server: WireServer;
beforeEach(async () => {
  server = new WireServer();
  await server.listen();
});
afterEach(() => server.close());

async function ask(
  agent: AgentDefinition,
  isStreamed: boolean,
  options: object = {},
): Promise<AgentResult | AgentFailure> {
  await using orchestrator = new AsyncOrchestrator({ agents: { a: agent }, maxRetries: 0, ...options });
  const call = isStreamed ? orchestrator.stream('a', 'hello').result : orchestrator.execute('a', 'hello');
  return await call.then(
    (result) => result as AgentResult,
    (error) => ({ success: false, error }) as AgentFailure,
  );
}

const CHAT = PROTOCOLS[0]?.[1] as (typeof PROTOCOLS)[0][1];
const MESSAGES = PROTOCOLS[1]?.[1] as (typeof PROTOCOLS)[0][1];
const RESPONSES = PROTOCOLS[2]?.[1] as (typeof PROTOCOLS)[0][1];

describe.each([false, true])('an answer, streamed: %s', (isStreamed) => {
  test.each([
    ['stop', 'stop'],
    ['STOP', 'stop'],
    ['end_turn', 'stop'],
    ['eos', 'stop'],
    ['length', 'length'],
    ['max_tokens', 'length'],
    ['MAX_TOKENS', 'length'],
    ['max-tokens', 'length'],
    ['MaxTokens', 'length'],
    ['FINISH_REASON_MAX_TOKENS', 'length'],
    ['model_length', 'length'],
    ['content_filter', 'content-filter'],
    ['SAFETY', 'content-filter'],
    ['RECITATION', 'content-filter'],
    ['refusal', 'refusal'],
    ['something_new', 'other'],
  ])('that ends with the word %s ended because of: %s', async (word, finishReason) => {
    for (const protocol of [CHAT, MESSAGES]) {
      server.answer = (response) => protocol.send(response, { text: 'Hello', reason: word }, isStreamed);
      expect(await ask(protocol.agent(server.url), isStreamed)).toMatchObject({
        output: 'Hello',
        finishReason,
      });
    }
  });

  test.each([
    'network_error',
    'error',
    'ERROR',
    'abort',
    'insufficient_system_resource',
    'MALFORMED_FUNCTION_CALL',
  ])('that ends with %s is a transient failure, is tried again and never cached', async (word) => {
    let requests = 0;
    server.answer = (response) => {
      requests += 1;
      CHAT.send(response, { text: 'Hel', reason: requests === 1 ? word : 'stop' }, false);
    };
    const failed = (await ask(CHAT.agent(server.url), false)) as AgentFailure;
    expect(failed.error).toMatchObject({ code: 'TUTTI_PROVIDER_OVERLOADED', retryable: true });
    expect(failed.error.message).toContain(word);
    requests = 0;
    const retried = await ask(CHAT.agent(server.url), false, { maxRetries: 1, retry: { minDelayMs: 1 } });
    expect(retried).toMatchObject({ output: 'Hel', attempts: 2 });
  });

  test.each([undefined, null, '', ' ', 'never_heard'])(
    'without a reason it knows (%j) is not stored',
    async (reason) => {
      for (const protocol of [CHAT, MESSAGES]) {
        server.answer = (response) => {
          if (protocol === CHAT && isStreamed) {
            sendEvents(
              response,
              [{ choices: [{ delta: { content: 'Hi' }, finish_reason: reason }] }],
              'data: [DONE]\n\n',
            );
          } else protocol.send(response, { text: 'Hi', reason }, isStreamed);
        };
        await using orchestrator = new AsyncOrchestrator({
          agents: { a: protocol.agent(server.url) },
          cache: true,
        });
        for (let time = 0; time < 2; time += 1) {
          const call = isStreamed ? orchestrator.stream('a', 'x').result : orchestrator.execute('a', 'x');
          expect(await call).toMatchObject({ output: 'Hi', finishReason: 'other', cached: false });
        }
      }
    },
  );

  test('with an error in its choice is a failure of that kind', async () => {
    const error = { code: 429, message: 'REASON-7' };
    const choice = { finish_reason: 'error', error };
    server.answer = (response) => {
      if (isStreamed)
        sendEvents(response, [
          { choices: [{ delta: { content: 'Hi' } }] },
          { choices: [{ delta: {}, ...choice }] },
        ]);
      else sendJson(response, { choices: [{ message: null, ...choice }] });
    };
    const failed = (await ask(CHAT.agent(server.url), isStreamed)) as AgentFailure;
    expect(failed.error).toMatchObject({ code: 'TUTTI_PROVIDER_RATE_LIMITED' });
    expect(failed.error.message).toContain('REASON-7');
  });

  test('whose content is a list of parts has its text, without the reasoning', async () => {
    const parts = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'two and two' }] },
      { type: 'text', text: 'It is ' },
      { type: 'reference', reference_ids: [1] },
      { type: 'text', text: { value: '4.' } },
      null,
    ];
    server.answer = (response) => {
      if (isStreamed)
        sendEvents(response, [{ choices: [{ delta: { content: parts }, finish_reason: 'stop' }] }]);
      else sendJson(response, { choices: [{ message: { content: parts }, finish_reason: 'stop' }] });
    };
    expect(await ask(CHAT.agent(server.url), isStreamed)).toMatchObject({ output: 'It is 4.' });
  });

  test('that is paused goes on, and is one answer', async () => {
    server.answer = (response, body) => {
      const isFirst = body.messages?.length === 1;
      MESSAGES.send(
        response,
        { text: isFirst ? 'Let me see. ' : '42.', reason: isFirst ? 'pause_turn' : 'end_turn' },
        isStreamed,
      );
    };
    expect(await ask(MESSAGES.agent(server.url), isStreamed)).toMatchObject({
      output: 'Let me see. 42.',
      finishReason: 'stop',
      usage: { inputTokens: 2 },
    });
    expect(server.bodies[1]?.messages?.[1]).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: 'Let me see. ' }],
    });
  });

  test('that is paused again and again fails at the step limit', async () => {
    server.answer = (response) => MESSAGES.send(response, { text: 'x', reason: 'pause_turn' }, isStreamed);
    const failed = (await ask(MESSAGES.agent(server.url, { maxSteps: 3 }), isStreamed)) as AgentFailure;
    expect(failed.error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE' });
    expect(failed.error.message).toContain('maxSteps');
    expect(server.bodies).toHaveLength(3);
  });

  test('of the Responses API without output has the text that came otherwise', async () => {
    server.answer = (response) => {
      if (isStreamed) {
        sendEvents(response, [
          { type: 'response.output_text.delta', delta: 'Hello' },
          { type: 'response.completed', response: { status: 'completed', output: [] } },
        ]);
      } else sendJson(response, { status: 'completed', output_text: 'Hello' });
    };
    expect(await ask(RESPONSES.agent(server.url), isStreamed)).toMatchObject({
      output: 'Hello',
      finishReason: 'stop',
    });
  });

  test.each(['queued', 'in_progress', 'cancelled'])(
    'of the Responses API that is %s is a failure',
    async (status) => {
      server.answer = (response) => {
        if (isStreamed) sendEvents(response, [{ type: 'response.created', response: { status } }]);
        else sendJson(response, { status, output: [], error: null });
      };
      const failed = (await ask(RESPONSES.agent(server.url), isStreamed)) as AgentFailure;
      expect(failed.error.code).toBe(isStreamed ? 'TUTTI_PROVIDER_NETWORK' : 'TUTTI_PROVIDER_RESPONSE');
    },
  );

  test.each([
    {},
    { choices: [] },
    { choices: null },
    { choices: [{}] },
    { id: 'x', object: 'chat.completion' },
  ])('%j without an answer in it is a failure that says what is missing', async (body) => {
    server.answer = (response) => sendJson(response, body);
    const failed = (await ask(CHAT.agent(server.url), isStreamed)) as AgentFailure;
    expect(failed.error).toMatchObject({ code: 'TUTTI_PROVIDER_RESPONSE', status: 200 });
    expect(failed.error.message).toMatch(/without an answer in it: expected choices/);
  });

  test.each(['text/plain', 'application/octet-stream', undefined])(
    'in JSON under the label %s is read',
    async (type) => {
      server.answer = (response) => {
        response.writeHead(200, type === undefined ? {} : { 'content-type': type });
        response.end(JSON.stringify({ choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] }));
      };
      expect(await ask(CHAT.agent(server.url), isStreamed)).toMatchObject({
        output: 'Hello',
        finishReason: 'stop',
      });
    },
  );
});

describe('a stream that is cut', () => {
  test.each([
    ['after its text', [{ choices: [{ delta: { content: 'Hi' }, finish_reason: '' }] }], ''],
    [
      'before its first text, with [DONE]',
      [{ choices: [{ delta: { role: 'assistant', content: '' } }] }],
      'data: [DONE]\n\n',
    ],
    ['within an event', [{ choices: [{ delta: { content: 'Hi' } }] }], 'data: {"choices":[{"del'],
    ['with nothing in it', [], ''],
  ])('%s is no answer', async (_when, events, end) => {
    server.answer = (response) => sendEvents(response, events, end);
    const failed = (await ask(CHAT.agent(server.url), true)) as AgentFailure;
    expect(failed.error).toMatchObject({ code: 'TUTTI_PROVIDER_NETWORK', retryable: true });
  });
});

test('a half character in a task is replaced, because servers reject it', async () => {
  server.answer = (response) =>
    sendJson(response, { choices: [{ message: { content: 'ok' }, finish_reason: 'stop' }] });
  await using orchestrator = new AsyncOrchestrator({ agents: { a: CHAT.agent(server.url) } });
  await orchestrator.execute('a', 'cut \ud83d, whole 🙂, text \\ud83d');
  expect(server.bodies[0]?.messages?.[0]?.content).toBe('cut \ufffd, whole 🙂, text \\ud83d');
});

test('answerEnd takes nothing for a reason but a word', () => {
  expect([undefined, null, '', 5, {}, 'null'].map(answerEnd)).toEqual(Array(6).fill('other'));
});

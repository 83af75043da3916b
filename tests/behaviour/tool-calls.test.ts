// Covers: src/providers/model/run-tool.ts, src/providers/model/tool-time-limit.ts, src/calls/attempts/attempt-tools.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { TuttiEvents } from '../../src/contracts/events.js';
import type { Tool, ToolContext } from '../../src/contracts/tool.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { rejection } from '../providers/provider-request.js';

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer(({ body }) =>
    JSON.stringify(body).includes('tool_result')
      ? { text: 'Done.' }
      : { toolCalls: [{ id: 'call_A', name: 'book', input: { seat: 'A' } }] },
  );
});
afterEach(() => server.close());

const retry = { minDelayMs: 1, maxDelayMs: 2, factor: 1, jitter: 'none' as const };
const input = z.object({ seat: z.string() });
type Book = Tool<{ seat: string }>;

function openWith(book: Book, settings: object = {}) {
  const options = { model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, ...settings };
  return new AsyncOrchestrator({ agents: { clerk: anthropic({ ...options, tools: { book } }) }, retry });
}

/** Takes effect, and returns once its signal is aborted: what became of it is then lost. */
function interruptedOnce(effects: string[], contexts: ToolContext[] = []): Book['run'] {
  return (_input, context) => {
    effects.push(context.key);
    contexts.push(context);
    if (effects.length > 1) return 'booked';
    return new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
    });
  };
}

const resultSent = (): unknown => {
  const body = server.requests.at(-1)?.body as unknown as { messages: Array<{ content: unknown }> };
  return body.messages.at(-1)?.content;
};

describe('a tool call that is interrupted by the timeout of its attempt', () => {
  test('is in doubt: the call fails, and the tool does not run again', async () => {
    const effects: string[] = [];
    await using orchestrator = openWith({ input, run: interruptedOnce(effects) }, { timeoutMs: 300 });
    const error = await rejection(orchestrator.execute('clerk', 'Book A.'));
    expect(error).toMatchObject({
      code: 'TUTTI_TOOL_IN_DOUBT',
      retryable: false,
      agent: 'clerk',
      tool: 'book',
      key: effects[0],
    });
    expect(effects).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });

  test('runs again with the same key if it is idempotent', async () => {
    const effects: string[] = [];
    const contexts: ToolContext[] = [];
    const book: Book = { input, idempotent: true, run: interruptedOnce(effects, contexts) };
    await using orchestrator = openWith(book, { timeoutMs: 300 });
    const result = await orchestrator.execute('clerk', 'Book A.');
    expect(result).toMatchObject({ output: 'Done.', attempts: 2 });
    expect(effects).toEqual([effects[0], effects[0]]);
    expect(contexts[1]).toMatchObject({ agent: 'clerk', callId: result.callId, toolCallId: 'call_A' });
    expect(server.requests).toHaveLength(2);
  });

  test.each([
    ['the result', { ticket: 7 }, 1, '{"ticket":7}'],
    ['that it took effect', true, 1, 'done'],
    ['that it did not take effect', false, 2, 'booked'],
    ['nothing', undefined, 2, 'booked'],
  ])('is settled by reconcile, which says %s', async (_what, found, runs, output) => {
    const effects: string[] = [];
    const asked: unknown[] = [];
    const book: Book = {
      input,
      run: interruptedOnce(effects),
      reconcile: (key, of, { toolCallId }) => {
        asked.push([key, of, toolCallId]);
        return found;
      },
    };
    await using orchestrator = openWith(book, { timeoutMs: 300 });
    const result = await orchestrator.execute('clerk', 'Book A.');
    expect(result.output).toBe('Done.');
    expect(asked).toEqual([[effects[0], { seat: 'A' }, 'call_A']]);
    expect(effects).toHaveLength(runs);
    expect(result.steps?.[0]?.toolCalls).toMatchObject([{ output, isError: false }]);
  });

  test('stays in doubt if reconcile fails', async () => {
    const effects: string[] = [];
    const down = new Error('the booking service is down');
    const book: Book = { input, run: interruptedOnce(effects), reconcile: () => Promise.reject(down) };
    await using orchestrator = openWith(book, { timeoutMs: 300 });
    const error = await rejection(orchestrator.execute('clerk', 'Book A.'));
    expect(error).toMatchObject({ code: 'TUTTI_TOOL_IN_DOUBT', cause: down });
    expect(effects).toHaveLength(1);
  });

  test('is waited for, and not run again, if it goes on in spite of its signal', async () => {
    let runs = 0;
    let finish = (): void => {};
    const book: Book = {
      input,
      run: () => {
        runs += 1;
        return new Promise<string>((resolve) => {
          finish = () => resolve('booked late');
        });
      },
    };
    await using orchestrator = openWith(book, { timeoutMs: 300 });
    orchestrator.on('attempt:start', ({ attempt }) => void (attempt === 2 && setImmediate(() => finish())));
    const result = await orchestrator.execute('clerk', 'Book A.');
    expect(result.steps?.[0]?.toolCalls).toMatchObject([{ output: 'booked late' }]);
    expect(runs).toBe(1);
  });
});

describe('timeoutMs of a tool', () => {
  test('aborts its signal and tells the model that the outcome is unknown', async () => {
    let reason: unknown;
    const book: Book = {
      input,
      timeoutMs: 20,
      run: (_input, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
          });
        }),
    };
    await using orchestrator = openWith(book);
    expect(await orchestrator.execute('clerk', 'Book A.')).toMatchObject({ output: 'Done.', attempts: 1 });
    expect(reason).toMatchObject({ name: 'TimeoutError' });
    expect(resultSent()).toMatchObject([{ is_error: true, content: expect.stringContaining('20 ms') }]);
  });

  test('asks reconcile what has become of it', async () => {
    const book: Book = { input, timeoutMs: 20, run: () => new Promise(() => {}), reconcile: () => 'booked' };
    await using orchestrator = openWith(book);
    await orchestrator.execute('clerk', 'Book A.');
    expect(resultSent()).toMatchObject([{ content: 'booked' }]);
  });

  test('does nothing to a tool that is faster', async () => {
    const book: Book = { input, timeoutMs: 60_000, run: () => 'booked' };
    await using orchestrator = openWith(book);
    await orchestrator.execute('clerk', 'Book A.');
    expect(resultSent()).toMatchObject([{ content: 'booked' }]);
  });
});

test.each([
  ['timeoutMs', 0],
  ['needsApproval', 'yes'],
  ['idempotent', 1],
  ['reconcile', true],
])('a tool whose %s is %p is refused when its agent is made', (setting, value) => {
  expect(() => openWith({ input, run: () => '', [setting]: value } as Book)).toThrow(
    expect.objectContaining({ field: `options.tools.book.${setting}` }),
  );
});

test('tool:start and tool:end say which tool ran for which call, and whether it worked', async () => {
  const keys: string[] = [];
  const book: Book = {
    input,
    run: (_input, { key }) => {
      keys.push(key);
      throw new Error('sold out');
    },
  };
  await using orchestrator = openWith(book);
  const starts: Array<TuttiEvents['tool:start']> = [];
  const ends: Array<TuttiEvents['tool:end']> = [];
  orchestrator.on('tool:start', (event) => starts.push(event));
  orchestrator.on('tool:end', (event) => ends.push(event));
  const { callId } = await orchestrator.execute('clerk', 'Book A.');
  const event = { callId, agent: 'clerk', attempt: 1, tool: 'book', toolCallId: 'call_A', key: keys[0] };
  expect(starts).toEqual([{ ...event, at: expect.any(Number) }]);
  expect(ends).toEqual([{ ...event, at: expect.any(Number), runMs: expect.any(Number), success: false }]);
});

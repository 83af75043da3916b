// Covers: src/providers/model/tool-approvals.ts, src/contracts/approval.ts, src/errors/tool-errors.ts
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { ApprovalRequest, OnApproval } from '../../src/contracts/approval.js';
import type { Tool } from '../../src/contracts/tool.js';
import type { ApprovalRequiredError } from '../../src/errors/tool-errors.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { rejection } from '../providers/provider-request.js';

let server: ModelServer;
let effects: string[];
/** What the model calls in its first step. */
let calls: Array<{ id: string; name: string; input: object }>;

const pay = (id: string, usd: number) => ({ id, name: 'pay', input: { usd } });
const free = { id: 'call_free', name: 'free', input: {} };

beforeEach(async () => {
  effects = [];
  calls = [pay('call_1', 5)];
  server = await startModelServer(({ body }) =>
    JSON.stringify(body).includes('tool_result') ? { text: 'Done.' } : { toolCalls: calls },
  );
});
afterEach(() => server.close());

interface Settings {
  readonly onApproval?: OnApproval;
  readonly needsApproval?: Tool['needsApproval'];
  readonly timeoutMs?: number;
  readonly maxRetries?: number;
}

function openWith(settings: Settings = {}) {
  const { needsApproval = true, ...others } = settings;
  const input = z.object({ usd: z.number() });
  const run = ({ usd }: { usd: number }) => `paid ${effects.push(`${usd}`)}`;
  const tools = {
    pay: { input, needsApproval, run },
    free: { input: z.object({}), run: () => `free ${effects.push('free')}` },
  };
  const options = { model: 'claude-sonnet-4-5', apiKey: 'k', baseURL: server.url, tools, ...others };
  return new AsyncOrchestrator({ agents: { clerk: anthropic(options) } });
}

const requestsOf = (error: unknown) => (error as ApprovalRequiredError).approvals;
const results = (): unknown[] => {
  const body = server.requests.at(-1)?.body as unknown as { messages: Array<{ content: object[] }> };
  return body.messages.at(-1)?.content ?? [];
};

describe('onApproval', () => {
  test('asks onApproval, of the call before that of the agent, and runs what it approves', async () => {
    const asked: ApprovalRequest[] = [];
    await using orchestrator = openWith({ onApproval: () => false });
    await orchestrator.execute('clerk', 'Pay.');
    expect(effects).toEqual([]);
    expect(results()).toMatchObject([{ is_error: true, content: expect.stringContaining('not approved') }]);
    await orchestrator.execute('clerk', 'Pay.', {
      onApproval: async (request, { signal }) => {
        expect(signal.aborted).toBe(false);
        asked.push(request);
        return true;
      },
    });
    expect(effects).toEqual(['5']);
    expect(asked).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        agent: 'clerk',
        tool: 'pay',
        input: { usd: 5 },
        toolCallId: 'call_1',
        key: expect.any(String),
      },
    ]);
  });

  test('may take longer than the timeout of the attempt', async () => {
    const onApproval: OnApproval = () => wait(600).then(() => true);
    await using orchestrator = openWith({ onApproval, timeoutMs: 300, maxRetries: 0 });
    expect(await orchestrator.execute('clerk', 'Pay.')).toMatchObject({ output: 'Done.', attempts: 1 });
    expect(effects).toEqual(['5']);
  });

  test('leaves its permit to others while it waits for an answer', async () => {
    let answer = (_approved: boolean): void => {};
    const onApproval: OnApproval = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await using orchestrator = openWith({ onApproval });
    orchestrator.maxConcurrent = 1;
    const call = orchestrator.execute('clerk', 'Pay.');
    await server.waitForRequest(0);
    // It can only run once the clerk has given up its permit.
    await orchestrator.run(() => 'another call');
    answer(true);
    expect(await call).toMatchObject({ output: 'Done.', attempts: 1 });
    expect(effects).toEqual(['5']);
  });

  test('learns from its signal that the call has ended', async () => {
    let reason: unknown;
    const onApproval: OnApproval = (_request, { signal }) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
        });
      });
    await using orchestrator = openWith({ onApproval });
    const error = await rejection(orchestrator.execute('clerk', 'Pay.', { deadlineMs: 500 }));
    expect(error).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'deadline' });
    expect(reason).toBe(error);
    expect(effects).toEqual([]);
  });

  test('that throws ends the call with what it threw as the cause', async () => {
    const down = new Error('nobody is there');
    await using orchestrator = openWith({ onApproval: () => Promise.reject(down) });
    const error = await rejection(orchestrator.execute('clerk', 'Pay.'));
    expect(error).toMatchObject({ code: 'TUTTI_APPROVAL_REQUIRED', cause: down });
    expect(effects).toEqual([]);
  });

  test.each([undefined, null, 'yes', 1, {}, { approved: 'yes' }])(
    'that returns %p has not approved',
    async (answer) => {
      await using orchestrator = openWith({ onApproval: () => answer as never });
      await orchestrator.execute('clerk', 'Pay.').catch(() => {});
      expect(effects).toEqual([]);
    },
  );
});

describe('without onApproval', () => {
  test('fails with all requests of the step before any tool runs, and a later call answers them', async () => {
    calls = [pay('call_1', 5), free, pay('call_2', 7)];
    await using orchestrator = openWith();
    const error = await rejection(orchestrator.execute('clerk', 'Pay.'));
    expect(error).toMatchObject({ code: 'TUTTI_APPROVAL_REQUIRED', retryable: false, agent: 'clerk' });
    expect(requestsOf(error).map(({ input }) => input)).toEqual([{ usd: 5 }, { usd: 7 }]);
    expect(JSON.parse(JSON.stringify(error)).message).not.toContain('usd');
    expect(effects).toEqual([]);
    const [first, second] = requestsOf(error) as [ApprovalRequest, ApprovalRequest];
    const approvals = { [first.id]: true, [second.id]: false };
    expect(await orchestrator.execute('clerk', 'Pay.', { approvals })).toMatchObject({ output: 'Done.' });
    expect([...effects].sort()).toEqual(['5', 'free']);
    expect(results()).toMatchObject([{}, {}, { is_error: true }]);
  });

  test('approves nothing but the same tool with the same input', async () => {
    await using orchestrator = openWith();
    const [request] = requestsOf(await rejection(orchestrator.execute('clerk', 'Pay.')));
    const approvals = { [(request as ApprovalRequest).id]: true };
    calls = [pay('call_1', 500)];
    const error = await rejection(orchestrator.execute('clerk', 'Pay.', { approvals }));
    expect(error.code).toBe('TUTTI_APPROVAL_REQUIRED');
    // The same input twice is two payments.
    calls = [pay('call_1', 5), pay('call_2', 5)];
    const twice = await rejection(orchestrator.execute('clerk', 'Pay.', { approvals }));
    expect(requestsOf(twice)).toMatchObject([{ toolCallId: 'call_2' }]);
    expect(effects).toEqual([]);
  });
});

describe('needsApproval', () => {
  test('may depend on the input', async () => {
    calls = [pay('call_1', 5), pay('call_2', 50)];
    await using orchestrator = openWith({ needsApproval: (input) => (input as { usd: number }).usd > 20 });
    const error = await rejection(orchestrator.execute('clerk', 'Pay.'));
    expect(requestsOf(error)).toMatchObject([{ toolCallId: 'call_2' }]);
  });

  test('keeps the tool from running if it throws', async () => {
    await using orchestrator = openWith({
      needsApproval: () => {
        throw new Error('no rule for this');
      },
    });
    expect(await orchestrator.execute('clerk', 'Pay.')).toMatchObject({ output: 'Done.' });
    expect(effects).toEqual([]);
    expect(results()).toMatchObject([
      { is_error: true, content: expect.stringContaining('no rule for this') },
    ]);
  });
});

test.each([
  [{ approvals: [] }, 'approvals'],
  [{ approvals: { abc: 'yes' } }, 'approvals.abc'],
  [{ onApproval: true }, 'onApproval'],
])('refuses %p as an option', async (options, field) => {
  await using orchestrator = openWith();
  const error = await rejection(orchestrator.execute('clerk', 'Pay.', options as never));
  expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field });
  expect(server.requests).toHaveLength(0);
});

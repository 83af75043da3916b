// Covers: src/calls/attempts/attempt-budget.ts
// Covers: src/calls/attempts/charge.ts, src/calls/attempts/queued-attempt.ts, src/calls/attempts/running-attempt.ts
// Covers: src/calls/attempts/worst-case.ts, src/resilience/budget/budget-queue.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Provider } from '../../src/contracts/provider.js';
import { anthropic, openai } from '../../src/providers/index.js';
import { httpError, rejection, turn } from './held-agent.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

const codeOf = (end: PromiseSettledResult<unknown>): string =>
  end.status === 'fulfilled' ? 'ok' : (end.reason as { code: string }).code;

const costing = (costUsd: number | undefined, latencyMs = 10) =>
  new Service(() => ({ output: 'answer', usage: { inputTokens: 4, outputTokens: 2 }, costUsd }), latencyMs);

const PER_CALL = { maxCostUsd: 0.01 };

describe('a budget', () => {
  test.each([1, 10, 100])(
    'of 0.50 dollars admits exactly 50 of 100 calls of up to 0.01, %i at once',
    async (maxConcurrent) => {
      const service = costing(0.01);
      const { orchestrator, clock } = openWith([service], {
        agents: [service.agent('agent', PER_CALL)],
        budget: { usd: 0.5 },
        maxConcurrent,
      });
      const calls = Promise.allSettled(
        Array.from({ length: 100 }, () => orchestrator.execute('agent', 'task')),
      );
      await clock.advance(2_000);
      const codes = (await calls).map(codeOf);
      expect(codes.filter((code) => code === 'ok')).toHaveLength(50);
      expect(codes.filter((code) => code === 'TUTTI_BUDGET_EXCEEDED')).toHaveLength(50);
      expect(service.asked).toHaveLength(50);
      expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0.5, reservedUsd: 0, leftUsd: 0 });
    },
  );

  test('has calls wait for what others have reserved, until they have settled for less', async () => {
    const service = costing(0.001);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 0.02 },
    });
    const waits: unknown[] = [];
    orchestrator.on('call:wait', ({ reason, lane, untilMs }) => waits.push([reason, lane, untilMs]));
    const calls = Promise.allSettled([1, 2, 3].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(9);
    expect(service.asked).toHaveLength(2);
    expect(waits).toEqual([['budget', 'function/agent', undefined]]);
    expect(orchestrator.stats()).toMatchObject({ queued: 1, running: 2 });
    await clock.advance(11);
    expect((await calls).map(codeOf)).toEqual(['ok', 'ok', 'ok']);
    expect(orchestrator.stats()).toMatchObject({ queued: 0, budget: { spentUsd: 0.003, reservedUsd: 0 } });
  });

  test('is spent to its end by a run, in small parts of what each call has to reserve', async () => {
    const service = costing(0.000_1);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      maxConcurrent: 20,
      limits: { requestsPerMinute: 100_000 },
    });
    const run = orchestrator.executeMultiple(
      Array.from({ length: 3_000 }, (_, index) => ['agent', `${index}`] as const),
      { budget: { usd: 0.1 } },
    );
    await clock.advance(60_000);
    const answered = (await run).filter(({ success }) => success).length;
    // A call that may cost 0.01 needs that much to be left: 0.09 and one more call can be spent.
    expect(answered).toBe(901);
    expect(service.asked).toHaveLength(901);
  });

  test('has no call of another lane wait for one whose own lane is slow', async () => {
    const service = costing(0.01);
    const provider = (name: string): Provider => ({
      name,
      specificationVersion: 1,
      generate: (request) => service.run(request.task, request as never) as never,
    });
    const { orchestrator, clock } = openWith([service], {
      agents: ['slow', 'fast'].map((name) => ({ name, provider: provider(name), model: 'm', ...PER_CALL })),
      limits: { requestsPerMinute: 1 },
      budget: { usd: 0.02 },
    });
    const slow = Promise.allSettled([1, 2].map(() => orchestrator.execute('slow', 'task')));
    await clock.advance(20);
    const fast = orchestrator.execute('fast', 'task');
    await clock.advance(20);
    expect((await fast).output).toBe('answer');
    await clock.advance(120_000);
    expect((await slow).map(codeOf)).toEqual(['ok', 'TUTTI_BUDGET_EXCEEDED']);
  });

  test.each([
    ['is cancelled', { cancels: true }, 'TUTTI_CANCELLED'],
    ['has waited for timeouts.queueMs', { timeouts: { queueMs: 50 } }, 'TUTTI_TIMEOUT'],
    ['is past its deadline', { deadlineMs: 50 }, 'TUTTI_TIMEOUT'],
  ])(
    'frees the place of a waiting call that %s',
    async (_, { cancels, ...limits }: Record<string, unknown>, code) => {
      const service = costing(0.01, 1_000);
      const { orchestrator, clock } = openWith([service], {
        agents: [service.agent('agent', { ...PER_CALL, ...limits })],
        budget: { usd: 0.02 },
        timeoutMs: 5_000,
        ...(limits.deadlineMs === undefined ? {} : { abandonMs: 1 }),
      });
      const controller = new AbortController();
      const first = [1, 2].map(() => orchestrator.execute('agent', 'task', { deadlineMs: 10_000 }));
      await clock.advance(10);
      const waiting = rejection(orchestrator.execute('agent', 'task', { signal: controller.signal }));
      await clock.advance(10);
      if (cancels === true) controller.abort();
      await clock.advance(100);
      expect((await waiting).code).toBe(code);
      expect(orchestrator.stats()).toMatchObject({ queued: 0, running: 2 });
      await clock.advance(1_000);
      await Promise.all(first);
    },
  );

  test('lets the call with the higher priority go first', async () => {
    const service = costing(0.01);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 0.02, perCallUsd: 0.01 },
      maxConcurrent: 1,
    });
    const calls = [0, 0, 5, 9].map((priority, index) =>
      Promise.allSettled([orchestrator.execute('agent', `${index}`, { priority })]),
    );
    await clock.advance(1_000);
    await Promise.all(calls);
    expect(service.asked.map(({ task }) => task)).toEqual(['0', '3']);
  });

  test('says which it is, what is left and what was needed, and is not retried or handed to a fallback', async () => {
    const service = costing(0.01);
    const { orchestrator, clock } = openWith([service], {
      agents: [
        service.agent('agent', { ...PER_CALL, fallbacks: ['other'] }),
        service.agent('other', PER_CALL),
      ],
      budget: { usd: 0.015 },
    });
    const first = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    await first;
    const error = await rejection(orchestrator.execute('agent', 'task'));
    expect(error).toMatchObject({
      name: 'BudgetExceededError',
      scope: 'process',
      owner: '',
      unit: 'usd',
      limit: 0.015,
      left: 0.005,
      needed: 0.01,
      retryable: false,
    });
    expect(service.asked).toHaveLength(1);
  });

  test('of a run, an agent, a tenant and the process: each refuses alone and touches no other', async () => {
    const service = costing(0.01);
    const { orchestrator, clock } = openWith([service], {
      agents: [
        service.agent('poor', { ...PER_CALL, budget: { usd: 0.01 } }),
        service.agent('rich', PER_CALL),
      ],
      budget: { usd: 0.06 },
      tenantBudget: { usd: 0.03 },
    });
    const ask = async (agent: string, tenant?: string): Promise<string> => {
      const call = Promise.allSettled([orchestrator.execute(agent, 'task', { tenant })]);
      await clock.advance(10);
      const [end] = await call;
      if (end?.status === 'fulfilled') return 'ok';
      return `${end?.reason.scope} ${end?.reason.owner}`;
    };
    expect([await ask('poor', 'a'), await ask('poor', 'b')]).toEqual(['ok', 'agent poor']);
    expect([await ask('rich', 'a'), await ask('rich', 'a')]).toEqual(['ok', 'ok']);
    expect(await ask('rich', 'a')).toBe('tenant a');
    const run = orchestrator.executeMultiple(
      [1, 2].map((n) => ['rich', `${n}`] as const),
      { budget: { usd: 0.01 } },
    );
    await clock.advance(10);
    expect((await run).map((end) => end.success || (end.error as { scope?: string }).scope)).toEqual([
      true,
      'run',
    ]);
    expect([await ask('rich'), await ask('rich', 'b')]).toEqual(['ok', 'ok']);
    expect(await ask('rich', 'b')).toBe('process ');
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0.06, leftUsd: 0 });
  });

  test('of a run holds with the cache on, too', async () => {
    const service = costing(0.01);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      cache: true,
    });
    const run = orchestrator.executeMultiple(
      ['a', 'b', 'c'].map((task) => ['agent', task] as const),
      { budget: { usd: 0.02 } },
    );
    await clock.advance(10);
    expect((await run).map(({ success }) => success)).toEqual([true, true, false]);
  });

  test('in dollars refuses what has no price, and in tokens what has no bound', async () => {
    const service = costing(undefined);
    const { orchestrator, clock } = openWith([service], {
      agents: [
        service.agent('unknown', { budget: { usd: 1 } }),
        service.agent('bounded', { budget: { usd: 1, perCallUsd: 0.1 } }),
        service.agent('endless', { budget: { tokens: 1_000 } }),
        service.agent('short', { budget: { tokens: 1_000 }, params: { maxTokens: 600 } }),
      ],
    });
    for (const [agent, unit] of [
      ['unknown', 'usd'],
      ['endless', 'tokens'],
    ] as const) {
      const error = await rejection(orchestrator.execute(agent, 'task'));
      expect(error).toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED', unit, needed: undefined });
    }
    const bounded = orchestrator.execute('bounded', 'task');
    const short = orchestrator.execute('short', 'task');
    const long = rejection(orchestrator.execute('short', 'task', { params: { maxTokens: 1_000 } }));
    expect(await long).toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED', unit: 'tokens', needed: 1_002 });
    await clock.advance(10);
    expect([(await bounded).output, (await short).output]).toEqual(['answer', 'answer']);
  });

  test('in tokens counts the instructions of an agent with the task, by their bytes', async () => {
    const service = costing(undefined);
    const { orchestrator } = openWith([service], {
      agents: [
        service.agent('agent', {
          instructions: 'ü'.repeat(35),
          budget: { tokens: 10 },
          params: { maxTokens: 600 },
        }),
        service.agent('plain', { budget: { tokens: 10 }, params: { maxTokens: 600 } }),
      ],
    });
    // 70 bytes of instructions and 35 of the task, at 3.5 bytes a token.
    const error = await rejection(orchestrator.execute('agent', 'x'.repeat(35)));
    expect(error).toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED', unit: 'tokens', needed: 630 });
    const plain = await rejection(orchestrator.execute('plain', 'x'.repeat(35)));
    expect(plain).toMatchObject({ unit: 'tokens', needed: 610 });
  });

  test("takes a provider's price of the estimated input and maxTokens, and charges the real usage", async () => {
    const provider: Provider = {
      name: 'scripted',
      specificationVersion: 1,
      costUsd: (_model, { inputTokens = 0, outputTokens = 0 }) => inputTokens * 0.001 + outputTokens * 0.01,
      generate: async () => ({
        output: 'answer',
        usage: { inputTokens: 3, outputTokens: 2 },
        costUsd: 0.023,
      }),
    };
    const { orchestrator, clock } = openWith([], {
      agents: [{ name: 'agent', provider, model: 'm', params: { maxTokens: 10 } }],
      budget: { usd: 0.12 },
    });
    // 4 bytes are at most 2 tokens: 0.002 and ten times 0.01 are reserved.
    const calls = Promise.allSettled([1, 2].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(0);
    expect((await calls).map(codeOf)).toEqual(['ok', 'TUTTI_BUDGET_EXCEEDED']);
    expect(orchestrator.stats().budget?.spentUsd).toBe(0.023);
  });

  test.each([
    ['nothing', {}],
    ['no usage at all', undefined],
    ['the input alone', { inputTokens: 1 }],
    ['the output alone', { outputTokens: 1 }],
  ])(
    'in tokens is charged as reserved where a server reports %s, and the result says unknown',
    async (_, usage) => {
      const service = new Service(() => ({ output: 'answer', usage }));
      const { orchestrator, clock } = openWith([service], {
        agents: [service.agent('local', { params: { maxTokens: 98 } })],
        budget: { tokens: 500 },
      });
      const calls = Promise.allSettled(
        Array.from({ length: 50 }, () => orchestrator.execute('local', 'task')),
      );
      await clock.advance(1_000);
      const ends = await calls;
      expect(ends.filter((end) => codeOf(end) === 'ok')).toHaveLength(5);
      expect(orchestrator.stats().budget).toMatchObject({ spentTokens: 500, leftTokens: 0 });
      const [first] = ends as unknown as [PromiseFulfilledResult<{ usage: object }>];
      expect(first.value.usage).toStrictEqual({
        inputTokens: undefined,
        outputTokens: undefined,
        totalTokens: undefined,
        ...usage,
      });
    },
  );

  test('in dollars reserves the longest answer that a provider asks for by itself', async () => {
    const create = async () => ({
      content: [{ type: 'text', text: 'hi' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 2, output_tokens: 1 },
    });
    const ask = async (usd: number) => {
      const agent = anthropic({ model: 'claude-sonnet-4-5', client: { messages: { create } } });
      const { orchestrator, clock } = openWith([], { agents: { agent }, budget: { usd } });
      const call = Promise.allSettled([orchestrator.execute('agent', 'task')]);
      await clock.advance(10);
      return (await call)[0];
    };
    // 4,096 tokens at 15 dollars a million, and two tokens of input at 3.
    expect(codeOf(await ask(0.061_446))).toBe('ok');
    expect(await ask(0.061_445)).toMatchObject({ reason: { needed: 0.061_446 } });
  });

  test.each([
    ['the length of the answer', 'gpt-4.1-mini', {}, 'Set maxTokens; or maxCostUsd on the agent'],
    ['the price', 'my-model', { maxTokens: 10 }, 'Set a price for the model (prices); or maxCostUsd'],
    ['both', 'my-model', {}, 'Set maxTokens and a price for the model (prices); or maxCostUsd'],
  ])('says what to set where it cannot know %s', async (_, model, params, cure) => {
    const agent = openai({ model, params, apiKey: 'none' });
    const { orchestrator } = openWith([], { agents: { agent }, budget: { usd: 1 } });
    expect((await rejection(orchestrator.execute('agent', 'task'))).message).toContain(cure);
  });

  test('is charged nothing for hits, and once for a shared call', async () => {
    const service = costing(0.01);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 0.01 },
      cache: true,
    });
    const calls = Promise.all([1, 2, 3].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(10);
    expect((await calls).map(({ cached }) => cached)).toEqual([false, 'shared', 'shared']);
    const hit = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    expect((await hit).cached).toBe('memory');
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0.01, leftUsd: 0 });
  });

  test.each([
    ['an answer without a cost', undefined, 0.01, 0.002],
    ['an answer that cost more', 0.015, 0.015, 0],
  ])('is charged %s', async (_, costUsd, spentUsd, leftUsd) => {
    const service = costing(costUsd);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 0.012 },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    await call;
    expect(orchestrator.stats().budget?.spentUsd).toBe(spentUsd);
    expect((await rejection(orchestrator.execute('agent', 'task'))).left).toBe(leftUsd);
  });
});

describe('what is charged for an attempt without an answer', () => {
  const failing = (error: () => unknown, latencyMs = 10) =>
    new Service(() => {
      throw error();
    }, latencyMs);

  test.each([
    ['a rejection', () => httpError(429), 0],
    ['a bug', () => new TypeError('bug'), 0],
  ])('%s: nothing', async (_, error, spentUsd) => {
    const service = failing(error);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 1 },
      maxRetries: 0,
    });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(10);
    await failed;
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd, reservedUsd: 0 });
  });

  test('each that timed out and the one that was cancelled: what was reserved', async () => {
    const service = new Service(undefined, 1_000);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 1 },
      retry: { jitter: 'none' },
    });
    const timedOut = rejection(orchestrator.execute('agent', 'task', { timeoutMs: 100, maxRetries: 1 }));
    await clock.advance(1_200);
    expect((await timedOut).code).toBe('TUTTI_RETRIES_EXHAUSTED');
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0.02, reservedUsd: 0 });
    const controller = new AbortController();
    const cancelled = rejection(orchestrator.execute('agent', 'task', { signal: controller.signal }));
    await turn(5);
    controller.abort();
    await cancelled;
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0.03, reservedUsd: 0 });
  });

  test('each that broke off: what it is known to have used itself', async () => {
    let runs = 0;
    async function* pieces() {
      runs += 1;
      yield { type: 'usage', usage: { inputTokens: 0, outputTokens: runs } } as const;
      if (runs < 3) throw httpError(500);
      yield 'answer';
      yield { type: 'finish', finishReason: 'stop' } as const;
    }
    const provider: Provider = {
      name: 'scripted',
      specificationVersion: 1,
      costUsd: (_model, { outputTokens = 0 }) => outputTokens * 0.01,
      generate: async () => pieces() as never,
    };
    const { orchestrator, clock } = openWith([], {
      agents: [{ name: 'agent', provider, model: 'm', params: { maxTokens: 10 } }],
      budget: { usd: 1 },
      retry: { jitter: 'none' },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(5_000);
    expect(await call).toMatchObject({ output: 'answer', attempts: 3, usage: { outputTokens: 6 } });
    expect(orchestrator.stats().budget?.spentUsd).toBe(0.06);
  });

  test('a stream whose reader leaves: what was reserved', async () => {
    const { orchestrator, clock } = openWith([], {
      agents: {
        agent: {
          name: 'agent',
          maxCostUsd: 0.01,
          run: async function* (_task: string, { signal }: { signal: AbortSignal }) {
            yield 'half';
            await new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason));
            });
          },
        },
      },
      budget: { usd: 1 },
    });
    const stream = orchestrator.stream('agent', 'task');
    const ended = Promise.allSettled([stream.result]);
    for await (const event of stream) if (event.type === 'text-delta') break;
    await clock.advance(0);
    expect((await ended)[0]).toMatchObject({ status: 'rejected', reason: { code: 'TUTTI_CANCELLED' } });
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0.01, reservedUsd: 0 });
  });

  test('a call that was cancelled while it waited for a permit or its lane: nothing', async () => {
    const service = costing(0.01, 1_000);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', PER_CALL)],
      budget: { usd: 1 },
      limits: { requestsPerMinute: 2 },
      maxConcurrent: 1,
    });
    const controller = new AbortController();
    const first = orchestrator.execute('agent', 'task');
    await turn(5);
    const waiting = Promise.allSettled(
      [1, 2].map(() => orchestrator.execute('agent', 'task', { signal: controller.signal })),
    );
    await turn(5);
    expect(orchestrator.stats().budget?.reservedUsd).toBe(0.01);
    controller.abort();
    expect((await waiting).map(codeOf)).toEqual(['TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
    expect(orchestrator.stats().budget).toMatchObject({ spentUsd: 0, reservedUsd: 0.01 });
    await clock.advance(1_000);
    await first;
  });
});

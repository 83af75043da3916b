import { describe, expect, test } from '@jest/globals';
import { defineAgent } from '../../../src/agents/define-agent.js';
import type { CallOutcome } from '../../../src/contracts/result.js';
import { HeldAgent, httpError, rejection, turn } from '../../behaviour/held-agent.js';
import { openingOrchestrators } from '../../behaviour/opened-orchestrators.js';

const open = openingOrchestrators();

const ANSWER = {
  output: 'forty-two',
  data: { number: [42] },
  usage: { inputTokens: 10, outputTokens: 5 },
  costUsd: 0.25,
  model: 'deep-thought',
};

describe('identical calls at the same time', () => {
  test('reach the agent once: 1,000 by execute', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 4 });
    const calls = Array.from({ length: 1_000 }, () => orchestrator.execute('agent', 'question'));
    await turn();
    expect(orchestrator.stats()).toMatchObject({ running: 1, inFlight: 1_000, attempts: 1, queued: 0 });
    agent.at(0).answer(ANSWER);
    const results = await Promise.all(calls);
    expect(agent.runs).toHaveLength(1);
    expect(new Set(results.map(({ callId }) => callId)).size).toBe(1_000);
    expect(results.every(({ output }) => output === 'forty-two')).toBe(true);
    const payers = results.filter(({ cached }) => cached === false);
    expect(payers).toHaveLength(1);
    expect(payers[0]).toMatchObject({ costUsd: 0.25, savedUsd: undefined });
    const others = results.filter(({ cached }) => cached === 'shared');
    expect(others).toHaveLength(999);
    expect(others.every(({ costUsd, savedUsd }) => costUsd === 0 && savedUsd === 0.25)).toBe(true);
    expect(orchestrator.stats()).toMatchObject({
      succeeded: 1_000,
      attempts: 1,
      costUsd: 0.25,
      inputTokens: 10,
      outputTokens: 5,
    });
  });

  test('reach the agent once: 1,000 by executeMultiple', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 4 });
    const run = orchestrator.executeMultiple(
      Array.from({ length: 1_000 }, () => ['agent', 'question'] as const),
    );
    await turn();
    agent.at(0).answer(ANSWER);
    const results = await run;
    expect(agent.runs).toHaveLength(1);
    expect(results.filter((result) => result.success && result.cached === false)).toHaveLength(1);
    expect(results.every((result) => result.success && result.output === 'forty-two')).toBe(true);
    expect(orchestrator.stats()).toMatchObject({ attempts: 1, costUsd: 0.25 });
  });

  test('give every result the same keys, and values of its own', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const calls = [1, 2, 3].map((n) => orchestrator.execute('agent', 'question', { metadata: { n } }));
    await turn();
    agent.at(0).answer(ANSWER);
    const results: CallOutcome[] = await Promise.all(calls);
    const [first, second, third] = results as [CallOutcome, CallOutcome, CallOutcome];
    expect(Object.keys(second).sort()).toEqual(Object.keys(first).sort());
    expect(results.map(({ metadata }) => metadata)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    (first as { data?: unknown }).data = undefined;
    (second as { data: { number: number[] } }).data.number.push(43);
    second.usage.inputTokens = -1;
    expect(third).toMatchObject({ data: { number: [42] }, usage: { inputTokens: 10, totalTokens: 15 } });
    const hit = await orchestrator.execute('agent', 'question', { metadata: {} });
    expect(hit).toMatchObject({ cached: 'memory', data: { number: [42] } });
  });

  test('share what cannot be copied as it is', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const calls = [1, 2].map(() => orchestrator.execute('agent', 'q'));
    await turn();
    const data = { now: () => 42 };
    agent.at(0).answer({ output: 'x', data });
    for (const result of await Promise.all(calls)) expect(result.data).toBe(data);
  });

  test('are those with the same model, params and tenant, in whatever order of keys', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const ask = (options: object): unknown => orchestrator.execute('agent', 'question', options);
    const calls = [
      ask({ params: { a: 1, b: 2 } }),
      ask({ params: { b: 2, a: 1 } }),
      ask({ params: { a: 1, b: 3 } }),
      ask({ model: 'm' }),
      ask({ tenant: 't' }),
      ask({}),
    ];
    await turn();
    expect(agent.runs).toHaveLength(5);
    for (const run of agent.runs) run.answer('x');
    await Promise.all(calls);
  });

  test('hold no permit while they wait', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 2 });
    const same = [1, 2, 3, 4].map(() => orchestrator.execute('agent', 'same'));
    const other = orchestrator.execute('agent', 'other');
    await turn();
    expect(agent.runs.map(({ task }) => task)).toEqual(['same', 'other']);
    for (const run of agent.runs) run.answer('x');
    await Promise.all([...same, other]);
  });

  test('keep no place of their run from other tasks', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 2 });
    const tasks = ['same', 'same', 'same', 'other', 'same', 'third'].map((task) => ['agent', task] as const);
    const run = orchestrator.executeMultiple(tasks);
    await turn();
    expect(agent.runs.map(({ task }) => task)).toEqual(['same', 'other']);
    agent.at(0).answer('x');
    await turn();
    expect(agent.runs.map(({ task }) => task)).toEqual(['same', 'other', 'third']);
    agent.at(1).answer('x');
    agent.at(2).answer('x');
    expect((await run).every(({ success }) => success)).toBe(true);
    expect(orchestrator.stats().attempts).toBe(3);
  });

  test('may wait where a task of a run may wait, however short the queue', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 1, maxQueued: 0 });
    const single = orchestrator.execute('agent', 'single');
    const run = orchestrator.executeMultiple([['agent', 'task']]);
    await turn();
    agent.at(0).answer('x');
    await single;
    await turn();
    agent.at(1).answer('y');
    expect(await run).toMatchObject([{ success: true, output: 'y' }]);
  });

  test('fail together when the queue is full', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 1, maxQueued: 0 });
    const running = orchestrator.execute('agent', 'single');
    const full = await rejection(orchestrator.execute('agent', 'one more'));
    expect(full.code).toBe('TUTTI_QUEUE_FULL');
    await turn();
    agent.at(0).answer('x');
    await running;
  });

  test('are made as early as the most urgent of them would be', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 1 });
    const calls = [
      orchestrator.execute('agent', 'first'),
      orchestrator.execute('agent', 'shared', { priority: -1 }),
      orchestrator.execute('agent', 'plain'),
      orchestrator.execute('agent', 'shared', { priority: 9 }),
    ];
    for (const index of [0, 1, 2]) {
      await turn();
      agent.at(index).answer('x');
    }
    await Promise.all(calls);
    expect(agent.runs.map(({ task }) => task)).toEqual(['first', 'shared', 'plain']);
  });

  test('keep the place of the first of them when one that is no more urgent joins', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 1 });
    const calls = [
      orchestrator.execute('agent', 'first'),
      orchestrator.execute('agent', 'shared'),
      orchestrator.execute('agent', 'plain'),
      orchestrator.execute('agent', 'shared'),
      orchestrator.execute('agent', 'shared', { priority: -1 }),
    ];
    for (const index of [0, 1, 2]) {
      await turn();
      agent.at(index).answer('x');
    }
    await Promise.all(calls);
    expect(agent.runs.map(({ task }) => task)).toEqual(['first', 'shared', 'plain']);
  });

  test("are made as early within an agent's own limit too", async () => {
    const agent = new HeldAgent();
    const narrow = defineAgent({ name: 'agent', run: agent.run, maxConcurrent: 1 });
    const { orchestrator } = open({ agents: [narrow] });
    const calls = [
      orchestrator.execute('agent', 'first'),
      orchestrator.execute('agent', 'plain'),
      orchestrator.execute('agent', 'shared', { priority: -1 }),
      orchestrator.execute('agent', 'shared', { priority: 9 }),
    ];
    for (const index of [0, 1, 2]) {
      await turn();
      agent.at(index).answer('x');
    }
    await Promise.all(calls);
    expect(agent.runs.map(({ task }) => task)).toEqual(['first', 'shared', 'plain']);
  });
});

describe('leaving shared work', () => {
  test('leaves it to the others; exactly one of them pays', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const leader = new AbortController();
    const left = rejection(orchestrator.execute('agent', 'question', { signal: leader.signal }));
    const others = [1, 2, 3].map(() => orchestrator.execute('agent', 'question'));
    await turn();
    leader.abort(new Error('enough'));
    expect(await left).toMatchObject({ code: 'TUTTI_CANCELLED', attempt: 1, cause: { message: 'enough' } });
    expect(agent.at(0).signal.aborted).toBe(false);
    agent.at(0).answer(ANSWER);
    const results = await Promise.all(others);
    expect(results.map(({ cached, costUsd }) => [cached, costUsd])).toEqual([
      [false, 0.25],
      ['shared', 0],
      ['shared', 0],
    ]);
    expect(orchestrator.stats()).toMatchObject({ costUsd: 0.25, cancelled: 1, succeeded: 3 });
  });

  test('by deadline tells each of its own, and the work goes on for the rest', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({ agents: { agent: agent.run } });
    const left = rejection(orchestrator.execute('agent', 'question', { deadlineMs: 100 }));
    await clock.advance(40);
    const joined = rejection(orchestrator.execute('agent', 'question', { deadlineMs: 200 }));
    const patient = orchestrator.execute('agent', 'question');
    await clock.advance(60);
    expect(await left).toMatchObject({
      code: 'TUTTI_TIMEOUT',
      scope: 'deadline',
      timeoutMs: 100,
      attempt: 1,
    });
    await clock.advance(140);
    expect(await joined).toMatchObject({ scope: 'deadline', timeoutMs: 200, attempt: 1 });
    agent.at(0).answer(ANSWER);
    expect(await patient).toMatchObject({ cached: false, costUsd: 0.25, attempts: 1 });
    expect(agent.runs).toHaveLength(1);
  });

  test('shows how long the call waited and how long the work ran for it', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({ agents: { agent: agent.run }, maxConcurrent: 1 });
    const before = orchestrator.execute('agent', 'before');
    const whole = orchestrator.execute('agent', 'question');
    const early = orchestrator.executeMultiple([['agent', 'question']], { deadlineMs: 90 });
    await clock.advance(50);
    agent.at(0).answer('x');
    await before;
    await clock.advance(20);
    const late = orchestrator.executeMultiple([['agent', 'question']], { deadlineMs: 30 });
    const last = orchestrator.execute('agent', 'question');
    await clock.advance(30);
    expect((await early)[0]).toMatchObject({
      attempts: 1,
      timings: { queuedMs: 50, runMs: 40, totalMs: 90 },
    });
    expect((await late)[0]).toMatchObject({ attempts: 1, timings: { queuedMs: 0, runMs: 30, totalMs: 30 } });
    agent.at(1).answer('x');
    expect((await whole).timings).toEqual({ queuedMs: 50, runMs: 50, totalMs: 100 });
    expect((await last).timings).toEqual({ queuedMs: 0, runMs: 30, totalMs: 30 });
  });

  test('aborts the work when the last one leaves, and at once', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const controllers = Array.from({ length: 50 }, () => new AbortController());
    const calls = controllers.map(({ signal }) => rejection(orchestrator.execute('agent', 'q', { signal })));
    await turn();
    for (const controller of controllers.slice(1)) controller.abort();
    await turn();
    expect(agent.at(0).signal.aborted).toBe(false);
    controllers[0]?.abort();
    expect(agent.at(0).signal.aborted).toBe(true);
    const errors = await Promise.all(calls);
    expect(errors.every(({ code }) => code === 'TUTTI_CANCELLED')).toBe(true);
    await turn();
    expect(orchestrator.stats()).toMatchObject({ running: 0, cancelled: 50, costUsd: 0 });
  });

  test('before the work has its permit takes it out of the queue', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run }, maxConcurrent: 1 });
    const running = orchestrator.execute('agent', 'first');
    const controller = new AbortController();
    const left = rejection(orchestrator.execute('agent', 'q', { signal: controller.signal }));
    expect(orchestrator.stats().queued).toBe(1);
    controller.abort();
    expect(await left).toMatchObject({ code: 'TUTTI_CANCELLED', attempt: 0 });
    expect(orchestrator.stats().queued).toBe(0);
    await turn();
    agent.at(0).answer('x');
    await running;
  });

  test('and coming back starts anew, without waiting for work that was told to stop', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const controller = new AbortController();
    const left = rejection(orchestrator.execute('agent', 'q', { signal: controller.signal }));
    await turn();
    controller.abort();
    const again = orchestrator.execute('agent', 'q');
    await left;
    await turn();
    expect(agent.runs).toHaveLength(2);
    agent.at(1).answer('new');
    expect((await again).output).toBe('new');
  });

  test('leaves no listener on the signal', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const calls = [1, 2, 3].map(() => orchestrator.execute('agent', 'q', { signal }));
    await turn();
    expect(listeners).toBe(1);
    agent.at(0).answer('x');
    await Promise.all(calls);
    await orchestrator.execute('agent', 'q', { signal });
    expect(listeners).toBe(0);
  });
});

describe('failures of shared work', () => {
  test('reach all who wait, each with its own id', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const one = orchestrator.executeMultiple([{ agent: 'agent', task: 'q', metadata: { n: 1 } }]);
    const two = orchestrator.executeMultiple([{ agent: 'agent', task: 'q', metadata: { n: 2 } }]);
    await turn();
    agent.at(0).fail(httpError(400));
    const [[first], [second]] = await Promise.all([one, two]);
    expect(first).toMatchObject({ success: false, error: { status: 400 }, attempts: 1, metadata: { n: 1 } });
    expect(second).toMatchObject({ success: false, error: { status: 400 }, attempts: 1, metadata: { n: 2 } });
    expect(first?.callId).not.toBe(second?.callId);
    expect(orchestrator.stats()).toMatchObject({ failed: 2, attempts: 1 });
    const again = rejection(orchestrator.execute('agent', 'q'));
    await turn();
    expect(agent.runs).toHaveLength(2);
    agent.at(1).fail(httpError(400));
    await again;
  });

  test('that can pass are retried once for all', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({
      agents: { agent: agent.run },
      retry: { minDelayMs: 100, jitter: 'none' },
    });
    const calls = Array.from({ length: 10 }, () => orchestrator.execute('agent', 'q'));
    await turn();
    agent.at(0).fail(httpError(503));
    await turn();
    expect(orchestrator.stats()).toMatchObject({ backingOff: 1, running: 0 });
    const late = orchestrator.execute('agent', 'q');
    await clock.advance(100);
    expect(agent.runs).toHaveLength(2);
    agent.at(1).answer(ANSWER);
    const results = await Promise.all([...calls, late]);
    expect(results.every(({ attempts }) => attempts === 2)).toBe(true);
    expect(orchestrator.stats()).toMatchObject({ attempts: 2, retries: 1, costUsd: 0.25 });
  });

  test('use up the attempts once for all', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({
      agents: { agent: agent.run },
      retry: { minDelayMs: 100, jitter: 'none' },
      maxRetries: 1,
    });
    const calls = [1, 2, 3].map(() => rejection(orchestrator.execute('agent', 'q')));
    await turn();
    agent.at(0).fail(httpError(503));
    await clock.advance(100);
    agent.at(1).fail(httpError(503));
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 'TUTTI_RETRIES_EXHAUSTED', errors: { length: 2 } });
    }
  });

  test('by timeout name the attempt to everybody', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({ agents: { agent: agent.run }, timeoutMs: 50, maxRetries: 0 });
    const calls = [1, 2].map(() => rejection(orchestrator.execute('agent', 'q')));
    await clock.advance(50);
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ scope: 'attempt', timeoutMs: 50, attempt: 1 });
    }
    expect(orchestrator.stats()).toMatchObject({ timedOut: 2, failed: 2 });
  });

  test('with a wait beyond all deadlines are told at once, to each with its own deadline', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({ agents: { agent: agent.run } });
    const calls = [100, 300].map((deadlineMs) =>
      rejection(orchestrator.execute('agent', 'q', { deadlineMs })),
    );
    await clock.advance(7);
    const late = rejection(orchestrator.execute('agent', 'q', { deadlineMs: 50 }));
    agent.at(0).fail(httpError(429, { retryAfterMs: 60_000 }));
    const [short, long, joined] = await Promise.all([...calls, late]);
    expect(short).toMatchObject({ scope: 'deadline', timeoutMs: 100, attempt: 1, cause: { status: 429 } });
    expect(long).toMatchObject({ scope: 'deadline', timeoutMs: 300, attempt: 1, cause: { status: 429 } });
    expect(joined).toMatchObject({ scope: 'deadline', timeoutMs: 50, attempt: 1 });
    expect(clock.now()).toBe(7);
  });

  test('with a wait within the longest deadline are waited out for that call', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({
      agents: { agent: agent.run },
      retry: { minDelayMs: 1, maxDelayMs: 1 },
    });
    const short = rejection(orchestrator.execute('agent', 'q', { deadlineMs: 100 }));
    const long = orchestrator.execute('agent', 'q', { deadlineMs: 2_000 });
    await turn();
    agent.at(0).fail(httpError(429, { retryAfterMs: 500 }));
    await clock.advance(100);
    expect(await short).toMatchObject({ scope: 'deadline', timeoutMs: 100 });
    await clock.advance(900);
    agent.at(1).answer('late but right');
    expect(await long).toMatchObject({ output: 'late but right', attempts: 2 });
  });

  test('that an agent itself calls a deadline are handed on as they are', async () => {
    const inner = new HeldAgent();
    const nested = open({ agents: { inner: inner.run } });
    const { orchestrator } = open({
      agents: {
        outer: async () => (await nested.orchestrator.execute('inner', 'q', { deadlineMs: 10 })).output,
      },
    });
    const call = rejection(orchestrator.execute('outer', 'q', { deadlineMs: 500 }));
    await turn();
    await nested.clock.advance(10);
    expect(await call).toMatchObject({ scope: 'deadline', timeoutMs: 10, agent: 'inner' });
  });
});

describe('runs with shared work', () => {
  test('read on as before when a task leaves during a backoff', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({
      agents: { agent: agent.run },
      maxConcurrent: 1,
      retry: { minDelayMs: 1_000, jitter: 'none' },
    });
    const tasks = ['a', 'b', 'c', 'd'].map((task) => ({ agent: 'agent', task, deadlineMs: 5_000 }));
    const outside = orchestrator.execute('agent', 'a', { deadlineMs: 20_000 });
    const left = orchestrator.executeMultiple([
      { agent: 'agent', task: 'a', deadlineMs: 50 },
      ...tasks.slice(1),
    ]);
    await turn();
    agent.at(0).fail(httpError(503));
    await clock.advance(50);
    // One after the other: the task that left gave back what it had set aside.
    expect(orchestrator.stats().inFlight).toBe(2);
    for (const [index, task] of ['b', 'c', 'd'].entries()) {
      await turn();
      expect(agent.at(index + 1).task).toBe(task);
      expect(orchestrator.stats().inFlight).toBe(2);
      agent.at(index + 1).answer('x');
    }
    expect((await left).map(({ success }) => success)).toEqual([false, true, true, true]);
    await clock.advance(1_000);
    agent.at(4).answer('x');
    expect((await outside).attempts).toBe(2);
  });

  test('cancel the rest of the run although its tasks share their work', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const error = rejection(
      orchestrator.executeMultiple(
        [
          ['agent', 'a'],
          ['agent', 'b'],
          ['agent', 'b'],
          ['agent', 'a'],
        ],
        {
          stopOnError: true,
        },
      ),
    );
    await turn();
    agent.at(0).fail(httpError(400));
    expect((await error).status).toBe(400);
    await turn();
    expect(agent.at(1).signal.aborted).toBe(true);
  });
});

describe('closing', () => {
  test('lets shared work finish within its time', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const calls = [1, 2].map(() => orchestrator.execute('agent', 'q'));
    await turn();
    const closing = orchestrator.close();
    agent.at(0).answer('x');
    expect((await Promise.all(calls)).map(({ output }) => output)).toEqual(['x', 'x']);
    await closing;
  });

  test('ends it when the time is over', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock } = open({ agents: { agent: agent.run } });
    const calls = [1, 2].map(() => rejection(orchestrator.execute('agent', 'q')));
    await turn();
    const closing = orchestrator.close({ drainMs: 100 });
    await clock.advance(100);
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual([
      'TUTTI_CANCELLED',
      'TUTTI_CANCELLED',
    ]);
    expect(agent.at(0).signal.aborted).toBe(true);
    await closing;
  });
});

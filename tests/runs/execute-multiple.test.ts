// Covers: src/runs/task-admission.ts, src/runs/task-run.ts
import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import {
  AgentError,
  type AgentFailure,
  AsyncOrchestrator,
  type CallOutcome,
  ClosedError,
  InvalidArgumentError,
  type TaskInput,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import {
  hang,
  httpError,
  RunCounter,
  rejectionOf,
  turn,
  wait,
  waitOrAbort,
} from '../behaviour/scripted-agents.js';

const echo = (task: string): string => task;
const outputs = (outcomes: readonly CallOutcome[]): unknown[] =>
  outcomes.map((outcome) => (outcome.success ? outcome.output : outcome.error.code));

describe('executeMultiple', () => {
  test('gives the results of three tasks in the order of the input, whatever takes longest', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: { slow: (task) => wait(clock, Number(task)).then(() => task), quick: echo },
    });
    const run = orchestrator.executeMultiple([
      ['slow', '300'],
      ['quick', 'now'],
      { agent: 'slow', task: '100', metadata: { row: 3 } },
    ]);
    await clock.advance(300);
    const results = await run;
    expect(results).toMatchObject([
      { success: true, agent: 'slow', output: '300' },
      { success: true, agent: 'quick', output: 'now' },
      { success: true, agent: 'slow', output: '100', metadata: { row: 3 } },
    ]);
    expect(clock.now()).toBe(300);
  });

  test.each([
    ['an array', () => [['echo', 'a'], ['echo', 'b'], { agent: 'echo', task: 'c' }]],
    ['an empty array', () => []],
    ['a Set', () => new Set([['echo', 'a']])],
    ['the values of a Map', () => new Map([['x', ['echo', 'a']]]).values()],
    [
      'a generator',
      function* () {
        yield ['echo', 'a'];
        yield ['echo', 'b'];
      },
    ],
    [
      'an async generator',
      async function* () {
        yield ['echo', 'a'];
        await turn();
        yield ['echo', 'b'];
      },
    ],
  ])('takes %s', async (_what, source) => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const outcomes = await orchestrator.executeMultiple(source() as Iterable<TaskInput>);
    expect(outputs(outcomes)).toEqual(['a', 'b', 'c'].slice(0, outcomes.length));
  });

  test.each([[undefined], [null], [42], ['a string'], [{}], [() => []]])(
    'rejects %p as a source of tasks',
    async (source) => {
      const orchestrator = new AsyncOrchestrator({ agents: { echo } });
      const error = await rejectionOf(
        InvalidArgumentError,
        orchestrator.executeMultiple(source as unknown as Iterable<TaskInput>),
      );
      expect(error).toMatchObject({ field: 'tasks' });
    },
  );

  test('puts what is not a task into its place as a failure and runs the others', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const outcomes = await orchestrator.executeMultiple([
      ['echo', 'fine'],
      ['../../etc/passwd', 'x'],
      ['nobody', 'x'],
      ['echo', ''],
      ['echo', 'x'.repeat(100_001)],
      ['echo'],
      ['echo', 'x', 'y'],
      'echo',
      null,
      undefined,
      { agent: 'echo', task: 'x', timeoutMS: 3 },
      { agent: 'echo', task: 'x', timeoutMs: -1 },
      { task: 'x' },
      { agent: 'echo' },
      ['echo', 'last'],
    ] as unknown as Array<[string, string]>);
    expect(outputs(outcomes)).toEqual([
      'fine',
      'TUTTI_INVALID_ARGUMENT',
      'TUTTI_UNKNOWN_AGENT',
      ...Array.from({ length: 11 }, () => 'TUTTI_INVALID_ARGUMENT'),
      'last',
    ]);
    const failures = outcomes as AgentFailure[];
    expect(failures[1]?.error.message).toContain('Invalid agent name');
    expect(failures[2]?.error.message).toContain('not found');
    expect(failures[2]).toMatchObject({
      success: false,
      agent: 'nobody',
      attempts: 0,
      usage: { totalTokens: undefined },
      timings: { queuedMs: 0, runMs: 0, totalMs: 0 },
    });
    expect(failures[10]?.error.message).toContain('Did you mean "timeoutMs"?');
    expect(failures[5]?.error.message).toContain('pair [agent, task]');
    expect(new Set(outcomes.map((outcome) => outcome.callId)).size).toBe(outcomes.length);
    expect(orchestrator.stats().attempts).toBe(2);
  });

  test('turns a task whose getters throw into a failure in its place', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const hostile = {
      agent: 'echo',
      get task(): string {
        throw new Error('in a getter');
      },
    };
    const [outcome, other] = await orchestrator.executeMultiple([hostile, ['echo', 'fine']] as TaskInput[]);
    expect(outcome).toMatchObject({ success: false, error: { code: 'TUTTI_INVALID_ARGUMENT' } });
    expect(other).toMatchObject({ success: true });
  });

  test('never rejects for a task: one failure loses and delays nothing', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: {
        echo,
        down: () => {
          throw httpError(503);
        },
      },
    });
    const settledAt: number[] = [];
    orchestrator.on('call:end', () => settledAt.push(clock.now()));
    const run = orchestrator.executeMultiple([
      ['down', 'x'],
      ['echo', 'a'],
      ['echo', 'b'],
    ]);
    await clock.advance(0);
    expect(settledAt).toEqual([0, 0]);
    await clock.advance(1_000_000);
    expect(outputs(await run)).toEqual(['TUTTI_RETRIES_EXHAUSTED', 'a', 'b']);
  });

  test('gives failures and results the same shape', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxRetries: 0,
      agents: {
        echo,
        bad: () => {
          throw new Error('x');
        },
      },
    });
    const [result, failure] = await orchestrator.executeMultiple([
      ['echo', 'x'],
      { agent: 'bad', task: 'x', metadata: { a: 1 } },
    ]);
    for (const key of ['agent', 'attempts', 'callId', 'costUsd', 'success', 'timings', 'usage']) {
      expect(result).toHaveProperty(key);
      expect(failure).toHaveProperty(key);
    }
    expect(failure).toMatchObject({ success: false, metadata: { a: 1 }, attempts: 1 });
    expect((failure as AgentFailure).error).toBeInstanceOf(AgentError);
  });

  test('gives its options to every task that has none of its own', async () => {
    const seen: unknown[] = [];
    const orchestrator = new AsyncOrchestrator({
      agents: {
        spy: (task, { model, params }) => {
          seen.push([task, model, params]);
          return 'ok';
        },
      },
    });
    const starts: Array<[number, string | undefined]> = [];
    orchestrator.on('call:start', ({ priority, tenant }) => starts.push([priority, tenant]));
    const outcomes = await orchestrator.executeMultiple(
      [
        ['spy', 'a'],
        { agent: 'spy', task: 'b', model: 'own', priority: 1 },
        { agent: 'spy', task: 'c', model: undefined, priority: undefined },
      ],
      { model: 'shared', params: { x: 1 }, metadata: { run: 1 }, priority: 3, tenant: 't-1' },
    );
    expect(seen.sort()).toEqual([
      ['a', 'shared', { x: 1 }],
      ['b', 'own', { x: 1 }],
      ['c', 'shared', { x: 1 }],
    ]);
    expect(starts).toEqual([
      [3, 't-1'],
      [3, 't-1'],
      [1, 't-1'],
    ]);
    expect(outcomes[0]).toMatchObject({ metadata: { run: 1 } });
  });

  test('rejects options it does not know, and unfit ones', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    for (const [options, text] of [
      [{ stopOnEror: true }, 'Did you mean "stopOnError"?'],
      [{ stopOnError: 'yes' }, 'stopOnError: expected true or false'],
      [{ onProgress: 'log' }, 'onProgress: expected a function'],
      [{ deadlineMs: 0 }, 'deadlineMs: expected milliseconds above 0'],
      [null, 'options: expected an object'],
    ] as const) {
      const error = await rejectionOf(
        InvalidArgumentError,
        orchestrator.executeMultiple([], options as unknown as undefined),
      );
      expect(error.message).toContain(text);
    }
  });

  test('rejects with the first failure and cancels the rest when stopOnError is set', async () => {
    const clock = new FakeClock();
    const aborted: string[] = [];
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      agents: {
        slow: counter.around(async (task, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(task));
          await waitOrAbort(clock, 1_000, signal);
          return task;
        }),
        bad: async () => {
          await wait(clock, 10);
          throw new Error('the first');
        },
      },
    });
    const failing = rejectionOf(
      AgentError,
      orchestrator.executeMultiple(
        [
          ['slow', 'a'],
          ['bad', 'b'],
          ['slow', 'c'],
          ['slow', 'd'],
        ],
        { stopOnError: true },
      ),
    );
    await clock.advance(10);
    expect((await failing).message).toBe('the first');
    await turn();
    expect(aborted).toEqual(['a']);
    expect(counter.started).toBe(1);
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, cancelled: 3 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends as a whole when its signal aborts: an array’s unread tasks fail in their places', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      agents: { slow: (task, { signal }) => waitOrAbort(clock, 100, signal).then(() => task) },
    });
    const controller = new AbortController();
    const run = orchestrator.executeMultiple(
      ['a', 'b', 'c', 'd', 'e'].map((task) => ['slow', task] as const),
      { signal: controller.signal },
    );
    await clock.advance(150);
    controller.abort('stop');
    const outcomes = await run;
    expect(outputs(outcomes)).toEqual(['a', 'b', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
    expect(outcomes.map((outcome) => outcome.attempts)).toEqual([1, 1, 1, 1, 0]);
    expect((outcomes[4] as AgentFailure).error.cause).toBe('stop');
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    // The agents have to see their signals, in a moment of their own.
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('gives failures for every task of an array when its signal was aborted before', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const outcomes = await orchestrator.executeMultiple(
      [
        ['echo', 'a'],
        ['echo', 'b'],
      ] as const,
      {
        signal: AbortSignal.abort(),
      },
    );
    expect(outputs(outcomes)).toEqual(['TUTTI_CANCELLED', 'TUTTI_CANCELLED']);
    expect(orchestrator.stats().attempts).toBe(0);
  });

  test('ends at its deadline, which is the run’s', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: { slow: (task, { signal }) => waitOrAbort(clock, 400, signal).then(() => task) },
    });
    const run = orchestrator.executeMultiple(
      ['a', 'b', 'c', 'd'].map((task) => ({ agent: 'slow', task })),
      { deadlineMs: 1_000 },
    );
    await clock.advance(1_000);
    const outcomes = await run;
    expect(outputs(outcomes)).toEqual(['a', 'b', 'TUTTI_TIMEOUT', 'TUTTI_TIMEOUT']);
    expect((outcomes[3] as AgentFailure).error).toMatchObject({
      scope: 'deadline',
      timeoutMs: 1_000,
      attempt: 0,
    });
    expect(clock.now()).toBe(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('leaves each task its own deadline and signal', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const orchestrator = new AsyncOrchestrator({ clock, abandonMs: 1, agents: { hang } });
    const run = orchestrator.executeMultiple([
      { agent: 'hang', task: 'a', deadlineMs: 100 },
      { agent: 'hang', task: 'b', signal: controller.signal },
    ]);
    await clock.advance(100);
    controller.abort();
    expect(outputs(await run)).toEqual(['TUTTI_TIMEOUT', 'TUTTI_CANCELLED']);
    await clock.advance(10);
  });

  test('shares its permits with single calls and other runs', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 3,
      agents: { slow: counter.around(() => wait(clock, 10).then(() => 'ok')) },
    });
    const tasks = Array.from({ length: 10 }, () => ['slow', 't'] as const);
    const all = Promise.all([
      orchestrator.executeMultiple(tasks),
      orchestrator.executeMultiple(tasks.values()),
      orchestrator.execute('slow', 't'),
    ]);
    await clock.advance(1_000);
    await all;
    expect(counter).toMatchObject({ most: 3, started: 21, now: 0 });
  });

  test('is refused by a closed orchestrator', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    await orchestrator.close();
    await rejectionOf(ClosedError, orchestrator.executeMultiple([['echo', 'a']]));
  });

  test('takes three agents of 1 s and ten at limit 10 no longer than one', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: { slow: () => wait(clock, 1_000).then(() => 'ok') },
    });
    for (const agents of [3, 10]) {
      const startedAt = clock.now();
      const run = orchestrator.executeMultiple(Array.from({ length: agents }, () => ['slow', 't'] as const));
      await clock.advance(1_000);
      await run;
      expect(clock.now() - startedAt).toBe(1_000);
    }
  });
});

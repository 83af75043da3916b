// Covers: src/runs/run-source.ts
import { describe, expect, test } from '@jest/globals';
import {
  AgentError,
  AsyncOrchestrator,
  type CallOutcome,
  type TaskInput,
  TaskSourceError,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, RunCounter, rejectionOf, turn, wait } from '../behaviour/scripted-agents.js';

const echo = (task: string): string => task;
const outputs = (outcomes: readonly CallOutcome[]): unknown[] =>
  outcomes.map((outcome) => (outcome.success ? outcome.output : outcome.error.code));

describe('the source of a run', () => {
  test('reads its source no faster than calls can run', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 3,
      agents: { slow: counter.around(() => wait(clock, 10).then(() => 'ok')) },
    });
    let read = 0;
    function* tasks(): Generator<[string, string]> {
      for (; read < 30; ) {
        read += 1;
        yield ['slow', 't'];
      }
    }
    const run = orchestrator.executeMultiple(tasks());
    for (let step = 1; step <= 10; step += 1) {
      await turn();
      expect([read, counter.now]).toEqual([3 * step, 3]);
      await clock.advance(10);
    }
    expect(await run).toHaveLength(30);
    expect(orchestrator.stats().queued).toBe(0);
  });

  test('answers the first task before it has read the last one', async () => {
    const orchestrator = new AsyncOrchestrator({ maxConcurrent: 2, agents: { echo } });
    let read = 0;
    let readAtFirst = 0;
    async function* tasks(): AsyncGenerator<[string, string]> {
      for (; read < 1_000; ) {
        read += 1;
        yield ['echo', String(read)];
      }
    }
    await orchestrator.executeMultiple(tasks(), {
      onProgress: ({ done }) => {
        if (done === 1) readAtFirst = read;
      },
    });
    expect(read).toBe(1_000);
    expect(readAtFirst).toBeLessThan(10);
  });

  test('reads on while calls wait for their next attempt, up to twice the permits', async () => {
    const clock = new FakeClock();
    let read = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      retry: { minDelayMs: 60_000, maxDelayMs: 60_000, jitter: 'none' },
      maxRetries: 1,
      agents: {
        down: () => {
          throw httpError(503);
        },
      },
    });
    function* tasks(): Generator<[string, string]> {
      for (; read < 30; ) {
        read += 1;
        yield ['down', 't'];
      }
    }
    const run = orchestrator.executeMultiple(tasks());
    await clock.advance(0);
    expect(read).toBe(4);
    await clock.advance(1_000_000);
    expect(await run).toHaveLength(30);
  });

  test('runs 50,000 tasks of a generator without queueing or keeping them', async () => {
    const orchestrator = new AsyncOrchestrator({ maxConcurrent: 10, agents: { echo } });
    let mostInFlight = 0;
    function* tasks(): Generator<[string, string]> {
      for (let index = 0; index < 50_000; index += 1) {
        if (index % 1_000 === 0) mostInFlight = Math.max(mostInFlight, orchestrator.stats().inFlight);
        yield ['echo', 'x'];
      }
    }
    const outcomes = await orchestrator.executeMultiple(tasks());
    expect(outcomes).toHaveLength(50_000);
    expect(mostInFlight).toBeLessThanOrEqual(10);
    expect(orchestrator.stats()).toMatchObject({ succeeded: 50_000, queued: 0 });
  });

  test('runs an array’s highest priorities first and gives results in its order', async () => {
    const order: string[] = [];
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      agents: {
        note: async (task) => {
          order.push(task);
          return task;
        },
      },
    });
    const outcomes = await orchestrator.executeMultiple([
      { agent: 'note', task: 'low', priority: -1 },
      { agent: 'note', task: 'a', priority: 0 },
      { agent: 'note', task: 'high', priority: 5 },
      ['note', 'b'],
      { agent: 'note', task: 'also high', priority: 5 },
      { agent: 'note', task: 'odd', priority: Number.NaN },
    ]);
    expect(order).toEqual(['high', 'also high', 'a', 'b', 'low']);
    expect(outputs(outcomes)).toEqual(['low', 'a', 'high', 'b', 'also high', 'TUTTI_INVALID_ARGUMENT']);
  });

  test('stops reading and closes its source when stopOnError stops it', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      agents: {
        bad: async () => {
          throw new Error('x');
        },
      },
    });
    let read = 0;
    let isClosed = false;
    async function* tasks(): AsyncGenerator<[string, string]> {
      try {
        for (;;) {
          read += 1;
          yield ['bad', 't'];
        }
      } finally {
        isClosed = true;
      }
    }
    await rejectionOf(AgentError, orchestrator.executeMultiple(tasks(), { stopOnError: true }));
    await turn();
    expect([read, isClosed]).toEqual([1, true]);
  });

  test('rejects with TaskSourceError when the source throws, and loses no result', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      agents: { slow: (task) => wait(clock, 10).then(() => task) },
    });
    const failure = new Error('file truncated');
    function* sync(): Generator<[string, string]> {
      yield ['slow', 'a'];
      yield ['slow', 'b'];
      yield ['slow', 'c'];
      throw failure;
    }
    async function* later(): AsyncGenerator<[string, string]> {
      yield* sync();
    }
    for (const source of [sync(), later()]) {
      const failing = rejectionOf(TaskSourceError, orchestrator.executeMultiple(source));
      await clock.advance(100);
      const error = await failing;
      expect(error.cause).toBe(failure);
      expect(error.message).toContain('after 3 tasks');
      expect(outputs(error.results as CallOutcome[])).toEqual(['a', 'b', 'c']);
      expect(orchestrator.stats().inFlight).toBe(0);
    }
  });

  test.each([
    [
      'an iterator that cannot be opened',
      {
        [Symbol.iterator]: () => {
          throw new Error('no');
        },
      },
    ],
    [
      'an async iterator that cannot be opened',
      {
        [Symbol.asyncIterator]: () => {
          throw new Error('no');
        },
      },
    ],
    ['steps that are no objects', { [Symbol.iterator]: () => ({ next: () => 7 }) }],
    [
      'a next that rejects',
      { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('no')) }) },
    ],
  ])('rejects with TaskSourceError for %s', async (_what, source) => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const error = await rejectionOf(
      TaskSourceError,
      orchestrator.executeMultiple(source as unknown as Iterable<TaskInput>),
    );
    expect(error.results).toEqual([]);
    expect(orchestrator.stats().inFlight).toBe(0);
  });

  test('does not wait for a source that never answers once it was cancelled', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const controller = new AbortController();
    async function* silent(): AsyncGenerator<[string, string]> {
      yield ['echo', 'a'];
      await new Promise(() => {});
    }
    const run = orchestrator.executeMultiple(silent(), { signal: controller.signal });
    await turn();
    controller.abort();
    expect(outputs(await run)).toEqual(['a']);
  });

  test('drops a task that comes after the run was cancelled', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: { echo: counter.around(async (task) => task) },
    });
    const controller = new AbortController();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => wait(clock, 10).then(() => ({ done: false as const, value: ['echo', 'a'] as const })),
      }),
    };
    const run = orchestrator.executeMultiple(source, { signal: controller.signal });
    await clock.advance(5);
    controller.abort();
    await clock.advance(100);
    expect(await run).toEqual([]);
    expect(counter.started).toBe(0);
  });
});

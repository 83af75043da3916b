// Covers: src/runs/collect-run.ts, src/runs/input-order.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  AgentError,
  AsyncOrchestrator,
  type CallOutcome,
  ClosedError,
  InvalidArgumentError,
  TaskSourceError,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { RunCounter, rejectionOf, turn, wait, waitOrAbort } from '../behaviour/scripted-agents.js';

const echo = (task: string): string => task;

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('executeEach', () => {
  test('gives each outcome with its index as soon as it has settled', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: { slow: (task) => wait(clock, Number(task)).then(() => task) },
    });
    const run = collect(
      orchestrator.executeEach([
        ['slow', '300'],
        ['slow', '100'],
        ['nobody' as string, 'x'],
        ['slow', '200'],
      ]),
    );
    await clock.advance(300);
    expect((await run).map(({ index, success }) => [index, success])).toEqual([
      [2, false],
      [1, true],
      [3, true],
      [0, true],
    ]);
  });

  test('reads its source no faster than its outcomes are taken', async () => {
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 4,
      agents: { work: counter.around(async (task) => task) },
    });
    let read = 0;
    function* tasks(): Generator<[string, string]> {
      for (; read < 100; ) {
        read += 1;
        yield ['work', String(read)];
      }
    }
    let taken = 0;
    for await (const _outcome of orchestrator.executeEach(tasks())) {
      taken += 1;
      await turn();
      expect(read - taken).toBeLessThanOrEqual(4);
    }
    expect([taken, read, counter.most]).toEqual([100, 100, 4]);
  });

  test('cancels what runs and closes its source when its reader leaves', async () => {
    const clock = new FakeClock();
    const aborted: string[] = [];
    let isClosed = false;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 3,
      agents: {
        slow: async (task, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(task));
          await waitOrAbort(clock, task === '1' ? 10 : 10_000, signal);
          return task;
        },
      },
    });
    let read = 0;
    function* tasks(): Generator<[string, string]> {
      try {
        for (;;) {
          read += 1;
          yield ['slow', String(read)];
        }
      } finally {
        isClosed = true;
      }
    }
    const reading = (async () => {
      for await (const outcome of orchestrator.executeEach(tasks())) {
        expect(outcome).toMatchObject({ index: 0, output: '1' });
        break;
      }
    })();
    await clock.advance(10);
    await reading;
    await turn();
    expect([aborted, isClosed, read]).toEqual([['2', '3'], true, 3]);
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, cancelled: 2 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('has settled everything when its reader throws', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    await expect(
      (async () => {
        for await (const _outcome of orchestrator.executeEach([
          ['echo', 'a'],
          ['echo', 'b'],
        ] as const))
          throw new Error('in the loop');
      })(),
    ).rejects.toThrow('in the loop');
    await turn();
    expect(orchestrator.stats().inFlight).toBe(0);
  });

  test('gives the failure and then throws it when stopOnError is set', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      agents: {
        slow: (_task, { signal }) => waitOrAbort(clock, 1_000, signal).then(() => 'ok'),
        bad: async () => {
          throw new Error('the first');
        },
      },
    });
    const seen: Array<CallOutcome & { index: number }> = [];
    const failing = rejectionOf(
      AgentError,
      (async () => {
        for await (const outcome of orchestrator.executeEach(
          [
            ['slow', 'a'],
            ['bad', 'b'],
            ['slow', 'c'],
          ] as const,
          {
            stopOnError: true,
          },
        ))
          seen.push(outcome);
      })(),
    );
    await clock.advance(0);
    expect((await failing).message).toBe('the first');
    expect(seen[0]).toMatchObject({ index: 1, success: false });
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, cancelled: 2 });
  });

  test('throws TaskSourceError after the outcomes of what had been read', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    async function* tasks(): AsyncGenerator<[string, string]> {
      yield ['echo', 'a'];
      yield ['echo', 'b'];
      throw new Error('cut');
    }
    const seen: number[] = [];
    const error = await rejectionOf(
      TaskSourceError,
      (async () => {
        for await (const { index } of orchestrator.executeEach(tasks())) seen.push(index);
      })(),
    );
    expect(seen).toEqual([0, 1]);
    expect(error.message).toContain('after 2 tasks; their results have been delivered');
    expect(error).toMatchObject({ results: [], tasksRead: 2 });
  });

  test('throws at the first step what is wrong at the door, and starts nothing before it', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    let isRead = false;
    const never = orchestrator.executeEach(
      (function* (): Generator<[string, string]> {
        isRead = true;
        yield ['echo', 'a'];
      })(),
    );
    await turn();
    expect(isRead).toBe(false);
    await never.return();
    expect(isRead).toBe(false);
    await rejectionOf(InvalidArgumentError, collect(orchestrator.executeEach([], { maxRetries: -1 })));
    await rejectionOf(InvalidArgumentError, collect(orchestrator.executeEach(7 as unknown as [])));
    await orchestrator.close();
    await rejectionOf(ClosedError, collect(orchestrator.executeEach([])));
  });

  test('ends with its signal and reports progress', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: { slow: (task, { signal }) => waitOrAbort(clock, 100, signal).then(() => task) },
    });
    const controller = new AbortController();
    const done: number[] = [];
    const run = collect(
      orchestrator.executeEach(
        [
          ['slow', 'a'],
          ['slow', 'b'],
          ['slow', 'c'],
        ] as const,
        {
          signal: controller.signal,
          onProgress: (progress) => done.push(progress.done),
        },
      ),
    );
    await clock.advance(150);
    controller.abort();
    expect((await run).map(({ index, success }) => [index, success]).sort()).toEqual([
      [0, true],
      [1, false],
      [2, false],
    ]);
    expect(done).toEqual([1, 2, 3]);
  });
});

describe('executeEach in input order', () => {
  test('gives outcomes in the order of the input, whatever takes longest', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 3,
      agents: { slow: (task) => wait(clock, Number(task)).then(() => task) },
    });
    const tasks = ['300', '100', '200', '50'].map((task, index) => ({
      agent: 'slow',
      task,
      priority: index,
    }));
    const run = collect(orchestrator.executeEach(tasks, { ordered: true }));
    await clock.advance(600);
    expect((await run).map((outcome) => [outcome.index, outcome.success && outcome.output])).toEqual([
      [0, '300'],
      [1, '100'],
      [2, '200'],
      [3, '50'],
    ]);
  });

  test('holds no more outcomes than there are permits while the first task is slow', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 4,
      agents: { slow: (task) => wait(clock, task === '0' ? 10_000 : 1).then(() => task) },
    });
    let read = 0;
    function* tasks(): Generator<[string, string]> {
      for (; read < 100; read += 1) yield ['slow', String(read)];
    }
    const run = collect(orchestrator.executeEach(tasks(), { ordered: true }));
    await clock.advance(5_000);
    expect(read).toBeLessThanOrEqual(8);
    await clock.advance(10_000);
    expect((await run).map(({ index }) => index)).toEqual(
      Array.from({ length: 100 }, (_each, index) => index),
    );
  });

  test('is in order for every order of completion', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(20), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        async (delays, maxConcurrent) => {
          const clock = new FakeClock();
          const orchestrator = new AsyncOrchestrator({
            clock,
            maxConcurrent,
            agents: {
              slow: (task) =>
                wait(clock, Number(task)).then(() => {
                  if (Number(task) % 5 === 4) throw new Error('broken');
                  return task;
                }),
            },
          });
          const run = collect(
            orchestrator.executeEach(
              delays.map((delay) => ['slow', String(delay)] as const),
              { ordered: true },
            ),
          );
          await clock.advance(1_000);
          expect((await run).map(({ index }) => index)).toEqual(delays.map((_delay, index) => index));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('gives what came before a failure that stops the run, then throws it', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        slow: (task, { signal }) => waitOrAbort(clock, 100, signal).then(() => task),
        broken: () => {
          throw new Error('broken');
        },
      },
    });
    const seen: unknown[] = [];
    const run = (async () => {
      const tasks = [['slow', 'a'] as const, ['broken', 'b'] as const];
      for await (const { index, success } of orchestrator.executeEach(tasks, {
        ordered: true,
        stopOnError: true,
      })) {
        seen.push([index, success]);
      }
    })();
    const failing = rejectionOf(AgentError, run);
    await clock.advance(100);
    await failing;
    expect(seen).toEqual([
      [0, false],
      [1, false],
    ]);
  });
});

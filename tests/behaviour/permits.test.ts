// Covers: src/resilience/permits/nested-limits.ts
import { describe, expect, test } from '@jest/globals';
import {
  type AgentResult,
  AsyncOrchestrator,
  defineAgent,
  TimeoutError,
  type TuttiEvents,
} from '../../src/index.js';
import type { Logger } from '../../src/logging/logger.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import {
  deferred,
  hang,
  hangUntilAborted,
  httpError,
  RunCounter,
  rejection,
  rejectionOf,
  turn,
  wait,
  waitOrAbort,
} from './scripted-agents.js';

describe('a permit', () => {
  test('is kept by a timed-out attempt until its work has settled: limit 2 stays 2 over ten attempts', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      timeoutMs: 100,
      maxRetries: 0,
      agents: { deaf: counter.around(() => wait(clock, 1_000).then(() => 'late')) },
    });
    const errors = Promise.all(
      Array.from({ length: 10 }, () => rejectionOf(TimeoutError, orchestrator.execute('deaf', 't'))),
    );
    for (let step = 0; step < 100; step += 1) {
      await clock.advance(50);
      expect(orchestrator.stats().running).toBe(counter.now);
      expect(counter.now).toBeLessThanOrEqual(2);
    }
    await errors;
    expect(counter).toMatchObject({ started: 10, most: 2, now: 0 });
    expect(orchestrator.stats()).toMatchObject({ abandoned: 0, timedOut: 10, failed: 10, running: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('answers the caller at once when the attempt times out, whatever the work does', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({ clock, timeoutMs: 100, maxRetries: 0, agents: { hang } });
    let answered: number | undefined;
    const call = rejection(orchestrator.execute('hang', 't')).then(() => {
      answered = clock.now();
    });
    await clock.advance(1_000);
    await call;
    expect(answered).toBe(100);
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, running: 1 });
    await clock.advance(10_000);
  });

  test('is taken away from work that ignores its signal for abandonMs, which is counted, logged and told', async () => {
    const clock = new FakeClock();
    const warnings: unknown[] = [];
    const nothing = (): void => {};
    const logger: Logger = {
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (fields, message) => warnings.push([fields, message]),
    };
    const orchestrator = new AsyncOrchestrator({
      clock,
      logger,
      maxConcurrent: 1,
      timeoutMs: 100,
      maxRetries: 0,
      agents: { hang, quick: () => 'ok' },
    });
    const abandoned: TuttiEvents['attempt:abandon'][] = [];
    orchestrator.on('attempt:abandon', (event) => abandoned.push(event));
    const error = rejectionOf(TimeoutError, orchestrator.execute('hang', 't'));
    const next = orchestrator.execute('quick', 't');
    await clock.advance(100);
    await error;
    await clock.advance(4_999);
    expect(orchestrator.stats()).toMatchObject({ running: 1, queued: 1, abandoned: 0 });
    await clock.advance(1);
    expect((await next).timings.queuedMs).toBe(5_100);
    expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 0, abandoned: 1 });
    expect(abandoned).toEqual([
      {
        agent: 'hang',
        callId: expect.any(String),
        attempt: 1,
        abandonMs: 5_000,
        at: clock.epochMs(),
      },
    ]);
    expect(warnings).toEqual([
      [expect.objectContaining({ agent: 'hang', attempt: 1, abandonMs: 5_000 }), expect.any(String)],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('is freed once when abandoned work settles after all', async () => {
    const clock = new FakeClock();
    const late = deferred<string>();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      timeoutMs: 10,
      abandonMs: 20,
      maxRetries: 0,
      agents: { late: () => late.promise, slow: () => wait(clock, 1_000).then(() => 'ok') },
    });
    const failing = rejection(orchestrator.execute('late', 't'));
    const slow = orchestrator.execute('slow', 't', { timeoutMs: 5_000 });
    const queued = orchestrator.execute('slow', 't', { timeoutMs: 5_000 });
    await clock.advance(100);
    await failing;
    expect(orchestrator.stats()).toMatchObject({ abandoned: 1, running: 1, queued: 1 });
    late.resolve('too late');
    await clock.advance(100);
    expect(orchestrator.stats()).toMatchObject({ running: 1, queued: 1 });
    await clock.advance(5_000);
    await Promise.all([slow, queued]);
    expect(orchestrator.stats().running).toBe(0);
  });

  test('is freed at once by abandonMs 0', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      timeoutMs: 10,
      abandonMs: 0,
      maxRetries: 0,
      agents: { hang, quick: () => 'ok' },
    });
    const failing = rejection(orchestrator.execute('hang', 't'));
    const quick = orchestrator.execute('quick', 't');
    await clock.advance(10);
    await failing;
    expect((await quick).timings.queuedMs).toBe(10);
    expect(orchestrator.stats().abandoned).toBe(1);
  });

  test('is free as soon as work that listens to its signal has stopped', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      timeoutMs: 100,
      maxRetries: 0,
      agents: { hangUntilAborted, quick: () => 'ok' },
    });
    const failing = rejection(orchestrator.execute('hangUntilAborted', 't'));
    const quick = orchestrator.execute('quick', 't');
    await clock.advance(100);
    await failing;
    expect((await quick).timings.queuedMs).toBe(100);
    expect(orchestrator.stats().abandoned).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('is not held by a call that waits for its next attempt: at limit 1 another one runs meanwhile', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      retry: { minDelayMs: 10_000, jitter: 'none' },
      agents: {
        flaky: () => {
          attempts += 1;
          if (attempts === 1) throw httpError(503);
          return 'recovered';
        },
        healthy: () => wait(clock, 10).then(() => 'healthy'),
      },
    });
    const flaky = orchestrator.execute('flaky', 't');
    const healthy = orchestrator.execute('healthy', 't');
    await clock.advance(10);
    expect((await healthy).timings.totalMs).toBe(10);
    expect(orchestrator.stats()).toMatchObject({ backingOff: 1, running: 0, inFlight: 1 });
    await clock.advance(10_000);
    expect(await flaky).toMatchObject({ output: 'recovered', attempts: 2 });
    expect(orchestrator.stats()).toMatchObject({ backingOff: 0, running: 0, inFlight: 0 });
  });

  test('is not taken twice by an attempt that hangs and its successor', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      timeoutMs: 100,
      retry: { minDelayMs: 1, jitter: 'none' },
      agents: {
        hangsOnce: counter.around(async () => {
          attempts += 1;
          if (attempts === 1) await wait(clock, 2_000);
          return `attempt ${attempts}`;
        }),
      },
    });
    const call = orchestrator.execute('hangsOnce', 't');
    await clock.advance(1_999);
    expect(counter.started).toBe(1);
    await clock.advance(1);
    expect(await call).toMatchObject({ output: 'attempt 2', attempts: 2 });
    expect(counter.most).toBe(1);
  });

  test('is freed by an agent that throws at once, answers at once or throws a rejected promise', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      maxRetries: 0,
      agents: {
        throws: () => {
          throw new Error('at once');
        },
        rejects: () => Promise.reject(new Error('later')),
        answers: () => 'ok',
      },
    });
    for (let round = 0; round < 3; round += 1) {
      await rejection(orchestrator.execute('throws', 't'));
      await rejection(orchestrator.execute('rejects', 't'));
      await orchestrator.execute('answers', 't');
    }
    await turn();
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0 });
  });
});

describe('maxConcurrent', () => {
  test('starts waiting calls at once when it is raised', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: { slow: counter.around(() => wait(clock, 100).then(() => 'ok')) },
    });
    const calls = Array.from({ length: 6 }, () => orchestrator.execute('slow', 't'));
    await turn();
    expect(counter.now).toBe(1);
    orchestrator.maxConcurrent = 4;
    await turn();
    expect(counter.now).toBe(4);
    await clock.advance(200);
    await Promise.all(calls);
    expect(counter.most).toBe(4);
  });

  test('stops nothing that runs when it is lowered, and starts nothing until there is room', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 4,
      agents: { slow: counter.around((task) => wait(clock, Number(task)).then(() => 'ok')) },
    });
    const calls = [10, 20, 30, 40, 50, 50, 50].map((ms) => orchestrator.execute('slow', String(ms)));
    await turn();
    orchestrator.maxConcurrent = 2;
    expect(counter.now).toBe(4);
    await clock.advance(20);
    expect(counter).toMatchObject({ now: 2, started: 4 });
    await clock.advance(10);
    expect(counter).toMatchObject({ now: 2, started: 5 });
    await clock.advance(1_000);
    await Promise.all(calls);
    expect(counter).toMatchObject({ most: 4, now: 0, started: 7 });
  });

  test('lets a run of many tasks read on when it is raised, and fewer when it is lowered', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      agents: { slow: counter.around(() => wait(clock, 100).then(() => 'ok')) },
    });
    let read = 0;
    function* tasks(): Generator<[string, string]> {
      for (; read < 40; ) {
        read += 1;
        yield ['slow', 't'];
      }
    }
    const run = orchestrator.executeMultiple(tasks());
    await turn();
    expect(read).toBe(2);
    orchestrator.maxConcurrent = 5;
    await turn();
    expect([read, counter.now]).toEqual([5, 5]);
    await clock.advance(100);
    expect([read, counter.now]).toEqual([10, 5]);
    orchestrator.maxConcurrent = 1;
    await clock.advance(100);
    expect([read, counter.now]).toEqual([11, 1]);
    orchestrator.maxConcurrent = 10;
    await clock.advance(1_000);
    expect(await run).toHaveLength(40);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3'])('cannot be set to %p', (bad) => {
    const orchestrator = new AsyncOrchestrator();
    expect(() => {
      orchestrator.maxConcurrent = bad as number;
    }).toThrow(/maxConcurrent: expected a whole number of at least 1/);
    expect(orchestrator.maxConcurrent).toBe(10);
  });
});

describe("an agent's own maxConcurrent", () => {
  function nested(clock: FakeClock, limited: RunCounter, free: RunCounter, shared = 5) {
    return new AsyncOrchestrator({
      clock,
      maxConcurrent: shared,
      agents: [
        defineAgent({
          name: 'limited',
          maxConcurrent: 2,
          run: limited.around(() => wait(clock, 100).then(() => 'ok')),
        }),
        defineAgent({ name: 'free', run: free.around(() => wait(clock, 100).then(() => 'ok')) }),
      ],
    });
  }

  test('holds within the orchestrator’s limit, and the others use what it leaves', async () => {
    const clock = new FakeClock();
    const limited = new RunCounter();
    const free = new RunCounter();
    const orchestrator = nested(clock, limited, free);
    const calls: Promise<AgentResult>[] = Array.from({ length: 8 }, () =>
      orchestrator.execute('limited', 't'),
    );
    await turn();
    calls.push(...Array.from({ length: 8 }, () => orchestrator.execute('free', 't')));
    await turn();
    expect([limited.now, free.now]).toEqual([2, 3]);
    expect(orchestrator.stats()).toMatchObject({ running: 5, queued: 11 });
    await clock.advance(1_000);
    await Promise.all(calls);
    expect([limited.most, limited.now, free.now]).toEqual([2, 0, 0]);
    expect(free.most).toBeLessThanOrEqual(5);
    expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 0 });
  });

  test('is kept by work that outlives its timeout', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 10,
      maxRetries: 0,
      agents: [
        defineAgent({
          name: 'deaf',
          maxConcurrent: 1,
          run: counter.around(() => wait(clock, 300).then(() => 'late')),
        }),
      ],
    });
    const failures = Promise.all([1, 2, 3].map(() => rejection(orchestrator.execute('deaf', 't'))));
    await clock.advance(2_000);
    await failures;
    expect(counter).toMatchObject({ most: 1, started: 3, now: 0 });
  });

  test('lets a call leave either queue at once when it is cancelled', async () => {
    const clock = new FakeClock();
    const limited = new RunCounter();
    const free = new RunCounter();
    const orchestrator = nested(clock, limited, free, 3);
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: 3 }, () => orchestrator.execute('free', 't'));
    // Two of these wait for the orchestrator's permit, two for the agent's own.
    const cancelled = Array.from({ length: 4 }, () =>
      rejection(orchestrator.execute('limited', 't', { signal })),
    );
    await turn();
    expect(orchestrator.stats().queued).toBe(4);
    controller.abort();
    await Promise.all(cancelled);
    expect(orchestrator.stats()).toMatchObject({ queued: 0, cancelled: 4, inFlight: 3 });
    const after = orchestrator.execute('limited', 't');
    await clock.advance(200);
    await Promise.all([...calls, after]);
    expect(limited.started).toBe(1);
  });

  test('lets a call that is cancelled in the moment of its submission go at once, though the orchestrator is full', async () => {
    const clock = new FakeClock();
    const limited = new RunCounter();
    const free = new RunCounter();
    const orchestrator = nested(clock, limited, free, 1);
    const busy = orchestrator.execute('free', 't');
    await turn();
    const controller = new AbortController();
    let isAnswered = false;
    const cancelled = rejection(orchestrator.execute('limited', 't', { signal: controller.signal })).then(
      () => {
        isAnswered = true;
      },
    );
    controller.abort();
    await turn();
    expect(isAnswered).toBe(true);
    expect(orchestrator.stats()).toMatchObject({ queued: 0, inFlight: 1 });
    await clock.advance(100);
    await Promise.all([busy, cancelled]);
    expect(limited.started).toBe(0);
    const after = orchestrator.execute('limited', 't');
    await clock.advance(100);
    expect((await after).success).toBe(true);
  });

  test('counts retries like first attempts', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      retry: { minDelayMs: 10, jitter: 'none' },
      agents: [
        defineAgent({
          name: 'flaky',
          maxConcurrent: 1,
          run: counter.around(async (task) => {
            await wait(clock, 20);
            if (counter.started <= 4) throw httpError(503);
            return task;
          }),
        }),
      ],
    });
    const calls = Promise.all(['a', 'b', 'c', 'd'].map((task) => orchestrator.execute('flaky', task)));
    await clock.advance(1_000);
    expect((await calls).map((result) => result.output)).toEqual(['a', 'b', 'c', 'd']);
    expect(counter.most).toBe(1);
  });

  test('follows a change of the orchestrator’s limit', async () => {
    const clock = new FakeClock();
    const limited = new RunCounter();
    const free = new RunCounter();
    const orchestrator = nested(clock, limited, free, 1);
    const calls = Array.from({ length: 4 }, () => orchestrator.execute('limited', 't'));
    await turn();
    expect(limited.now).toBe(1);
    orchestrator.maxConcurrent = 10;
    await turn();
    expect(limited.now).toBe(2);
    await clock.advance(1_000);
    await Promise.all(calls);
  });
});

describe('work under one permit', () => {
  test('sees its own signal only: one timeout does not abort a sibling', async () => {
    const clock = new FakeClock();
    const aborted: string[] = [];
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxRetries: 0,
      agents: {
        slow: async (task, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(task));
          await waitOrAbort(clock, 200, signal);
          return 'ok';
        },
      },
    });
    const short = rejection(orchestrator.execute('slow', 'short', { timeoutMs: 100 }));
    const long = orchestrator.execute('slow', 'long');
    await clock.advance(200);
    await short;
    await long;
    expect(aborted).toEqual(['short']);
  });
});

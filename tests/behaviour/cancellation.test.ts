import { getEventListeners } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator, CancelledError, type TuttiEvents } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import {
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

/** Does something right after a timer has fired, before any promise has moved on. */
class AfterTimerClock extends FakeClock {
  readonly #afterTimer: () => void;

  constructor(afterTimer: () => void) {
    super();
    this.#afterTimer = afterTimer;
  }

  override setTimeout<T>(callback: (argument: T) => void, delayMs: number, argument: T): unknown {
    const fire = (): void => {
      callback(argument);
      this.#afterTimer();
    };
    return super.setTimeout(fire, delayMs, undefined);
  }
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('a cancelled call', () => {
  test('rejects with CancelledError that carries agent, attempt and the signal’s reason', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { hangUntilAborted } });
    const controller = new AbortController();
    const failing = rejectionOf(
      CancelledError,
      orchestrator.execute('hangUntilAborted', 't', { signal: controller.signal }),
    );
    await turn();
    const reason = new Error('user pressed stop');
    controller.abort(reason);
    const error = await failing;
    expect(error).toMatchObject({
      code: 'TUTTI_CANCELLED',
      retryable: false,
      agent: 'hangUntilAborted',
      attempt: 1,
    });
    expect(error.cause).toBe(reason);
    expect(orchestrator.stats()).toMatchObject({ cancelled: 1, failed: 0, timedOut: 0 });
  });

  test('has its signal aborted first and its caller answered at once', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        deaf: (_task, { signal }) => {
          signal.addEventListener('abort', () => order.push('signal'));
          return new Promise<string>(() => {});
        },
      },
    });
    const controller = new AbortController();
    const failing = rejection(orchestrator.execute('deaf', 't', { signal: controller.signal })).then(() =>
      order.push('caller'),
    );
    await turn();
    controller.abort();
    expect(order).toEqual(['signal']);
    await failing;
    expect(order).toEqual(['signal', 'caller']);
    expect(clock.now()).toBe(0);
    await clock.advance(5_000);
  });

  test('never starts when its signal was aborted before', async () => {
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({ agents: { a: counter.around(async () => 'ok') } });
    const error = await rejectionOf(
      CancelledError,
      orchestrator.execute('a', 't', { signal: AbortSignal.abort('no') }),
    );
    expect(error).toMatchObject({ attempt: 0, cause: 'no' });
    expect(counter.started).toBe(0);
  });

  test('leaves the queue at once and is never started', async () => {
    const clock = new FakeClock();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: { slow: counter.around(() => wait(clock, 100).then(() => 'ok')) },
    });
    const running = orchestrator.execute('slow', 't');
    const controller = new AbortController();
    const queued = rejectionOf(
      CancelledError,
      orchestrator.execute('slow', 't', { signal: controller.signal }),
    );
    const last = orchestrator.execute('slow', 't');
    await turn();
    expect(orchestrator.stats().queued).toBe(2);
    controller.abort();
    expect(orchestrator.stats().queued).toBe(1);
    expect((await queued).attempt).toBe(0);
    await clock.advance(200);
    await Promise.all([running, last]);
    expect(counter.started).toBe(2);
  });

  test('never starts when it is cancelled between its submission and its start', async () => {
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({ agents: { a: counter.around(async () => 'ok') } });
    const controller = new AbortController();
    const failing = rejectionOf(
      CancelledError,
      orchestrator.execute('a', 't', { signal: controller.signal }),
    );
    controller.abort();
    await failing;
    await turn();
    expect(counter.started).toBe(0);
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0 });
  });

  test('never starts another attempt when it is cancelled in its backoff', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      retry: { minDelayMs: 1_000, jitter: 'none' },
      agents: {
        down: () => {
          attempts += 1;
          throw httpError(503);
        },
      },
    });
    const controller = new AbortController();
    const failing = rejectionOf(
      CancelledError,
      orchestrator.execute('down', 't', { signal: controller.signal }),
    );
    await clock.advance(500);
    expect(orchestrator.stats().backingOff).toBe(1);
    controller.abort();
    expect((await failing).attempt).toBe(1);
    expect(orchestrator.stats()).toMatchObject({ backingOff: 0, inFlight: 0 });
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(100_000);
    expect(attempts).toBe(1);
  });

  test('never starts another attempt in whatever microtask after its backoff it is cancelled', async () => {
    let cancelledBeforeTheStart = 0;
    for (let ticks = 0; ticks < 40; ticks += 1) {
      let starts = 0;
      let startsWhenCancelled: number | undefined;
      const controller = new AbortController();
      const cancelIn = (microtasks: number): void => {
        if (microtasks > 0) queueMicrotask(() => cancelIn(microtasks - 1));
        else {
          startsWhenCancelled = starts;
          controller.abort();
        }
      };
      const clock = new AfterTimerClock(() => cancelIn(ticks));
      const orchestrator = new AsyncOrchestrator({
        clock,
        maxRetries: 1,
        retry: { minDelayMs: 1_000, jitter: 'none' },
        agents: {
          flaky: async () => {
            starts += 1;
            if (starts === 1) throw httpError(503);
            return 'ok';
          },
        },
      });
      const call = orchestrator.execute('flaky', 't', { signal: controller.signal }).then(
        () => 'worked',
        (error: unknown) => (error as CancelledError).code,
      );
      await clock.advance(1_000);
      const outcome = await call;
      if (startsWhenCancelled === 1) {
        cancelledBeforeTheStart += 1;
        expect([ticks, starts, outcome]).toEqual([ticks, 1, 'TUTTI_CANCELLED']);
      }
      expect(orchestrator.stats()).toMatchObject({ inFlight: 0, queued: 0, backingOff: 0 });
    }
    expect(cancelledBeforeTheStart).toBeGreaterThan(1);
  });

  test('never starts another attempt when it is cancelled while it queues for one', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      retry: { minDelayMs: 10, jitter: 'none' },
      agents: {
        down: () => {
          attempts += 1;
          throw httpError(503);
        },
        slow: () => wait(clock, 1_000).then(() => 'ok'),
      },
    });
    const controller = new AbortController();
    const failing = rejectionOf(
      CancelledError,
      orchestrator.execute('down', 't', { signal: controller.signal }),
    );
    const slow = orchestrator.execute('slow', 't');
    await clock.advance(100);
    expect(orchestrator.stats()).toMatchObject({ queued: 1, backingOff: 0 });
    controller.abort();
    expect((await failing).attempt).toBe(1);
    expect(orchestrator.stats().queued).toBe(0);
    await clock.advance(10_000);
    await slow;
    expect(attempts).toBe(1);
  });

  test('is not retried although its attempt fails in a way that could pass', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        down: async (_task, { signal }) => {
          attempts += 1;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw httpError(503);
        },
      },
    });
    const controller = new AbortController();
    const failing = rejectionOf(
      CancelledError,
      orchestrator.execute('down', 't', { signal: controller.signal }),
    );
    await turn();
    controller.abort();
    await failing;
    await clock.advance(100_000);
    expect(attempts).toBe(1);
    expect(orchestrator.stats()).toMatchObject({ running: 0, abandoned: 0 });
  });

  test('keeps its first cause: what comes later changes nothing', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({ clock, agents: { hang }, timeoutMs: 100, maxRetries: 0 });
    const controller = new AbortController();
    const failing = rejection(
      orchestrator.execute('hang', 't', { signal: controller.signal, deadlineMs: 100 }),
    );
    await clock.advance(99);
    controller.abort('first');
    await clock.advance(1_000);
    expect(await failing).toMatchObject({ code: 'TUTTI_CANCELLED', cause: 'first' });
    await clock.advance(10_000);
  });

  test('may be cancelled by its own agent, before it returns too', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      agents: {
        suicidal: () => {
          controller.abort();
          return new Promise<string>(() => {});
        },
        sync: () => {
          controller.abort();
          return 'ignored';
        },
        quick: () => 'ok',
      },
    });
    await rejectionOf(CancelledError, orchestrator.execute('suicidal', 't', { signal: controller.signal }));
    expect(orchestrator.stats().running).toBe(1);
    const quick = orchestrator.execute('quick', 't');
    await clock.advance(5_000);
    expect((await quick).timings.queuedMs).toBe(5_000);
    expect(orchestrator.stats()).toMatchObject({ running: 0, abandoned: 1 });
  });

  test('does not touch its siblings', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: { slow: (_task, { signal }) => waitOrAbort(clock, 100, signal).then(() => 'ok') },
    });
    const controller = new AbortController();
    const cancelled = rejection(orchestrator.execute('slow', 't', { signal: controller.signal }));
    const other = orchestrator.execute('slow', 't');
    await turn();
    controller.abort();
    await cancelled;
    await clock.advance(100);
    expect((await other).success).toBe(true);
  });
});

describe('the user’s signal', () => {
  test('has one listener however many calls share it, and none once they have settled', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const { signal } = controller;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 5,
      agents: { slow: () => wait(clock, 10).then(() => 'ok'), down: () => Promise.reject(httpError(400)) },
    });
    const calls = Array.from({ length: 100 }, (_, index) =>
      orchestrator.execute(index % 2 === 0 ? 'slow' : 'down', 't', { signal }).catch(() => {}),
    );
    await turn();
    expect(listeners(signal)).toBe(1);
    await clock.advance(1_000);
    await Promise.all(calls);
    expect(listeners(signal)).toBe(0);
  });

  test('has no listener left after a timeout, a cancellation, a failure and a refusal', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 10,
      maxRetries: 0,
      maxTaskChars: 5,
      agents: { hang, bad: () => Promise.reject(new Error('x')) },
    });
    const controllers = [1, 2, 3, 4].map(() => new AbortController());
    const [timedOut, cancelled, failed, refused] = controllers as [
      AbortController,
      AbortController,
      AbortController,
      AbortController,
    ];
    const all = Promise.all([
      rejection(orchestrator.execute('hang', 't', { signal: timedOut.signal })),
      rejection(orchestrator.execute('hang', 't', { signal: cancelled.signal })),
      rejection(orchestrator.execute('bad', 't', { signal: failed.signal })),
      rejection(orchestrator.execute('bad', 'too long', { signal: refused.signal })),
    ]);
    cancelled.abort();
    await clock.advance(10);
    await all;
    for (const { signal } of controllers) expect(listeners(signal)).toBe(0);
    await clock.advance(5_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('given to the constructor cancels every call, those of runs too, and lets nothing more start', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const counter = new RunCounter();
    const orchestrator = new AsyncOrchestrator({
      clock,
      signal: controller.signal,
      maxConcurrent: 2,
      agents: {
        slow: counter.around((_task, { signal }) => waitOrAbort(clock, 1_000, signal).then(() => 'ok')),
      },
    });
    const call = rejectionOf(CancelledError, orchestrator.execute('slow', 't'));
    const run = orchestrator.executeMultiple(Array.from({ length: 5 }, () => ['slow', 't'] as const));
    await turn();
    expect(listeners(controller.signal)).toBe(1);
    controller.abort('shutdown');
    expect((await call).cause).toBe('shutdown');
    const outcomes = await run;
    expect(outcomes).toHaveLength(5);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        success: false,
        error: { code: 'TUTTI_CANCELLED', cause: 'shutdown' },
      });
    await rejectionOf(CancelledError, orchestrator.execute('slow', 't'));
    expect(counter).toMatchObject({ started: 2, now: 0 });
    expect(listeners(controller.signal)).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('given to the constructor ends a run over an endless source', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const orchestrator = new AsyncOrchestrator({
      clock,
      signal: controller.signal,
      maxConcurrent: 2,
      agents: { slow: (_task, { signal }) => waitOrAbort(clock, 1_000, signal).then(() => 'ok') },
    });
    let read = 0;
    let isClosed = false;
    function* endless(): Generator<[string, string]> {
      try {
        for (; read < 100_000; ) {
          read += 1;
          yield ['slow', 't'];
        }
      } finally {
        isClosed = true;
      }
    }
    const run = orchestrator.executeMultiple(endless());
    await turn();
    controller.abort();
    const outcomes = await run;
    expect(outcomes).toHaveLength(2);
    expect([read, isClosed]).toEqual([2, true]);
  });

  test('cancels through the real AbortSignal.timeout too', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { hangUntilAborted } });
    const error = await rejectionOf(
      CancelledError,
      orchestrator.execute('hangUntilAborted', 't', { signal: AbortSignal.timeout(10) }),
    );
    expect(error.cause).toMatchObject({ name: 'TimeoutError' });
  });
});

describe('cancelling a batch after 50 ms', () => {
  test('aborts every agent’s signal and settles at once', async () => {
    const clock = new FakeClock();
    let aborted = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 4,
      agents: {
        slow: (_task, { signal }) => {
          signal.addEventListener('abort', () => {
            aborted += 1;
          });
          return waitOrAbort(clock, 10_000, signal).then(() => '');
        },
      },
    });
    const ends: TuttiEvents['call:end'][] = [];
    orchestrator.on('call:end', (end) => ends.push(end));
    const controller = new AbortController();
    const run = orchestrator.executeMultiple(
      Array.from({ length: 10 }, () => ['slow', 't'] as const),
      { signal: controller.signal },
    );
    await clock.advance(50);
    controller.abort();
    const outcomes = await run;
    expect(clock.now()).toBe(50);
    expect(aborted).toBe(4);
    expect(outcomes.map((outcome) => outcome.attempts)).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    expect(ends).toHaveLength(10);
    expect(listeners(controller.signal)).toBe(0);
    // The agents have to see their signals, in a moment of their own.
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
  });
});

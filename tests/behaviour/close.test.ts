// Covers: src/orchestrator/shut-down.ts, src/lifecycle/overdue-work.ts
import { describe, expect, test } from '@jest/globals';
import {
  type AgentFailure,
  AsyncOrchestrator,
  CancelledError,
  ClosedError,
  defineAgent,
  InvalidArgumentError,
  type Provider,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { hang, httpError, rejection, rejectionOf, turn, wait, waitOrAbort } from './scripted-agents.js';

function slowOrchestrator(clock: FakeClock, ms: number) {
  return new AsyncOrchestrator({
    clock,
    maxConcurrent: 1,
    timeoutMs: 1_000_000,
    agents: { slow: (task, { signal }) => waitOrAbort(clock, ms, signal).then(() => task) },
  });
}

/** Whether the promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await turn();
  return settled;
}

describe('close', () => {
  test('lets running and queued calls finish and accepts nothing new', async () => {
    const clock = new FakeClock();
    const orchestrator = slowOrchestrator(clock, 100);
    const calls = [orchestrator.execute('slow', 'a'), orchestrator.execute('slow', 'b')];
    const closing = orchestrator.close();
    await rejectionOf(ClosedError, orchestrator.execute('slow', 'c'));
    expect(await isSettled(closing)).toBe(false);
    await clock.advance(200);
    await closing;
    expect((await Promise.all(calls)).map((result) => result.output)).toEqual(['a', 'b']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('aborts what has not finished within drainMs', async () => {
    const clock = new FakeClock();
    const orchestrator = slowOrchestrator(clock, 100_000);
    const running = rejectionOf(CancelledError, orchestrator.execute('slow', 'a'));
    const queued = rejectionOf(CancelledError, orchestrator.execute('slow', 'b'));
    const closing = orchestrator.close({ drainMs: 500 });
    await clock.advance(499);
    expect(await isSettled(closing)).toBe(false);
    await clock.advance(1);
    await closing;
    expect((await running).message).toContain('the orchestrator was closed');
    expect((await queued).attempt).toBe(0);
    expect(clock.now()).toBe(500);
    expect(clock.pendingTimers).toBe(0);
  });

  test('aborts at once with drainMs 0, and drains for 20 s by default', async () => {
    const clock = new FakeClock();
    const one = slowOrchestrator(clock, 100_000);
    const failing = rejectionOf(CancelledError, one.execute('slow', 'a'));
    await turn();
    const closing = one.close({ drainMs: 0 });
    await failing;
    await closing;
    expect(clock.now()).toBe(0);
    const two = slowOrchestrator(clock, 100_000);
    const late = rejection(two.execute('slow', 'a'));
    const slowly = two.close();
    await clock.advance(19_999);
    expect(await isSettled(slowly)).toBe(false);
    await clock.advance(1);
    await slowly;
    await late;
  });

  test('is done once: later calls get the same promise', async () => {
    const clock = new FakeClock();
    let closed = 0;
    const provider: Provider = {
      specificationVersion: 1,
      name: 'p',
      generate: async () => ({ output: '' }),
      close: async () => {
        closed += 1;
      },
    };
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: [defineAgent({ name: 'a', provider }), defineAgent({ name: 'b', provider })],
    });
    const first = orchestrator.close();
    expect(orchestrator.close({ drainMs: 1 })).toBe(first);
    await first;
    expect(orchestrator.close()).toBe(first);
    expect(closed).toBe(1);
  });

  test('closes providers after the last work, and survives one that fails to close', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const logged: unknown[] = [];
    const nothing = (): void => {};
    const provider = (name: string, close: () => Promise<void>): Provider => ({
      specificationVersion: 1,
      name,
      generate: async () => {
        await wait(clock, 100);
        order.push(`answered ${name}`);
        return { output: 'ok' };
      },
      close,
    });
    const failure = new Error('socket already gone');
    const orchestrator = new AsyncOrchestrator({
      clock,
      logger: { debug: nothing, info: nothing, warn: nothing, error: (fields) => logged.push(fields) },
      agents: {
        one: defineAgent({ name: 'one', provider: provider('one', () => Promise.reject(failure)) }),
        two: defineAgent({
          name: 'two',
          provider: provider('two', async () => {
            order.push('closed two');
          }),
        }),
        plain: () => 'ok',
      },
    });
    const calls = [orchestrator.execute('one', 't'), orchestrator.execute('two', 't')];
    const closing = orchestrator.close();
    await clock.advance(100);
    await closing;
    await Promise.all(calls);
    expect(order).toEqual(['answered one', 'answered two', 'closed two']);
    expect(logged).toEqual([{ error: failure, provider: 'one' }]);
  });

  test('waits for work that ignores its signal until it is given up', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({ clock, abandonMs: 700, agents: { hang } });
    const failing = rejection(orchestrator.execute('hang', 't'));
    await turn();
    const closing = orchestrator.close({ drainMs: 0 });
    await failing;
    await clock.advance(699);
    expect(await isSettled(closing)).toBe(false);
    await clock.advance(1);
    await closing;
    expect(orchestrator.stats()).toMatchObject({ abandoned: 1, running: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends calls that wait for their next attempt', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      retry: { minDelayMs: 10_000, jitter: 'none' },
      agents: {
        down: () => {
          throw httpError(503);
        },
      },
    });
    const failing = rejectionOf(CancelledError, orchestrator.execute('down', 't'));
    await turn();
    const closing = orchestrator.close({ drainMs: 100 });
    await clock.advance(100);
    await closing;
    expect((await failing).attempt).toBe(1);
  });

  test('lets a run that was accepted read on and finish', async () => {
    const clock = new FakeClock();
    const orchestrator = slowOrchestrator(clock, 10);
    const run = orchestrator.executeMultiple(['a', 'b', 'c'].map((task) => ['slow', task] as const).values());
    const closing = orchestrator.close();
    await clock.advance(1_000);
    await closing;
    expect((await run).map((outcome) => outcome.success)).toEqual([true, true, true]);
  });

  test('ends a run that has not finished within drainMs, an endless one too', async () => {
    const clock = new FakeClock();
    const orchestrator = slowOrchestrator(clock, 40);
    function* endless(): Generator<[string, string]> {
      for (;;) yield ['slow', 't'];
    }
    const run = orchestrator.executeMultiple(endless());
    const array = orchestrator.executeMultiple(Array.from({ length: 50 }, () => ['slow', 't'] as const));
    const closing = orchestrator.close({ drainMs: 100 });
    await clock.advance(100);
    await closing;
    expect((await run).length).toBeLessThan(5);
    const outcomes = await array;
    expect(outcomes).toHaveLength(50);
    expect((outcomes[49] as AgentFailure).error.message).toContain('the orchestrator was closed');
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends streams that nobody reads on', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        endless: async function* () {
          for (;;) yield 'x';
        },
      },
    });
    const stream = orchestrator.stream('endless', 't');
    await turn();
    const closing = orchestrator.close({ drainMs: 100 });
    await clock.advance(100);
    await closing;
    await rejectionOf(CancelledError, stream.result);
    expect(orchestrator.stats().abandoned).toBe(0);
  });

  test('works with `await using`', async () => {
    let kept!: AsyncOrchestrator;
    {
      await using orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task } });
      kept = orchestrator as unknown as AsyncOrchestrator;
      await orchestrator.execute('echo', 't');
    }
    await rejectionOf(ClosedError, kept.execute('echo', 't'));
  });

  test('tells listeners how much still runs', async () => {
    const clock = new FakeClock();
    const orchestrator = slowOrchestrator(clock, 10);
    const seen: unknown[] = [];
    orchestrator.on('orchestrator:close', (event) => seen.push(event));
    const call = orchestrator.execute('slow', 't');
    await turn();
    const closing = orchestrator.close({ drainMs: 77 });
    expect(seen).toEqual([{ at: clock.epochMs(), running: 1, drainMs: 77 }]);
    await clock.advance(10);
    await Promise.all([closing, call]);
  });

  test.each([
    [{ drainMs: -1 }, 'drainMs'],
    [{ drainMs: Number.NaN }, 'drainMs'],
    [{ drainMs: Number.POSITIVE_INFINITY }, 'drainMs'],
    [{ drainMS: 5 }, 'Did you mean "drainMs"?'],
    [null, 'close options'],
  ])('refuses %j and stays open', async (options, text) => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task } });
    const error = await rejectionOf(
      InvalidArgumentError,
      (async () => orchestrator.close(options as { drainMs: number }))(),
    );
    expect(error.message).toContain(text);
    expect((await orchestrator.execute('echo', 't')).success).toBe(true);
  });

  test('of an orchestrator that did nothing is immediate', async () => {
    const clock = new FakeClock();
    await new AsyncOrchestrator({ clock }).close();
    expect(clock.pendingTimers).toBe(0);
  });
});

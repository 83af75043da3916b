// Covers: src/calls/call-events.ts, src/calls/retry-events.ts
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from '@jest/globals';
import {
  AsyncOrchestrator,
  EVENT_NAMES,
  InvalidArgumentError,
  type TuttiEventName,
  type TuttiEvents,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, rejection, turn, wait } from './scripted-agents.js';

type Seen = [TuttiEventName, TuttiEvents[TuttiEventName]];

function record(orchestrator: AsyncOrchestrator<never> | { on: AsyncOrchestrator['on'] }): Seen[] {
  const seen: Seen[] = [];
  for (const name of EVENT_NAMES) orchestrator.on(name, (payload) => seen.push([name, payload]));
  return seen;
}

describe('events', () => {
  test('tell the whole story of a retried call, in order and with all there is', async () => {
    const clock = new FakeClock();
    const reported = { inputTokens: 2, outputTokens: 3 };
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      tenant: 'acme',
      retry: { minDelayMs: 100, jitter: 'none' },
      agents: {
        flaky: async () => {
          attempts += 1;
          await wait(clock, 5);
          if (attempts === 1) throw httpError(503);
          return { output: 'ok', usage: reported, costUsd: 0.5 };
        },
      },
    });
    const seen = record(orchestrator);
    const call = orchestrator.execute('flaky', 'four', { priority: 2 });
    await clock.advance(1_000);
    const { callId, usage } = await call;
    const start = Date.UTC(2026, 0, 1);
    const common = { callId, agent: 'flaky' };
    const asked = { model: undefined, provider: undefined };
    const attempt = { ...asked, target: 'flaky', tenant: 'acme', queuedMs: 0 };
    const failure = { success: false, errorCode: 'TUTTI_AGENT_FAILED', usage: undefined };
    expect(seen).toEqual([
      ['call:start', { ...common, at: start, taskChars: 4, priority: 2, tenant: 'acme', ...asked }],
      ['attempt:start', { ...common, at: start, attempt: 1, ...attempt }],
      ['attempt:end', { ...common, at: start + 5, attempt: 1, runMs: 5, ...failure }],
      ['call:retry', { ...common, at: start + 5, attempt: 1, delayMs: 100, errorCode: 'TUTTI_AGENT_FAILED' }],
      ['attempt:start', { ...common, at: start + 105, attempt: 2, ...attempt }],
      [
        'attempt:end',
        {
          ...common,
          at: start + 110,
          attempt: 2,
          runMs: 5,
          success: true,
          errorCode: undefined,
          usage: reported,
        },
      ],
      [
        'call:end',
        {
          ...common,
          at: start + 110,
          success: true,
          cached: false,
          tier: undefined,
          model: undefined,
          provider: undefined,
          lane: undefined,
          tenant: 'acme',
          attempts: 2,
          errorCode: undefined,
          lastErrorCode: undefined,
          finishReason: 'stop',
          queuedMs: 0,
          runMs: 10,
          totalMs: 110,
          firstTokenMs: undefined,
          usage,
          costUsd: 0.5,
          savedUsd: undefined,
        },
      ],
    ]);
    for (const [, payload] of seen) expect(() => structuredClone(payload)).not.toThrow();
  });

  test('say at the end of a call which tier, model and lane answered, and for which tenant', async () => {
    const model = (name: string) => ({ name, model: `${name}-1`, run: (task: string) => task });
    const orchestrator = new AsyncOrchestrator({
      agents: [
        model('main'),
        { ...model('down'), run: () => Promise.reject(httpError(503)), fallbacks: ['main'] },
      ],
      limits: { requestsPerMinute: 100 },
      maxRetries: 0,
      cache: true,
    });
    const ends: unknown[] = [];
    orchestrator.on('call:end', ({ tier, model, lane, tenant }) => ends.push([tier, model, lane, tenant]));
    await orchestrator.execute('main', 'a', { tenant: 'acme' });
    await orchestrator.execute('main', 'a', { tenant: 'acme' });
    await orchestrator.execute('down', 'b');
    await rejection(orchestrator.execute('main', 'c', { signal: AbortSignal.abort() }));
    await orchestrator.run(() => 1, { lane: 'service', model: 'other' });
    expect(ends).toEqual([
      [undefined, 'main-1', 'function/main', 'acme'],
      ['memory', 'main-1', undefined, 'acme'],
      [undefined, 'main-1', 'function/main', undefined],
      [undefined, 'main-1', 'function/main', undefined],
      [undefined, 'other', 'service', undefined],
    ]);
  });

  test('tell of agents that come and go', () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({ clock });
    const seen = record(orchestrator);
    orchestrator.agents.add('a', () => '');
    orchestrator.agents.remove('a');
    orchestrator.agents.remove('a');
    expect(seen).toEqual([
      ['agent:add', { agent: 'a', at: clock.epochMs() }],
      ['agent:remove', { agent: 'a', at: clock.epochMs() }],
    ]);
  });

  test('tell of a failed and of a cancelled call', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        bad: () => {
          throw new TypeError('x');
        },
      },
    });
    const ends: TuttiEvents['call:end'][] = [];
    orchestrator.on('call:end', (end) => ends.push(end));
    await rejection(orchestrator.execute('bad', 't'));
    await rejection(orchestrator.execute('bad', 't', { signal: AbortSignal.abort() }));
    expect(
      ends.map(({ success, attempts, errorCode, costUsd }) => [success, attempts, errorCode, costUsd]),
    ).toEqual([
      [false, 1, 'TUTTI_AGENT_FAILED', undefined],
      [false, 0, 'TUTTI_CANCELLED', undefined],
    ]);
  });

  test('are not told any more once unsubscribed, by calling or by `using`', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task } });
    let called = 0;
    const listener = (): void => {
      called += 1;
    };
    const unsubscribeOnce = orchestrator.on('call:end', listener);
    {
      using _subscription = orchestrator.on('call:end', listener);
      await orchestrator.execute('echo', 't');
      expect(called).toBe(2);
    }
    await orchestrator.execute('echo', 't');
    expect(called).toBe(3);
    unsubscribeOnce();
    unsubscribeOnce();
    await orchestrator.execute('echo', 't');
    expect(called).toBe(3);
  });

  test('survive listeners that throw or reject, which is logged', async () => {
    const logged: unknown[] = [];
    const nothing = (): void => {};
    const orchestrator = new AsyncOrchestrator({
      agents: { echo: (task) => task },
      logger: { debug: nothing, info: nothing, warn: nothing, error: (fields) => logged.push(fields) },
    });
    const failure = new Error('in a listener');
    let isCalled = false;
    orchestrator.on('call:end', () => {
      throw failure;
    });
    orchestrator.on('call:end', async () => {
      throw failure;
    });
    orchestrator.on('call:end', () => {
      isCalled = true;
    });
    expect((await orchestrator.execute('echo', 't')).success).toBe(true);
    await turn();
    expect(isCalled).toBe(true);
    expect(logged).toEqual([
      { error: failure, event: 'call:end' },
      { error: failure, event: 'call:end' },
    ]);
  });

  test('survive a logger that throws', async () => {
    const broken = (): never => {
      throw new Error('disk full');
    };
    const orchestrator = new AsyncOrchestrator({
      agents: { echo: (task) => task },
      logger: { debug: broken, info: broken, warn: broken, error: broken },
    });
    orchestrator.on('call:end', () => {
      throw new Error('in a listener');
    });
    expect((await orchestrator.execute('echo', 't')).success).toBe(true);
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0 });
  });

  test('reach subscribers of node:diagnostics_channel without any listener', async () => {
    const seen: unknown[] = [];
    const listener = (payload: unknown): void => {
      seen.push(payload);
    };
    subscribe('tutti:call:end', listener);
    try {
      const orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task } });
      const { callId } = await orchestrator.execute('echo', 't');
      expect(seen).toEqual([expect.objectContaining({ callId, agent: 'echo', success: true })]);
    } finally {
      unsubscribe('tutti:call:end', listener);
    }
  });

  test('cost nothing while nobody listens: no instant is even read', async () => {
    let read = 0;
    class Counting extends FakeClock {
      override epochMs(): number {
        read += 1;
        return super.epochMs();
      }
    }
    const orchestrator = new AsyncOrchestrator({ clock: new Counting(), agents: { echo: (task) => task } });
    await orchestrator.execute('echo', 't');
    expect(read).toBe(0);
    orchestrator.on('call:start', () => {});
    await orchestrator.execute('echo', 't');
    expect(read).toBe(1);
  });

  test('refuses what is not an event or not a listener', () => {
    const orchestrator = new AsyncOrchestrator();
    expect(() => orchestrator.on('call:strat' as 'call:start', () => {})).toThrow(
      /Unknown event "[^"]*"\. Did you mean "call:start"/,
    );
    expect(() => orchestrator.on('call:start', 'log' as unknown as () => void)).toThrow(InvalidArgumentError);
  });
});

describe('stats', () => {
  test('count every call under one heading', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 2,
      maxRetries: 1,
      timeoutMs: 50,
      abandonMs: 10,
      retry: { minDelayMs: 10, jitter: 'none' },
      agents: {
        good: () => ({ output: 'x', usage: { inputTokens: 10, outputTokens: 5 }, costUsd: 0.25 }),
        bad: () => {
          throw httpError(400);
        },
        down: () => {
          throw httpError(503);
        },
        hang: () => new Promise<string>(() => {}),
      },
    });
    const run = orchestrator.executeMultiple([
      ['good', 't'],
      ['good', 't'],
      ['bad', 't'],
      ['down', 't'],
      ['hang', 't'],
      { agent: 'good', task: 't', signal: AbortSignal.abort() },
      ['nobody' as string, 't'],
    ]);
    await clock.advance(10_000);
    await run;
    expect(orchestrator.stats()).toEqual({
      maxConcurrent: 2,
      running: 0,
      queued: 0,
      backingOff: 0,
      inFlight: 0,
      submitted: 6,
      succeeded: 2,
      failed: 3,
      cancelled: 1,
      timedOut: 1,
      attempts: 7,
      retries: 2,
      fallbacks: 0,
      hedges: 0,
      lanes: {},
      tenants: {},
      budget: undefined,
      errors: { TUTTI_AGENT_FAILED: 1, TUTTI_RETRIES_EXHAUSTED: 2 },
      byAgent: expect.objectContaining({ good: expect.objectContaining({ submitted: 3, cancelled: 1 }) }),
      abandoned: 2,
      inputTokens: 20,
      outputTokens: 10,
      costUsd: 0.5,
      uptimeMs: 10_000,
    });
  });

  test('are a snapshot that does not change any more', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => task } });
    const before = orchestrator.stats();
    await orchestrator.execute('echo', 't');
    expect(before.submitted).toBe(0);
    expect(structuredClone(orchestrator.stats())).toMatchObject({ submitted: 1, succeeded: 1 });
  });

  test('give a success ratio between 0 and 1', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxRetries: 0,
      agents: {
        echo: (task) => task,
        bad: () => {
          throw new Error('x');
        },
      },
    });
    const tasks = Array.from({ length: 11 }, (_, index) => [index === 0 ? 'echo' : 'bad', 't'] as const);
    await orchestrator.executeMultiple(tasks);
    const { succeeded, failed, cancelled, submitted } = orchestrator.stats();
    expect(succeeded + failed + cancelled).toBe(submitted);
    expect(succeeded / submitted).toBeCloseTo(1 / 11);
  });
});

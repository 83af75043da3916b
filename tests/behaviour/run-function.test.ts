// Covers: src/calls/admission/unregistered-agent.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { expectTypeOf } from 'expect-type';
import {
  AsyncOrchestrator,
  type AsyncOrchestratorOptions,
  type DataResult,
  type FunctionCallOptions,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, rejection, waitOrAbort } from './scripted-agents.js';

const wait = (clock: FakeClock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.setTimeout(resolve, ms, undefined));

const opened: Array<{ orchestrator: AsyncOrchestrator; clock: FakeClock }> = [];

function open(options: AsyncOrchestratorOptions = {}): { orchestrator: AsyncOrchestrator; clock: FakeClock } {
  const clock = new FakeClock();
  const orchestrator = new AsyncOrchestrator({ retry: { jitter: 'none' }, ...options, clock });
  opened.push({ orchestrator, clock });
  return { orchestrator, clock };
}

afterEach(async () => {
  for (const { orchestrator, clock } of opened.splice(0)) {
    const closing = orchestrator.close({ drainMs: 0 });
    await clock.advance(10_000);
    await closing;
    expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 0, inFlight: 0 });
    expect(clock.pendingTimers).toBe(0);
  }
});

describe('run', () => {
  test('gives what the function returns as data, and as output where that is text', async () => {
    const { orchestrator } = open();
    const result = await orchestrator.run(async ({ agent, attempt }) => ({ agent, attempt, list: [1] }));
    expect(result).toMatchObject({ success: true, agent: 'run', attempts: 1, cached: false, output: '' });
    expect(result.data).toEqual({ agent: 'run', attempt: 1, list: [1] });
    expect(await orchestrator.run(() => 'text')).toMatchObject({ data: 'text', output: 'text' });
    expectTypeOf(orchestrator.run(async () => 3)).toEqualTypeOf<Promise<DataResult<number, 'run'>>>();
  });

  test('keeps to the permits of the orchestrator, together with its agents', async () => {
    const { orchestrator, clock } = open({
      maxConcurrent: 2,
      agents: { slow: () => wait(clock, 100).then(() => '') },
    });
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await wait(clock, 100);
      running -= 1;
    };
    const all = Promise.all([
      orchestrator.execute('slow', 't'),
      ...[1, 2, 3, 4].map(() => orchestrator.run(work)),
    ]);
    await clock.advance(50);
    expect([running, orchestrator.stats().running]).toEqual([1, 2]);
    await clock.advance(300);
    await all;
    expect(most).toBe(2);
  });

  test('is retried after what is transient, and gives up on what is not', async () => {
    const { orchestrator, clock } = open();
    let calls = 0;
    const flaky = async (): Promise<number> => {
      calls += 1;
      if (calls < 3) throw httpError(503);
      return calls;
    };
    const run = orchestrator.run(flaky);
    await clock.advance(10_000);
    expect(await run).toMatchObject({ data: 3, attempts: 3 });
    const broken = (): never => {
      throw new RangeError('a bug');
    };
    const error = await rejection(orchestrator.run(broken));
    expect(error).toMatchObject({ code: 'TUTTI_AGENT_FAILED', agent: 'run', cause: expect.any(RangeError) });
  });

  test('ends with its timeout, its deadline and its signal, which the function gets', async () => {
    const { orchestrator, clock } = open();
    const reasons: unknown[] = [];
    const hang = (options: FunctionCallOptions): Promise<Error> =>
      rejection(
        orchestrator.run(({ signal }) => {
          signal.addEventListener('abort', () => reasons.push((signal.reason as { code: string }).code));
          return waitOrAbort(clock, 1_000_000, signal);
        }, options),
      );
    const controller = new AbortController();
    const ends = Promise.all([
      hang({ timeoutMs: 100, maxRetries: 0 }),
      hang({ deadlineMs: 200 }),
      hang({ signal: controller.signal }),
    ]);
    await clock.advance(300);
    controller.abort();
    await clock.advance(0);
    const codes = ['TUTTI_TIMEOUT', 'TUTTI_TIMEOUT', 'TUTTI_CANCELLED'];
    expect((await ends).map((error) => (error as { code?: string }).code)).toEqual(codes);
    expect(reasons).toEqual(codes);
  });

  test('shares its lane with all others of that name: limits, and pauses after a 429', async () => {
    const { orchestrator, clock } = open({ limits: { requestsPerMinute: 3 } });
    const startedAtMs: number[] = [];
    const send = async (): Promise<void> => {
      startedAtMs.push(clock.now());
    };
    const all = Promise.all([1, 2, 3, 4, 5].map(() => orchestrator.run(send, { lane: 'service' })));
    await orchestrator.run(send, { lane: 'other' });
    await clock.advance(0);
    expect(startedAtMs).toHaveLength(4);
    expect(orchestrator.stats().lanes).toMatchObject({ service: { waiting: 2 }, other: { waiting: 0 } });
    await clock.advance(70_000);
    await all;
    expect(startedAtMs).toHaveLength(6);

    const limited = open({ maxConcurrent: 4 });
    let isLimited = true;
    const times: number[] = [];
    const call = async (): Promise<void> => {
      times.push(limited.clock.now());
      if (isLimited) throw httpError(429, { retryAfterMs: 5_000 });
    };
    const first = limited.orchestrator.run(call, { lane: 'api' });
    await limited.clock.advance(0);
    isLimited = false;
    const second = limited.orchestrator.run(call, { lane: 'api' });
    await limited.clock.advance(1_000);
    expect(times).toHaveLength(1);
    await limited.clock.advance(20_000);
    await Promise.all([first, second]);
    expect(Math.min(...times.slice(1))).toBeGreaterThanOrEqual(5_000);
  });

  test('is neither cached nor shared without a key', async () => {
    const { orchestrator } = open({ cache: true });
    let calls = 0;
    const count = (): number => ++calls;
    await Promise.all([orchestrator.run(count), orchestrator.run(count)]);
    expect(calls).toBe(2);
    const error = await rejection(orchestrator.run(count, { cache: { ttlMs: 5 } }));
    expect(error.message).toContain('key: expected a string that says which results are the same');
  });

  test('runs once for a key, also for identical calls at the same time, and gives JSON values back from the cache', async () => {
    const { orchestrator } = open({ cache: true });
    let calls = 0;
    const load = async (): Promise<{ rows: number[] }> => {
      calls += 1;
      return { rows: [calls] };
    };
    const [first, second] = await Promise.all([
      orchestrator.run(load, { key: 'rows' }),
      orchestrator.run(load, { key: 'rows' }),
    ]);
    const third = await orchestrator.run(load, { key: 'rows' });
    expect([first.data, second.data, third.data]).toEqual([{ rows: [1] }, { rows: [1] }, { rows: [1] }]);
    expect([first.cached, second.cached, third.cached]).toEqual([false, 'shared', 'memory']);
    expect((await orchestrator.run(load, { key: 'rows', tenant: 'acme' })).data).toEqual({ rows: [2] });
    expect((await orchestrator.run(load, { key: 'rows', cache: 'refresh' })).data).toEqual({ rows: [3] });
    expect((await orchestrator.run(() => null, { key: 'nothing' })).data).toBe(null);
    expect((await orchestrator.run(() => 5, { key: 'nothing' })).data).toBe(null);
  });

  test('has an identity of its own in the cache, beside an agent that is called run', async () => {
    const { orchestrator } = open({ cache: true, agents: { run: (task) => `agent: ${task}` } });
    await orchestrator.execute('run', 'same');
    expect((await orchestrator.run(() => 'function', { key: 'same' })).output).toBe('function');
    expect((await orchestrator.execute('run', 'same')).output).toBe('agent: same');
  });

  test('fails for a result that is no JSON value where it has a key', async () => {
    const { orchestrator } = open({ cache: true });
    const error = await rejection(orchestrator.run(() => new Map(), { key: 'map' }));
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT' });
    expect(error.message).toContain('result');
    expect((await orchestrator.run(() => new Map([[1, 2]]))).data).toEqual(new Map([[1, 2]]));
  });

  test('fits into a budget of dollars with maxCostUsd, and is refused without', async () => {
    const { orchestrator } = open({ budget: { usd: 0.03 } });
    const runs = await Promise.allSettled(
      [1, 2, 3, 4].map(() => orchestrator.run(() => 1, { maxCostUsd: 0.01 })),
    );
    expect(runs.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await rejection(orchestrator.run(() => 1))).toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED' });
  });

  test('rejects what it cannot use by its name, before anything runs, and everything once closed', async () => {
    const { orchestrator } = open();
    const messageOf = async (fn: unknown, options?: unknown): Promise<string> =>
      (await rejection(orchestrator.run(fn as () => void, options as FunctionCallOptions))).message;
    expect(await messageOf('text')).toContain('fn: expected a function; got');
    expect(await messageOf(() => 1, { lne: 'x' })).toContain('lane');
    expect(await messageOf(() => 1, { lane: '' })).toContain('lane: expected a non-empty string');
    expect(await messageOf(() => 1, { key: 'x'.repeat(100_001) })).toContain('key: expected at most 100000');
    expect(await messageOf(() => 1, { maxCostUsd: -1 })).toContain('maxCostUsd: expected dollars from 0');
    await orchestrator.close();
    expect(await messageOf(() => 1)).toContain('closed');
  });
});

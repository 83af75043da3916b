// Covers: src/calls/lanes-and-budgets.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { openai } from '../../src/providers/openai/openai.js';
import { startModelServer } from '../../src/testing/model-server/model-server.js';
import { rejection, turn } from './held-agent.js';
import { closeAll, mostWithin, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('limits', () => {
  test('50 callers at once never send more than the limit in any minute, and all are answered', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 20 },
      maxConcurrent: 50,
    });
    const calls = Promise.all(many(50, () => orchestrator.execute('agent', 'task')));
    await clock.advance(200_000);
    expect(await calls).toHaveLength(50);
    expect(mostWithin(service.arrivals, 60_000)).toBe(20);
    // Three windows are the least; the margin of a window is a few per cent.
    expect(Math.max(...service.arrivals)).toBeLessThan(2 * 60_000 * 1.05);
  });

  test('a call that waits for its lane counts as queued, holds no permit and lets other agents run', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('busy'), service.agent('free')],
      limits: { requestsPerMinute: 1 },
      maxConcurrent: 1,
    });
    const calls = many(3, () => orchestrator.execute('busy', 'task'));
    await clock.advance(100);
    expect(orchestrator.stats()).toMatchObject({
      running: 0,
      queued: 2,
      lanes: { 'function/busy': { waiting: 2 } },
    });
    const free = orchestrator.execute('free', 'task');
    await clock.advance(10);
    expect((await free).output).toBe('answer');
    await clock.advance(130_000);
    const [, second] = await Promise.all(calls);
    expect(second?.timings.queuedMs).toBeGreaterThan(60_000);
  });

  test('a call that would have to wait past its deadline is refused at once and told how long', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 1 },
    });
    const first = orchestrator.execute('agent', 'task');
    await clock.advance(1_000);
    await first;
    const late = rejection(orchestrator.execute('agent', 'task', { deadlineMs: 10_000 }));
    await turn(10);
    expect(await late).toMatchObject({
      code: 'TUTTI_RATE_LIMITED',
      reason: 'wait-too-long',
      lane: 'function/agent',
    });
    expect((await late).retryAfterMs).toBeGreaterThan(58_000);
    expect(clock.now()).toBe(1_000);
    const inTime = orchestrator.execute('agent', 'task', { deadlineMs: 70_000 });
    await clock.advance(65_000);
    expect((await inTime).output).toBe('answer');
  });

  test("a run's deadline counts as that of its calls", async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 1 },
    });
    const run = orchestrator.executeMultiple(
      many(3, () => ['agent', 'task'] as const),
      { deadlineMs: 5_000 },
    );
    await clock.advance(20);
    const outcomes = await run;
    expect(outcomes.map((outcome) => outcome.success || outcome.error.code)).toEqual([
      true,
      'TUTTI_RATE_LIMITED',
      'TUTTI_RATE_LIMITED',
    ]);
  });

  test('cancelling a call in its lane settles it at once and frees its place', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 1 },
    });
    const first = orchestrator.execute('agent', 'first');
    await clock.advance(10);
    await first;
    const controller = new AbortController();
    const second = rejection(orchestrator.execute('agent', 'second', { signal: controller.signal }));
    const third = orchestrator.execute('agent', 'third');
    await clock.advance(10);
    expect(orchestrator.stats().lanes['function/agent']?.waiting).toBe(2);
    controller.abort();
    await turn(10);
    expect((await second).code).toBe('TUTTI_CANCELLED');
    expect(orchestrator.stats().lanes['function/agent']?.waiting).toBe(1);
    await clock.advance(62_000);
    expect((await third).output).toBe('answer');
    expect(service.asked.map(({ task }) => task)).toEqual(['first', 'third']);
  });

  test('queueMs limits the wait for lane and permit together', async () => {
    const service = new Service(undefined, 3_000);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent'), service.agent('other')],
      limits: { maxConcurrent: 1 },
      maxConcurrent: 1,
      timeouts: { queueMs: 2_000 },
    });
    const calls = many(2, () => orchestrator.execute('agent', 'task'));
    const other = orchestrator.execute('other', 'task');
    const failed = Promise.all([rejection(calls[1] as Promise<unknown>), rejection(other)]);
    await clock.advance(1_999);
    expect(orchestrator.stats().inFlight).toBe(3);
    await clock.advance(1);
    for (const error of await failed) expect(error).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'queue' });
    await clock.advance(2_000);
    await calls[0];
  });

  test('calls that wait for their lane count for maxQueued', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 1 },
      maxQueued: 2,
    });
    const calls = many(3, () => orchestrator.execute('agent', 'task'));
    expect((await rejection(orchestrator.execute('agent', 'task'))).code).toBe('TUTTI_QUEUE_FULL');
    await clock.advance(130_000);
    await Promise.all(calls);
  });

  test('closing ends the calls that wait in lanes', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 1 },
    });
    const calls = many(3, () => orchestrator.execute('agent', 'task'));
    const ends = Promise.allSettled(calls);
    await clock.advance(10);
    const closing = orchestrator.close({ drainMs: 5_000 });
    await clock.advance(5_000);
    await closing;
    expect((await ends).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(service.asked).toHaveLength(1);
  });

  test('a run reads on lazily past tasks that wait for their lane', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('limited'), service.agent('free')],
      limits: { maxConcurrent: 1 },
      maxConcurrent: 2,
    });
    let read = 0;
    function* tasks(): Generator<[string, string]> {
      for (; read < 200; read += 1) yield [read % 2 === 0 ? 'limited' : 'free', `${read}`];
    }
    const run = orchestrator.executeMultiple(tasks());
    await clock.advance(0);
    expect(service.running).toBe(2);
    expect(read).toBeLessThan(200);
    await clock.advance(3_000);
    const outcomes = await run;
    expect(outcomes).toHaveLength(200);
    expect(outcomes.every(({ success }) => success)).toBe(true);
  });

  test('a shared call waits as long as the most patient of those who wait for it', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 1 },
      cache: true,
    });
    const long = new Service(undefined, 20_000);
    long.clock = clock;
    orchestrator.agents.add(long.agent('long'));
    const blocker = orchestrator.execute('long', 'blocker');
    await clock.advance(1);
    const hurried = rejection(orchestrator.execute('long', 'shared', { deadlineMs: 10_000 }));
    const patient = orchestrator.execute('long', 'shared');
    await clock.advance(10_000);
    expect((await hurried).code).toBe('TUTTI_TIMEOUT');
    await clock.advance(40_000);
    await blocker;
    expect((await patient).output).toBe('answer');
    expect(long.asked).toHaveLength(2);
  });
});

describe('limits learned from headers', () => {
  test.each([
    [
      'anthropic',
      (remaining: number) => ({
        'anthropic-ratelimit-requests-limit': '3',
        'anthropic-ratelimit-requests-remaining': String(remaining),
        'anthropic-ratelimit-requests-reset': new Date(Date.now() + 60_000).toISOString(),
      }),
    ],
    [
      'openai',
      (remaining: number) => ({
        'x-ratelimit-limit-requests': '3',
        'x-ratelimit-remaining-requests': String(remaining),
        'x-ratelimit-reset-requests': '1m0s',
      }),
    ],
  ])('of %s hold for every later call', async (name, headersNow) => {
    const server = await startModelServer();
    let remaining = 3;
    server.script(() => {
      remaining -= 1;
      return { text: 'hello', headers: headersNow(remaining) };
    });
    const agent =
      name === 'anthropic'
        ? anthropic({ model: 'm', apiKey: 'k', baseURL: server.url, maxTokens: 10 })
        : openai({ model: 'm', apiKey: 'k', baseURL: server.openaiURL, maxTokens: 10 });
    const orchestrator = new AsyncOrchestrator({ agents: { agent } });
    try {
      for (let call = 0; call < 3; call += 1) await orchestrator.execute('agent', `${call}`);
      const error = await rejection(orchestrator.execute('agent', 'late', { deadlineMs: 5_000 }));
      expect(error).toMatchObject({ code: 'TUTTI_RATE_LIMITED', lane: `${name}/m` });
      expect(error.retryAfterMs).toBeGreaterThan(50_000);
      expect(orchestrator.stats().lanes[`${name}/m`]?.limits.requests).toMatchObject({ limit: 3, used: 3 });
      expect(server.requests).toHaveLength(3);
    } finally {
      await orchestrator.close({ drainMs: 0 });
      await server.close();
    }
  });
});

describe('without traffic control', () => {
  test('a function agent takes the plain path: no lane, no budget, nothing in stats', async () => {
    const service = new Service();
    const { orchestrator, clock } = openWith([service], { agents: [service.agent('agent')], fairness: {} });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    expect(await call).toMatchObject({ output: 'answer', attempts: 1 });
    expect(orchestrator.stats()).toMatchObject({ lanes: {}, budget: undefined, hedges: 0, fallbacks: 0 });
  });
});

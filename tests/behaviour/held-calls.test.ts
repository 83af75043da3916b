import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { httpError, rejection } from './scripted-agents.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);
afterEach(() => {
  jest.restoreAllMocks();
});

const PAUSE_MS = 10_000;

/** A lane that its provider has stopped for ten seconds; the call that met it waits there as well. */
async function stoppedLane(options: Partial<AsyncOrchestratorOptions<AgentsInput>> = {}, latencyMs = 10) {
  jest.spyOn(Math, 'random').mockReturnValue(0);
  const service = new Service(({ task, index }) => {
    if (index === 0) throw httpError(429, { retryAfterMs: PAUSE_MS });
    return `answer to ${task}`;
  }, latencyMs);
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent')],
    limits: { maxConcurrent: 100 },
    ...options,
  });
  const first = orchestrator.execute('agent', 'first').catch((error: unknown) => error);
  await clock.advance(latencyMs + 10);
  expect(orchestrator.stats().lanes['function/agent']?.pausedForMs).toBeGreaterThan(9_000);
  return { orchestrator, clock, service, first };
}

const laneOf = ({ orchestrator }: Awaited<ReturnType<typeof stoppedLane>>) =>
  orchestrator.stats().lanes['function/agent'];

describe('a call in a stopped lane', () => {
  test('holds no permit: other agents run meanwhile', async () => {
    const free = new Service();
    const service = new Service(() => {
      throw httpError(429, { retryAfterMs: PAUSE_MS });
    });
    const { orchestrator, clock } = openWith([service, free], {
      agents: [service.agent('agent'), free.agent('free')],
      limits: { maxConcurrent: 100 },
      maxConcurrent: 1,
    });
    const held = Promise.allSettled([1, 2, 3].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(20);
    const call = orchestrator.execute('free', 'task');
    await clock.advance(10);
    expect((await call).output).toBe('answer');
    await orchestrator.close({ drainMs: 0 });
    await held;
  });

  test('is cancelled at once, and never sent', async () => {
    const test = await stoppedLane();
    const { orchestrator, clock, service } = test;
    const controller = new AbortController();
    const cancelled = rejection(orchestrator.execute('agent', 'task', { signal: controller.signal }));
    await clock.advance(1_000);
    expect(laneOf(test)?.waiting).toBe(2);
    controller.abort();
    expect(await cancelled).toMatchObject({
      code: 'TUTTI_CANCELLED',
      details: { endedBecause: 'cancelled' },
    });
    expect(laneOf(test)?.waiting).toBe(1);
    await clock.advance(20_000);
    expect(service.asked).toHaveLength(2);
  });

  test('whose retry waits there is cancelled at once as well', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const service = new Service(() => {
      throw httpError(503);
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 100 },
    });
    const controller = new AbortController();
    const failed = rejection(orchestrator.execute('agent', 'task', { signal: controller.signal }));
    await clock.advance(20);
    controller.abort();
    expect(await failed).toMatchObject({ code: 'TUTTI_CANCELLED' });
    await clock.advance(60_000);
    expect(service.asked).toHaveLength(1);
  });

  test('is refused at once where its deadline is nearer than the demanded wait, with the time', async () => {
    const { orchestrator, clock, service } = await stoppedLane();
    const startMs = clock.now();
    const late = await rejection(orchestrator.execute('agent', 'late', { deadlineMs: 5_000 }));
    expect(clock.now()).toBe(startMs);
    expect(late).toMatchObject({ code: 'TUTTI_RATE_LIMITED', details: { endedBecause: 'wait-too-long' } });
    expect(late.message).toMatch(/would wait about \d+ ms, past its deadline in 5000 ms/);
    expect(service.asked).toHaveLength(1);
  });

  test('ends by its deadline where the next probe is later', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const service = new Service(() => {
      throw httpError(503);
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 100 },
      maxRetries: 8,
    });
    let endedAtMs = 0;
    const failed = rejection(orchestrator.execute('agent', 'task', { deadlineMs: 3_000 }));
    void failed.then(() => (endedAtMs = clock.now()));
    await clock.advance(10_000);
    expect(await failed).toMatchObject({ details: { endedBecause: 'wait-too-long' } });
    expect(endedAtMs).toBeLessThanOrEqual(3_000);
  });

  test('ends when the orchestrator closes, and leaves no timer', async () => {
    const { orchestrator, clock, service, first } = await stoppedLane();
    const held = [1, 2, 3].map((call) => rejection(orchestrator.execute('agent', `${call}`)));
    const closing = orchestrator.close({ drainMs: 100 });
    await clock.advance(100);
    await closing;
    for (const call of held) expect(await call).toMatchObject({ details: { endedBecause: 'cancelled' } });
    expect(await first).toMatchObject({ details: { endedBecause: 'cancelled' } });
    expect(service.asked).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('is answered where the orchestrator closes with time to drain', async () => {
    const { orchestrator, clock, first } = await stoppedLane();
    const held = orchestrator.execute('agent', 'held');
    const closing = orchestrator.close({ drainMs: 60_000 });
    await clock.advance(60_000);
    await closing;
    expect((await held).output).toBe('answer to held');
    expect(await first).toMatchObject({ attempts: 2 });
  });

  test('counts towards timeouts.queueMs', async () => {
    const { orchestrator, clock } = await stoppedLane({ timeouts: { queueMs: 2_000 } });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(2_000);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'queue' });
  });
});

describe('calls that return when their lane works again', () => {
  test('go in the order of their priorities, but for the few that the outage had made to wait first', async () => {
    const { orchestrator, clock, service } = await stoppedLane({ maxConcurrent: 1 });
    const calls = [0, 2, 1, 2, 0].map((priority, index) =>
      orchestrator.execute('agent', `${priority} ${index}`, { priority }),
    );
    await clock.advance(30_000);
    await Promise.all(calls);
    // Twice as many as run at once are held, the one that met the outage among them.
    expect(service.asked.slice(2).map(({ task }) => task)).toEqual(['0 0', '2 1', '2 3', '1 2', '0 4']);
  });

  test('share the lane by tenant: ten calls of one do not wait for a hundred of another', async () => {
    const { orchestrator, clock, service } = await stoppedLane({ maxConcurrent: 1, fairness: {} });
    const big = Array.from({ length: 100 }, () => orchestrator.execute('agent', 'big', { tenant: 'big' }));
    const small = Array.from({ length: 10 }, () =>
      orchestrator.execute('agent', 'small', { tenant: 'small' }),
    );
    await clock.advance(30_000);
    await Promise.all([...big, ...small]);
    const last = service.asked.map(({ task }) => task).lastIndexOf('small');
    expect(last).toBeLessThanOrEqual(25);
  });

  test('run as many at once as maxConcurrent says by then', async () => {
    const { orchestrator, clock, service } = await stoppedLane({ maxConcurrent: 2 }, 500);
    const calls = Array.from({ length: 40 }, (_, call) => orchestrator.execute('agent', `${call}`));
    await clock.advance(1_000);
    orchestrator.maxConcurrent = 20;
    await clock.advance(1_000);
    // More room lets nobody go before the time.
    expect(service.asked).toHaveLength(1);
    await clock.advance(30_000);
    await Promise.all(calls);
    expect(service.most).toBeGreaterThan(2);
    expect(service.most).toBeLessThanOrEqual(20);
  });

  test('never run more than a lowered maxConcurrent', async () => {
    const { orchestrator, clock, service } = await stoppedLane({ maxConcurrent: 20 }, 500);
    const calls = Array.from({ length: 40 }, (_, call) => orchestrator.execute('agent', `${call}`));
    orchestrator.maxConcurrent = 3;
    await clock.advance(60_000);
    await Promise.all(calls);
    expect(service.most).toBe(3);
  });
});

describe('identical calls that share an answer', () => {
  test('wait in a stopped lane as one, and are all answered by it', async () => {
    const test = await stoppedLane({ cache: true });
    const { orchestrator, clock, service } = test;
    const calls = Array.from({ length: 20 }, () => orchestrator.execute('agent', 'same'));
    await clock.advance(1_000);
    expect(laneOf(test)?.waiting).toBe(2);
    await clock.advance(20_000);
    const cached = (await Promise.all(calls)).map((result) => result.cached);
    expect([...new Set(cached)].sort()).toEqual([false, 'shared']);
    expect(service.asked.filter(({ task }) => task === 'same')).toHaveLength(1);
  });

  test('wait as long as the most patient of them, each with its own deadline', async () => {
    const { orchestrator, clock, service } = await stoppedLane({ cache: true });
    const patient = orchestrator.execute('agent', 'same');
    const hurried = rejection(orchestrator.execute('agent', 'same', { deadlineMs: 5_000 }));
    await clock.advance(5_000);
    expect(await hurried).toMatchObject({
      details: { endedBecause: expect.stringMatching(/deadline|wait-too-long/) },
    });
    await clock.advance(20_000);
    expect((await patient).output).toBe('answer to same');
    expect(service.asked).toHaveLength(2 + 1);
  });

  test('that are all cancelled leave the lane', async () => {
    const test = await stoppedLane({ cache: true });
    const { orchestrator, clock, service } = test;
    const controller = new AbortController();
    const calls = Array.from({ length: 5 }, () =>
      rejection(orchestrator.execute('agent', 'same', { signal: controller.signal })),
    );
    await clock.advance(100);
    controller.abort();
    for (const call of calls) expect(await call).toMatchObject({ code: 'TUTTI_CANCELLED' });
    expect(laneOf(test)?.waiting).toBe(1);
    await clock.advance(20_000);
    expect(service.asked.map(({ task }) => task)).toEqual(['first', 'first']);
  });
});

describe('a stream', () => {
  /** Streams two pieces; its first attempts fail before, between or after them. */
  function streaming(failing: readonly ('before' | 'between')[]) {
    let attempts = 0;
    const run = async function* (): AsyncGenerator<StreamEvent> {
      const failure = failing[attempts++];
      if (failure === 'before') throw httpError(503);
      yield { type: 'text-delta', text: 'one ' };
      if (failure === 'between') throw httpError(503);
      yield { type: 'text-delta', text: 'two' };
      yield { type: 'finish', finishReason: 'stop' };
    };
    const { orchestrator, clock } = openWith([], {
      agents: [{ name: 'agent', run }],
      limits: { maxConcurrent: 100 },
    });
    const stream = orchestrator.stream('agent', 'task');
    const text = (async () => {
      let pieces = '';
      try {
        for await (const piece of stream.text) pieces += piece;
      } catch {
        pieces += '!';
      }
      return pieces;
    })();
    stream.result.catch(() => {});
    return { stream, text, clock, attempts: () => attempts };
  }

  test('is tried again before its first event, and waits for its lane like any call', async () => {
    const { stream, text, clock, attempts } = streaming(['before', 'before']);
    await clock.advance(30_000);
    expect(await text).toBe('one two');
    expect(await stream.result).toMatchObject({ attempts: 3 });
    expect(attempts()).toBe(3);
  });

  test('is not tried again after its first event, and says so', async () => {
    const { stream, text, clock, attempts } = streaming(['before', 'between']);
    await clock.advance(30_000);
    expect(await text).toBe('one !');
    const error = await rejection(stream.result);
    expect(error.details.endedBecause).toBe('stream-started');
    expect(error.message).toContain('so the call was not tried again');
    expect(attempts()).toBe(2);
  });
});

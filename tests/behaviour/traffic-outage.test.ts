// Covers: src/resilience/rate-limit/return-queue.ts, src/calls/ended-because.ts
// Covers: src/resilience/retry/retry-outlook.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { httpError, rejection, turn } from './held-agent.js';
import { closeAll, mostWithin, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

const RETRY_AFTER_MS = 2_000;

/** Rejects everything until `recoversAtMs`. */
const failing = (recoversAtMs: number, retryAfterMs: number | undefined = RETRY_AFTER_MS) =>
  new Service(({ atMs }) => {
    if (atMs >= recoversAtMs) return 'answer';
    throw httpError(429, { retryAfterMs });
  }, 20);

describe('an outage', () => {
  test.each([
    ['ends', 1_000],
    ['does not end', Number.POSITIVE_INFINITY],
  ])(
    'that 50 calls meet at once and that %s: retries wait, return spread, and none is made in vain',
    async (_, recoversAtMs) => {
      const service = failing(recoversAtMs);
      const { orchestrator, clock } = openWith([service], {
        agents: [service.agent('agent')],
        limits: { maxConcurrent: 50, requestsPerMinute: 10_000 },
        maxConcurrent: 50,
      });
      const calls = Promise.allSettled(
        Array.from({ length: 50 }, () => orchestrator.execute('agent', 'task')),
      );
      await clock.advance(60_000);
      await calls;
      const retries = service.arrivals.filter((atMs) => atMs > 0);
      expect(service.arrivals.length - retries.length).toBe(50);
      expect(retries.length).toBeGreaterThan(0);
      expect(Math.min(...retries)).toBeGreaterThanOrEqual(RETRY_AFTER_MS + 20);
      expect(mostWithin(retries, 100)).toBeLessThanOrEqual(Math.max(1, retries.length / 4));
      // Each call was rejected once, and is asked once more if that helps.
      expect(service.arrivals.length).toBeLessThanOrEqual(50 + 1.3 * 50);
    },
  );

  test('that names no wait in a lane without known limits is still followed by a backoff', async () => {
    const service = new Service(() => {
      throw httpError(429);
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      breaker: {},
      retry: { jitter: 'none' },
    });
    const error = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(10_000);
    expect((await error).code).toBe('TUTTI_RETRIES_EXHAUSTED');
    expect(service.arrivals).toEqual([0, 1_010, 3_020]);
  });

  test('one rejection pauses the lane for calls that come later, and tells who listens', async () => {
    const service = failing(1_000);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { requestsPerMinute: 100 },
    });
    const paused: string[] = [];
    orchestrator.on('lane:pause', ({ lane }) => void paused.push(lane));
    const first = orchestrator.execute('agent', 'first');
    await clock.advance(20);
    const second = orchestrator.execute('agent', 'second');
    await clock.advance(RETRY_AFTER_MS - 1);
    expect(service.asked).toHaveLength(1);
    expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 2 });
    expect(paused).toEqual(['function/agent']);
    await clock.advance(5_000);
    expect((await first).attempts).toBe(2);
    expect((await second).attempts).toBe(1);
  });
});

describe('a wait that is too long', () => {
  test.each([
    ['a deadline', { deadlineMs: 30_000 }, 120_000, {}],
    ['a short deadline', { deadlineMs: 10_000 }, 20_000, {}],
    ['retry.maxDelayMs', {}, 5_000, { maxDelayMs: 4_000 }],
  ])('for %s goes to the fallback at once', async (_, options, retryAfterMs, retry) => {
    const primary = failing(Number.POSITIVE_INFINITY, retryAfterMs);
    const other = new Service(() => 'from the other');
    const { orchestrator, clock } = openWith([primary, other], {
      agents: [primary.agent('agent', { fallbacks: ['other'] }), other.agent('other')],
      limits: { requestsPerMinute: 100 },
      retry,
    });
    const call = orchestrator.execute('agent', 'task', options);
    await clock.advance(50);
    expect((await call).output).toBe('from the other');
    // While the pause lasts nobody goes there to wait.
    const next = orchestrator.execute('agent', 'task', options);
    await clock.advance(50);
    expect((await next).output).toBe('from the other');
    expect(primary.asked).toHaveLength(1);
  });

  test.each([
    ['a deadline', { deadlineMs: 30_000 }, 120_000, {}],
    ['a short deadline', { deadlineMs: 10_000 }, 20_000, {}],
    ['retry.maxWaitMs', {}, 5_000, { maxWaitMs: 4_000 }],
  ])('for %s fails at once where there is no fallback', async (_, options, retryAfterMs, retry) => {
    const primary = failing(Number.POSITIVE_INFINITY, retryAfterMs);
    const { orchestrator, clock } = openWith([primary], {
      agents: [primary.agent('agent')],
      limits: { requestsPerMinute: 100 },
      retry,
    });
    const error = rejection(orchestrator.execute('agent', 'task', options));
    await clock.advance(50);
    expect((await error).code).toMatch(/TUTTI_AGENT_FAILED|TUTTI_TIMEOUT/);
    expect(primary.asked).toHaveLength(1);
  });
});

describe('a breaker', () => {
  const broken = (until: number) =>
    new Service(({ atMs }) => {
      if (atMs >= until) return 'answer';
      throw httpError(500);
    });
  const options = { breaker: { minimumCalls: 2, openMs: 10_000 }, maxRetries: 0, maxConcurrent: 200 };

  test('opens after failures, refuses without asking, and closes after one good probe', async () => {
    const service = broken(1_000);
    const { orchestrator, clock } = openWith([service], { agents: [service.agent('agent')], ...options });
    const events: string[] = [];
    for (const event of ['breaker:open', 'breaker:half-open', 'breaker:close'] as const)
      orchestrator.on(event, ({ lane }) => void events.push(`${event} ${lane}`));
    for (let call = 0; call < 2; call += 1) {
      const failed = rejection(orchestrator.execute('agent', 'task'));
      await clock.advance(10);
      expect((await failed).status).toBe(500);
    }
    const refused = rejection(orchestrator.execute('agent', 'task'));
    await turn(10);
    expect(await refused).toMatchObject({ code: 'TUTTI_CIRCUIT_OPEN', retryAfterMs: 10_000 });
    expect(service.asked).toHaveLength(2);
    await clock.advance(10_000);
    const probe = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    expect((await probe).output).toBe('answer');
    expect(events).toEqual(['open', 'half-open', 'close'].map((state) => `breaker:${state} function/agent`));
    expect(orchestrator.stats().lanes['function/agent']?.breaker).toBe('closed');
  });

  test('lets exactly one probe through under 100 waiting calls; a cancelled one makes room for another', async () => {
    const service = broken(1_000);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      ...options,
      limits: { requestsPerMinute: 100_000 },
    });
    const failed = Promise.allSettled([0, 1].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(10_010);
    await failed;
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Promise.allSettled(
      Array.from({ length: 100 }, (_, index) =>
        orchestrator.execute('agent', 'task', index === 0 ? { signal } : {}),
      ),
    );
    await clock.advance(5);
    expect(service.asked).toHaveLength(3);
    controller.abort();
    const codes = (await calls).map((end) => (end.status === 'rejected' ? end.reason.code : 'ok'));
    expect(codes.filter((code) => code === 'TUTTI_CIRCUIT_OPEN')).toHaveLength(99);
    expect(orchestrator.stats().lanes['function/agent']?.breaker).toBe('half-open');
    const next = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    expect((await next).output).toBe('answer');
    expect(orchestrator.stats().lanes['function/agent']?.breaker).toBe('closed');
  });

  test('sends calls to the fallback at once while it is open', async () => {
    const service = broken(Number.POSITIVE_INFINITY);
    const other = new Service(() => 'from the other');
    const { orchestrator, clock } = openWith([service, other], {
      agents: [service.agent('agent', { fallbacks: ['other'] }), other.agent('other')],
      ...options,
      maxRetries: 2,
      retry: { jitter: 'none' },
    });
    const first = orchestrator.execute('agent', 'task');
    await clock.advance(5_000);
    expect((await first).output).toBe('from the other');
    // The breaker opened with the second failure, and nobody waited for it.
    expect(service.asked).toHaveLength(2);
    const second = orchestrator.execute('agent', 'task');
    await clock.advance(10);
    expect(await second).toMatchObject({ output: 'from the other', attempts: 1 });
    expect(service.asked).toHaveLength(2);
  });
});

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { failsFirst, meet, type Script } from './meet-trouble.js';
import { httpError } from './scripted-agents.js';
import { seeded } from './seeded-random.js';
import { closeAll, mostWithin, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);
afterEach(() => {
  jest.restoreAllMocks();
});

// The rows of `npm run bench:trouble` on a clock moved by hand.

describe('trouble that passes fails no call', () => {
  test('50 calls at once that each meet one 429 with a retry-after of 2 s', async () => {
    const met = await meet({
      calls: 50,
      limit: 50,
      script: failsFirst(1, 429, { retryAfterMs: 2_000 }),
    });
    expect(met.answered).toBe(50);
    expect(met.service.asked).toHaveLength(100);
    const retries = met.service.arrivals.slice(50);
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(2_050);
    expect(mostWithin(retries, 100)).toBeLessThanOrEqual(Math.ceil(49 / 4));
    expect(met.endedAtMs).toBeLessThan(3_000);
  });

  test('50 calls at once that each meet one 429 without a header', async () => {
    const met = await meet({ calls: 50, limit: 50, script: failsFirst(1, 429) });
    expect([met.answered, met.service.asked.length]).toEqual([50, 100]);
    expect(met.endedAtMs).toBeLessThan(1_800);
  });

  test('100 calls at limit 10 that each fail once with 503', async () => {
    const met = await meet({ calls: 100, limit: 10, script: failsFirst(1, 503) });
    expect([met.answered, met.service.asked.length]).toEqual([100, 200]);
    expect(met.endedAtMs).toBeLessThan(8_000);
  });

  test('24 calls that each meet two 503', async () => {
    const met = await meet({ calls: 24, limit: 24, script: failsFirst(2, 503) });
    expect([met.answered, met.service.asked.length]).toEqual([24, 72]);
    expect(met.endedAtMs).toBeLessThan(6_500);
  });

  test('400 calls at limit 20 of which a quarter of the requests fail: only those whose own attempts all fail', async () => {
    const random = seeded(3);
    const draws = Array.from({ length: 400 }, () => [random(), random(), random()]);
    const met = await meet({
      calls: 400,
      limit: 20,
      script: ({ call, attempt }) => {
        if ((draws[call]?.[attempt - 1] ?? 1) < 0.25) throw httpError(attempt % 2 === 0 ? 503 : 529);
      },
    });
    const doomed = draws.filter((own) => own.every((draw) => draw < 0.25)).length;
    expect(met.answered).toBe(400 - doomed);
    expect(met.endedAtMs).toBeLessThan(6_000);
  });

  test('30 calls at limit 5 while the provider is down for 2 s', async () => {
    const met = await meet({
      calls: 30,
      limit: 5,
      latencyMs: 150,
      script: ({ atMs }) => {
        if (atMs < 2_000) throw httpError(503);
      },
    });
    expect(met.answered).toBe(30);
    expect(met.service.asked.length).toBeLessThanOrEqual(39);
    expect(met.endedAtMs).toBeLessThan(4_100);
  });

  test('1,000 calls of which 2 % of the requests meet a 429 with a short wait, at full speed', async () => {
    const random = seeded(5);
    const met = await meet({
      calls: 1_000,
      limit: 50,
      latencyMs: 80,
      script: () => {
        if (random() < 0.02) throw httpError(429, { retryAfterMs: 200 });
      },
    });
    expect(met.answered).toBe(1_000);
    // 20 rounds of 80 ms without any trouble.
    expect(met.endedAtMs).toBeLessThan(2_900);
    expect(met.orchestrator.stats().lanes['function/agent']?.adaptive?.cuts).toBe(0);
  });

  test('1,000 calls while the provider is down for 5 s in the middle', async () => {
    const met = await meet({
      calls: 1_000,
      limit: 20,
      latencyMs: 100,
      script: ({ atMs }) => {
        if (atMs >= 1_000 && atMs < 6_000) throw httpError(503);
      },
    });
    expect(met.answered).toBe(1_000);
    expect(met.service.asked.length).toBeLessThan(1_050);
    expect(met.endedAtMs).toBeLessThan(12_000);
  });

  test('2,000 calls with eight retries while the provider cannot be reached for 1 s', async () => {
    const met = await meet({
      calls: 2_000,
      limit: 50,
      latencyMs: 100,
      options: { maxRetries: 8, breaker: { openMs: 500 } },
      script: ({ atMs }) => {
        if (atMs >= 1_000 && atMs < 2_000)
          throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      },
    });
    expect(met.answered).toBe(2_000);
    expect(met.endedAtMs).toBeLessThan(7_000);
  });

  test.each([
    ['nothing', {}],
    ['a breaker', { breaker: {} }],
    ['a hedge', { hedge: {} }],
  ] as const)(
    '100 calls of a function without a lane that fail once with 500, under %s',
    async (_, options) => {
      const met = await meet({
        calls: 100,
        limit: 10,
        script: failsFirst(1, 500),
        options: { limits: undefined, ...options },
      });
      expect(met.answered).toBe(100);
      // A hedge adds a tenth.
      expect(met.service.asked.length).toBeLessThanOrEqual(220);
      expect(met.endedAtMs).toBeLessThan(4_000);
    },
  );

  test('a call with no retries is not failed by the others’ failures', async () => {
    const met = await meet({
      calls: 200,
      limit: 10,
      options: { maxRetries: 0 },
      script: ({ call }) => {
        if (call < 60) throw httpError(503);
      },
    });
    expect(met.answered).toBe(140);
    expect(met.service.asked).toHaveLength(200);
  });
});

describe('a provider that stays dead', () => {
  const refused: Script = () => {
    throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  };

  test('fails every call in the time of its own retries, with few requests', async () => {
    const met = await meet({ calls: 200, limit: 10, latencyMs: 1, script: refused, patienceMs: 70_000 });
    expect(met.answered).toBe(0);
    // By hand each of ten at a time waits 1 and 2 s, and 600 requests are made.
    expect(met.endedAtMs).toBeLessThan(61_000);
    expect(met.service.asked.length).toBeLessThan(120);
    const because = met.outcomes.map((outcome) => !outcome.success && outcome.error.details.endedBecause);
    expect(new Set(because)).toEqual(new Set(['lane-down', 'attempts-used']));
  });

  test('is soon answered by a fallback instead', async () => {
    const alive = new Service();
    const broken = new Service(() => {
      throw httpError(503);
    }, 1);
    const { orchestrator, clock } = openWith([broken, alive], {
      agents: [broken.agent('agent', { fallbacks: ['other'] }), alive.agent('other')],
      limits: { maxConcurrent: 100 },
    });
    const calls = Promise.all(Array.from({ length: 30 }, () => orchestrator.execute('agent', 'task')));
    await clock.advance(30_000);
    expect((await calls).map(({ output }) => output)).toEqual(Array.from({ length: 30 }, () => 'answer'));
  });
});

describe('a demanded wait', () => {
  test('that is longer than maxWaitMs fails the call that met it and all that come later, with the time', async () => {
    const service = new Service(() => {
      throw httpError(429, { retryAfterMs: 86_400_000 });
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 2 },
    });
    const early = Promise.allSettled([0, 1, 2, 3].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(10);
    for (const end of await early) {
      expect(end).toMatchObject({ reason: { details: { endedBecause: 'wait-too-long' } } });
      expect((end as PromiseRejectedResult).reason.retryAfterMs).toBeGreaterThan(86_000_000);
      expect((end as PromiseRejectedResult).reason.message).toContain('300000 ms');
    }
    await expect(orchestrator.execute('agent', 'task')).rejects.toMatchObject({
      code: 'TUTTI_RATE_LIMITED',
      reason: 'wait-too-long',
      details: { endedBecause: 'wait-too-long' },
    });
    expect(service.asked).toHaveLength(2);
  });

  test('is waited for however long it is where maxWaitMs is Infinity', async () => {
    const service = new Service(({ index }) => {
      if (index === 0) throw httpError(429, { retryAfterMs: 86_400_000 });
      return 'answer';
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 2 },
      retry: { maxWaitMs: Number.POSITIVE_INFINITY },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(86_300_000);
    expect(orchestrator.stats().lanes['function/agent']?.waitingFor).toMatchObject({ reason: 'retry-after' });
    await clock.advance(200_000);
    expect((await call).attempts).toBe(2);
  });

  test('of one call among many that are answered stops no other', async () => {
    const service = new Service(({ task }) => {
      if (task === '20') throw httpError(429, { retryAfterMs: 60_000 });
      return 'answer';
    }, 50);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 100 },
      maxConcurrent: 10,
    });
    const calls = Array.from({ length: 200 }, (_, call) => orchestrator.execute('agent', String(call)));
    const others = Promise.all(calls.filter((_, call) => call !== 20));
    await clock.advance(1_200);
    expect(await others).toHaveLength(199);
    calls[20]?.catch(() => {});
  });

  test('is announced once for the lane, and to every call that waits', async () => {
    const logged: unknown[] = [];
    const logger = { debug() {}, warn() {}, error() {}, info: (fields: unknown) => void logged.push(fields) };
    const service = new Service(({ index }) => {
      if (index === 0) throw httpError(429, { retryAfterMs: 30_000 });
      return 'answer';
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 10 },
      logger: logger as never,
    });
    const waits: unknown[] = [];
    orchestrator.on('call:wait', ({ lane, reason, untilMs }) => waits.push({ lane, reason, untilMs }));
    const first = orchestrator.execute('agent', 'first');
    await clock.advance(10);
    const calls = [first, orchestrator.execute('agent', 'second'), orchestrator.execute('agent', 'third')];
    await clock.advance(1_000);
    expect(waits).toHaveLength(3);
    expect(waits[1]).toEqual({ lane: 'function/agent', reason: 'retry-after', untilMs: expect.any(Number) });
    expect(logged).toEqual([expect.objectContaining({ lane: 'function/agent', reason: 'retry-after' })]);
    await clock.advance(40_000);
    expect((await Promise.all(calls)).map(({ attempts }) => attempts)).toEqual([2, 1, 1]);
  });
});

describe('an open breaker', () => {
  test('fails calls at once with default retries, and counts no attempt', async () => {
    const service = new Service(() => {
      throw httpError(500);
    });
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      breaker: { minimumCalls: 2 },
    });
    const first = Promise.allSettled([0, 1].map(() => orchestrator.execute('agent', 'task')));
    await clock.advance(10_000);
    await first;
    const asked = service.asked.length;
    await expect(orchestrator.execute('agent', 'task')).rejects.toMatchObject({
      code: 'TUTTI_CIRCUIT_OPEN',
      details: { endedBecause: 'breaker-open' },
    });
    const [outcome] = await orchestrator.executeMultiple([['agent', 'task']]);
    expect(outcome).toMatchObject({ success: false, attempts: 0 });
    expect(service.asked).toHaveLength(asked);
  });
});

import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { failsFirst, meet } from './meet-trouble.js';
import { httpError } from './scripted-agents.js';
import { seeded } from './seeded-random.js';
import { type Asked, closeAll, mostWithin, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);
afterEach(() => {
  jest.restoreAllMocks();
});

// More rows of `npm run bench:trouble` on a clock moved by hand.

const refused = (): never => {
  throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
};

describe('shapes of trouble', () => {
  test('1,500 calls while the provider is up for 3 s and down for 3 s in turn', async () => {
    const met = await meet({
      calls: 1_500,
      limit: 20,
      latencyMs: 100,
      script: ({ atMs }) => {
        if (atMs % 6_000 >= 3_000) throw httpError(503);
      },
    });
    expect(met.answered).toBe(1_500);
    // Twice 20 meet the beginning of an outage, then single probes do.
    expect(met.service.asked.length).toBeLessThan(1_500 + 80);
    // The provider is up for the 7.5 s that they take at 13.5 s.
    expect(met.endedAtMs).toBeLessThan(16_500);
  });

  test('400 calls of which a fifth of the requests time out: only those whose own attempts all do, and nobody waits', async () => {
    const random = seeded(11);
    const draws = Array.from({ length: 400 }, () => [random(), random(), random()]);
    const meetTimeouts = async (limits: { maxConcurrent: number } | undefined) => {
      const seen = new Map<string, number>();
      const latencyMs = ({ task }: Asked): number => {
        const attempt = seen.get(task) ?? 0;
        seen.set(task, attempt + 1);
        return (draws[Number(task)]?.[attempt] ?? 1) < 0.2 ? 5_000 : 50;
      };
      const options = { timeoutMs: 1_000, limits };
      return await meet({ calls: 400, limit: 20, latencyMs, options, script: () => {} });
    };
    const doomed = draws.filter((own) => own.every((draw) => draw < 0.2)).length;
    expect(doomed).toBeGreaterThan(0);
    const [withoutLane, met] = [await meetTimeouts(undefined), await meetTimeouts({ maxConcurrent: 1_000 })];
    expect([withoutLane.answered, met.answered]).toEqual([400 - doomed, 400 - doomed]);
    expect(met.orchestrator.stats().lanes['function/agent']).toMatchObject({ pauses: 0 });
    expect(met.endedAtMs).toBeLessThan(1.2 * withoutLane.endedAtMs + 500);
  });

  test('a provider that begins slowly is not taken for one in trouble', async () => {
    const met = await meet({
      calls: 300,
      limit: 20,
      latencyMs: ({ atMs }) => Math.max(50, 2_000 - atMs),
      script: () => {},
    });
    expect([met.answered, met.service.asked.length]).toEqual([300, 300]);
    expect(met.orchestrator.stats().lanes['function/agent']).toMatchObject({
      pauses: 0,
      adaptive: { limit: Infinity },
    });
    expect(met.endedAtMs).toBeLessThan(2_000 + 14 * 50 + 100);
  });

  test('50 calls at once that each meet a 429 with a retry-after of 30 s', async () => {
    const met = await meet({ calls: 50, limit: 50, script: failsFirst(1, 429, { retryAfterMs: 30_000 }) });
    expect([met.answered, met.service.asked.length]).toEqual([50, 100]);
    const retries = met.service.arrivals.slice(50);
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(30_050);
    expect(mostWithin(retries, 100)).toBeLessThanOrEqual(Math.ceil(49 / 4));
    // A second of jitter, half a second to return.
    expect(met.endedAtMs).toBeLessThan(32_000);
  });

  test('of two lanes one is dead: the calls of the other are answered as fast as alone', async () => {
    const [dead, alive] = [new Service(refused, 1), new Service(undefined, 50)];
    const { orchestrator, clock } = openWith([dead, alive], {
      agents: [dead.agent('dead'), alive.agent('alive')],
      limits: { maxConcurrent: 1_000 },
      maxConcurrent: 10,
    });
    const answeredAtMs: number[] = [];
    const tasks = Array.from(
      { length: 400 },
      (_, call) => [call % 2 === 0 ? 'dead' : 'alive', 'task'] as const,
    );
    const calls = tasks.map(([agent, task]) => orchestrator.execute(agent, task));
    for (const call of calls) {
      call.then(
        () => answeredAtMs.push(clock.now()),
        () => {},
      );
    }
    await clock.advance(90_000);
    const ends = await Promise.allSettled(calls);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(200);
    // Twenty rounds of ten.
    expect(Math.max(...answeredAtMs)).toBeLessThan(1_200);
    expect(dead.asked.length).toBeLessThan(120);
  });
});

describe('calls that always fail', () => {
  /** Whether each of 200 calls fails whenever it is made. */
  const share = (part: number): boolean[] => {
    const random = seeded(3);
    return Array.from({ length: 200 }, () => random() < part);
  };
  const between = (from: number, to: number): boolean[] =>
    Array.from({ length: 200 }, (_, call) => call >= from && call < to);

  test.each([
    ['the first ten', between(0, 10)],
    ['the first thirty', between(0, 30)],
    ['the first sixty', between(0, 60)],
    ['sixty in the middle', between(60, 120)],
    ['every tenth', Array.from({ length: 200 }, (_, call) => call % 10 === 0)],
    ['a quarter of all', share(0.25)],
  ])('cost no other call its answer: %s', async (_, isBad) => {
    const met = await meet({
      calls: 200,
      limit: 10,
      script: ({ call }) => {
        if (isBad[call] === true) throw httpError(503);
      },
    });
    expect(met.outcomes.map(({ success }) => success)).toEqual(isBad.map((bad) => !bad));
    expect(met.endedAtMs).toBeLessThan(25_000);
  });
});

describe('one 429 among many answers', () => {
  const script =
    (retryAfterMs: number) =>
    ({ call }: { call: number }): void => {
      if (call === 20) throw httpError(429, { retryAfterMs });
    };

  test.each([
    ['a deadline that is nearer than the wait it names', 60_000, { deadlineMs: 30_000 }],
    ['a wait that is longer than maxWaitMs', 86_400_000, {}],
  ])('fails no other call: %s', async (_, retryAfterMs, options) => {
    const met = await meet({ calls: 200, limit: 10, script: script(retryAfterMs), options });
    expect(met.answered).toBe(199);
  });
});

import { afterEach, describe, expect, test } from '@jest/globals';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

const LATENCY_MS = 100;

async function tenCallsBeside(queued: number, options: object, agentOptions: object = {}): Promise<number> {
  const service = new Service(undefined, LATENCY_MS);
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent', agentOptions)],
    maxConcurrent: 5,
    ...options,
  });
  const background = Promise.allSettled(
    Array.from({ length: queued }, () => orchestrator.execute('agent', 'task', { tenant: 'big' })),
  );
  await clock.advance(LATENCY_MS / 2);
  const startMs = clock.now();
  let endMs = 0;
  const ten = Promise.all(
    Array.from({ length: 10 }, () =>
      orchestrator.execute('agent', 'task', { tenant: 'small' }).then(() => {
        endMs = clock.now();
      }),
    ),
  );
  await clock.advance(2_000);
  await ten;
  const closing = orchestrator.close({ drainMs: 0 });
  await clock.advance(0);
  await closing;
  await background;
  return endMs - startMs;
}

describe('fairness', () => {
  test.each([
    ['permits', {}],
    ['lanes', { limits: { maxConcurrent: 5 }, maxConcurrent: 50 }],
  ])(
    'of %s: ten calls beside 10,000 of another tenant take at most three times as long as alone',
    async (_, more) => {
      const aloneMs = await tenCallsBeside(0, { fairness: {}, ...more });
      expect(aloneMs).toBe(2 * LATENCY_MS);
      expect(await tenCallsBeside(10_000, { fairness: {}, ...more })).toBeLessThanOrEqual(3 * aloneMs);
    },
  );

  test("of an agent's own permits holds too", async () => {
    const options = { fairness: {}, maxConcurrent: 50 };
    expect(await tenCallsBeside(1_000, options, { maxConcurrent: 5 })).toBeLessThanOrEqual(6 * LATENCY_MS);
  });

  test('orders by priority within a tenant', async () => {
    const service = new Service(undefined, LATENCY_MS);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      maxConcurrent: 1,
      fairness: {},
    });
    const calls = Promise.all(
      [0, 1, 5, 3].map((priority) => orchestrator.execute('agent', `${priority}`, { tenant: 't', priority })),
    );
    await clock.advance(4 * LATENCY_MS);
    await calls;
    expect(service.asked.map(({ task }) => task)).toEqual(['0', '5', '3', '1']);
  });

  test.each([
    ['fair shares', { fairness: { ageingMs: 1_000 } }, 12_000],
    ['plain priorities', {}, 12_000],
  ])('with %s the lowest priority starts under a saturating high one', async (_, options, boundMs) => {
    const service = new Service(undefined, LATENCY_MS);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      maxConcurrent: 1,
      ...options,
    });
    let isOver = false;
    const busy = async (): Promise<void> => {
      while (!isOver) await orchestrator.execute('agent', 'high', { priority: 10 });
    };
    const callers = [busy(), busy(), busy()];
    await clock.advance(LATENCY_MS / 2);
    const low = orchestrator.execute('agent', 'low', { priority: 0 });
    await clock.advance(boundMs);
    isOver = true;
    await clock.advance(1_000);
    await Promise.all(callers);
    expect((await low).timings.queuedMs).toBeLessThanOrEqual(boundMs);
    expect(service.asked.filter(({ task }) => task === 'high').length).toBeGreaterThan(40);
  });

  test('switched off leaves plain priorities between tenants', async () => {
    const service = new Service(undefined, LATENCY_MS);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      maxConcurrent: 1,
    });
    const calls = Promise.all([
      ...[1, 2, 3].map((n) => orchestrator.execute('agent', `a${n}`, { tenant: 'a' })),
      orchestrator.execute('agent', 'b', { tenant: 'b' }),
      orchestrator.execute('agent', 'urgent', { tenant: 'b', priority: 1 }),
    ]);
    await clock.advance(5 * LATENCY_MS);
    await calls;
    const order = service.asked.map(({ task }) => task);
    expect(order.indexOf('urgent')).toBeLessThan(order.indexOf('a2'));
    expect(order.indexOf('a3')).toBeLessThan(order.indexOf('b'));
  });
});

// Covers: src/calls/traffic-control.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, rejection } from './held-agent.js';
import { closeAll, mostWithin, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

const tenants = ['acme', 'bolt', 'coda'];
const tasksOf = (tenant: string, count: number) =>
  Array.from({ length: count }, (_none, index) => ({ agent: 'agent', task: `${tenant} ${index}`, tenant }));

describe('the limits of tenants', () => {
  test('hold for each tenant by itself: attempts at once, beside those of others', async () => {
    const service = new Service(undefined, 100);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      tenants: { limits: { maxConcurrent: 2 } },
      maxConcurrent: 100,
    });
    const runs = tenants.map((tenant) => orchestrator.executeMultiple(tasksOf(tenant, 10)));
    const free = orchestrator.executeMultiple(
      Array.from({ length: 5 }, (_none, id) => ['agent', `free ${id}`]),
    );
    await clock.advance(50);
    const running = (name: string): number =>
      service.asked.filter(({ task }) => task.startsWith(name)).length;
    expect([...tenants, 'free'].map(running)).toEqual([2, 2, 2, 5]);
    expect(orchestrator.stats().tenants).toMatchObject({ acme: { inFlight: 2 }, coda: { inFlight: 2 } });
    await clock.advance(1_000);
    for (const outcomes of await Promise.all([...runs, free]))
      expect(outcomes.every(({ success }) => success)).toBe(true);
    expect(service.most).toBe(11);
  });

  test('hold in any minute, and a tenant beyond its own holds up no other', async () => {
    const service = new Service(undefined, 10);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      tenants: { limits: { requestsPerMinute: 5 } },
    });
    const many = orchestrator.executeMultiple(tasksOf('acme', 12));
    await clock.advance(1_000);
    expect(service.asked).toHaveLength(5);
    const few = orchestrator.executeMultiple(tasksOf('bolt', 3));
    await clock.advance(100);
    expect((await few).every(({ success }) => success)).toBe(true);
    await clock.advance(200_000);
    expect(await many).toHaveLength(12);
    const arrivals = service.asked.filter(({ task }) => task.startsWith('acme')).map(({ atMs }) => atMs);
    expect(mostWithin(arrivals, 60_000)).toBe(5);
  });

  test('count tokens as they were used', async () => {
    const service = new Service(
      () => ({ output: 'answer', usage: { inputTokens: 300, outputTokens: 200 } }),
      10,
    );
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      tenants: { limits: { tokensPerMinute: 1_000 } },
      maxConcurrent: 1,
    });
    const run = orchestrator.executeMultiple(tasksOf('acme', 4));
    await clock.advance(30_000);
    expect(service.asked).toHaveLength(2);
    await clock.advance(70_000);
    await run;
    expect(service.asked).toHaveLength(4);
  });

  test('stand beside those of the lane, of which a waiting tenant takes nothing', async () => {
    const service = new Service(undefined, 100);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      limits: { maxConcurrent: 3 },
      tenants: { limits: { maxConcurrent: 1 } },
    });
    const runs = tenants.map((tenant) => orchestrator.executeMultiple(tasksOf(tenant, 4)));
    await clock.advance(50);
    expect(service.running).toBe(3);
    expect(orchestrator.stats().lanes['function/agent']).toMatchObject({ inFlight: 3, waiting: 0 });
    await clock.advance(1_000);
    await Promise.all(runs);
    expect(service.most).toBe(3);
  });

  test('count every attempt, give their room back whatever becomes of it, and show what calls wait for', async () => {
    let failures = 2;
    const service = new Service(() => {
      failures -= 1;
      if (failures >= 0) throw httpError(503);
      return 'answer';
    }, 10);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      tenants: { limits: { maxConcurrent: 1 } },
      retry: { minDelayMs: 100, jitter: 'none' },
    });
    const waits: unknown[] = [];
    orchestrator.on('call:wait', ({ lane, reason }) => waits.push([lane, reason]));
    const first = orchestrator.execute('agent', 'first', { tenant: 'acme' });
    const controller = new AbortController();
    const left = rejection(
      orchestrator.execute('agent', 'left', { tenant: 'acme', signal: controller.signal }),
    );
    await clock.advance(5);
    expect(waits).toEqual([['tenant/acme', 'concurrency']]);
    expect(orchestrator.stats()).toMatchObject({ queued: 1, tenants: { acme: { inFlight: 1, waiting: 1 } } });
    controller.abort();
    await left;
    await clock.advance(1_000);
    expect(await first).toMatchObject({ output: 'answer', attempts: 3 });
    expect(orchestrator.stats().tenants.acme).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  test('refuse at once what would wait past its deadline, and end with the queue limit', async () => {
    const service = new Service(undefined, 10);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      tenants: { limits: { requestsPerMinute: 1 } },
      tenant: 'acme',
    });
    const first = orchestrator.execute('agent', 'first');
    await clock.advance(20);
    await first;
    const late = await rejection(orchestrator.execute('agent', 'late', { deadlineMs: 1_000 }));
    expect(late).toMatchObject({ code: 'TUTTI_RATE_LIMITED', lane: 'tenant/acme' });
    const queued = rejection(orchestrator.execute('agent', 'queued', { timeouts: { queueMs: 500 } }));
    await clock.advance(500);
    expect(await queued).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'queue' });
  });

  test('leave calls without a tenant alone', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      agents: { echo: (task) => task },
      tenants: { limits: { maxConcurrent: 1, requestsPerMinute: 1 } },
      clock,
    });
    for (const task of ['a', 'b', 'c']) expect((await orchestrator.execute('echo', task)).output).toBe(task);
    expect(orchestrator.stats().tenants).toEqual({});
  });
});

describe('the budget of tenants', () => {
  test('is an account for each of them', async () => {
    const service = new Service(() => ({ output: 'answer', costUsd: 0.01 }), 10);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', { maxCostUsd: 0.01 })],
      tenants: { budget: { usd: 0.02 } },
    });
    const runs = tenants.map((tenant) => orchestrator.executeMultiple(tasksOf(tenant, 5)));
    await clock.advance(1_000);
    const succeeded = (await Promise.all(runs)).map((all) => all.filter(({ success }) => success).length);
    expect(succeeded).toEqual([2, 2, 2]);
  });

  test('is set in one of its two places', () => {
    const budget = { usd: 1 };
    expect(() => new AsyncOrchestrator({ tenants: { budget }, tenantBudget: budget })).toThrow(
      'tenantBudget: expected tenants.budget or tenantBudget, which are the same, not both',
    );
    expect(() => new AsyncOrchestrator({ tenants: { limits: { maxConcurent: 1 } as never } })).toThrow(
      'maxConcurrent',
    );
  });
});

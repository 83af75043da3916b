// Covers: src/telemetry/alerts/alert-states.ts, src/telemetry/alerts/alert-monitor.ts, src/telemetry/alerts/alert-options.ts, src/telemetry/alerts/budget-thresholds.ts, src/telemetry/recommendations/observations.ts, src/telemetry/recommendations/rule.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AgentsInput } from '../../../src/agents/agent-registry.js';
import type { AsyncOrchestratorOptions } from '../../../src/orchestrator/options.js';
import { type Alert, type AlertOptions, Telemetry } from '../../../src/telemetry/index.js';
import { httpError, rejection, wait } from '../../behaviour/scripted-agents.js';
import { open } from '../../behaviour/traffic-orchestrator.js';

const opened: Telemetry[] = [];
afterEach(async () => {
  for (const telemetry of opened.splice(0)) await telemetry.close();
});

/** A system whose calls take `latencyMs` and fail at `failing`, with the alerts that it raises. */
function watched(alerts: AlertOptions, options: AsyncOrchestratorOptions<AgentsInput> = {}) {
  const behaviour = { latencyMs: 10, failing: false };
  const { orchestrator, clock } = open({
    maxRetries: 0,
    maxConcurrent: 1_000,
    ...options,
    agents: [
      {
        name: 'asked',
        maxCostUsd: 0.1,
        run: async () => {
          await wait(clock, behaviour.latencyMs);
          if (behaviour.failing) throw httpError(400);
          return { output: 'ok', costUsd: 0.1, usage: { inputTokens: 10, outputTokens: 5 } };
        },
      },
    ],
  });
  const raised: Alert[] = [];
  const telemetry = new Telemetry({
    orchestrator,
    alerts: { onAlert: (alert) => raised.push(alert), ...alerts },
  });
  opened.push(telemetry);
  let next = 0;
  /** Makes calls for so long, 10 every 10 seconds. */
  const live = async (forMs: number, calls = 10): Promise<void> => {
    for (let spentMs = 0; spentMs < forMs; spentMs += 10_000) {
      for (let index = 0; index < calls; index += 1) {
        next += 1;
        orchestrator.execute('asked', `${next}`).catch(() => {});
      }
      await clock.advance(10_000);
    }
  };
  const seen = (): string[] => raised.map(({ id, state, level }) => `${id} ${state} ${level}`);
  return { behaviour, orchestrator, clock, telemetry, live, raised, seen };
}

const SLOW_ONLY = {
  rules: { 'latency-growth': false, 'error-ratio': false, 'success-ratio-hour': false },
} as const;

describe('alerts', () => {
  test('fire once when a finding has lasted, hold, and are resolved once when it has been gone', async () => {
    const { behaviour, live, seen, raised, clock } = watched({
      ...SLOW_ONLY,
      windowMs: 60_000,
      holdMs: 30_000,
      resolveMs: 60_000,
    });
    await live(120_000);
    expect(seen()).toEqual([]);
    behaviour.latencyMs = 3_000;
    await live(20_000);
    expect(seen()).toEqual([]);
    await live(300_000);
    expect(seen()).toEqual(['latency-p95 firing warning']);
    behaviour.latencyMs = 10;
    await live(60_000);
    expect(seen()).toEqual(['latency-p95 firing warning']);
    await live(120_000);
    expect(seen()).toEqual(['latency-p95 firing warning', 'latency-p95 resolved warning']);
    expect(raised[0]).toMatchObject({ evidence: { p95Ms: expect.any(Number) }, docs: expect.any(String) });
    expect((raised[1] as Alert).at).toBeGreaterThan((raised[0] as Alert).at);
    await live(600_000);
    expect(raised).toHaveLength(2);
    expect(clock.epochMs()).toBeGreaterThan(0);
  });

  test('do not flap where a value swings around its threshold', async () => {
    const { behaviour, live, seen } = watched({
      ...SLOW_ONLY,
      windowMs: 20_000,
      holdMs: 0,
      resolveMs: 60_000,
    });
    for (let round = 0; round < 30; round += 1) {
      behaviour.latencyMs = round % 2 === 0 ? 2_100 : 1_900;
      await live(20_000, 30);
    }
    expect(seen()).toEqual(['latency-p95 firing warning']);
  });

  test('never fire for what does not last', async () => {
    const { behaviour, live, seen } = watched({
      ...SLOW_ONLY,
      windowMs: 10_000,
      holdMs: 60_000,
      rules: { ...SLOW_ONLY.rules, 'latency-p95': { minimumSamples: 1 } },
    });
    for (let round = 0; round < 10; round += 1) {
      behaviour.latencyMs = 3_000;
      await live(30_000);
      behaviour.latencyMs = 10;
      await live(30_000);
    }
    expect(seen()).toEqual([]);
  });

  test('fire again where a finding gets more serious, and not where it gets less so', async () => {
    const { behaviour, live, seen } = watched({ ...SLOW_ONLY, windowMs: 30_000, holdMs: 0 });
    behaviour.latencyMs = 3_000;
    await live(90_000);
    behaviour.latencyMs = 6_000;
    await live(90_000);
    behaviour.latencyMs = 3_000;
    await live(90_000);
    expect(seen()).toEqual(['latency-p95 firing warning', 'latency-p95 firing critical']);
  });

  test('tell of a growth by half over the hour before once, not once for every sample', async () => {
    const { behaviour, live, seen } = watched({
      windowMs: 300_000,
      holdMs: 0,
      rules: { 'cost-growth': false },
    });
    behaviour.latencyMs = 100;
    await live(1_500_000);
    behaviour.latencyMs = 200;
    await live(600_000);
    // After an hour the new latency is the usual one.
    expect(seen().filter((line) => line.includes('firing'))).toEqual(['latency-growth firing warning']);
  });

  test('tell of failures; those of cancelled calls are none', async () => {
    const { behaviour, live, seen, orchestrator, clock } = watched({
      windowMs: 60_000,
      holdMs: 0,
      rules: { 'success-ratio-hour': false },
    });
    for (let index = 0; index < 100; index += 1) {
      void rejection(orchestrator.execute('asked', `${index}`, { signal: AbortSignal.abort() }));
    }
    await clock.advance(60_000);
    expect(seen()).toEqual([]);
    behaviour.failing = true;
    await live(60_000);
    expect(seen()).toEqual(['error-ratio firing critical']);
  });

  test('leave out what matters less than the minimum', async () => {
    const alerts = { windowMs: 60_000, holdMs: 0, rules: { 'latency-growth': false } } as const;
    const [usual, all] = [watched(alerts), watched({ ...alerts, minimumLevel: 'info' })];
    for (const system of [usual, all]) {
      system.behaviour.latencyMs = 450;
      await system.live(60_000);
    }
    expect(usual.seen()).toEqual([]);
    expect(all.seen()).toEqual(['computed-latency firing info']);
  });

  test('reach listeners, which may leave; what one throws breaks nothing', async () => {
    const { behaviour, live, telemetry, raised } = watched({
      ...SLOW_ONLY,
      windowMs: 60_000,
      holdMs: 0,
      onAlert: () => {
        throw new Error('listener');
      },
    });
    const heard: Alert[] = [];
    telemetry.on('alert', (alert) => heard.push(alert));
    const leave = telemetry.on('alert', (alert) => raised.push(alert));
    leave();
    behaviour.latencyMs = 3_000;
    await live(60_000);
    expect(heard.map(({ id }) => id)).toEqual(['latency-p95']);
    expect(raised).toEqual([]);
    expect(() => telemetry.on('alarm' as never, () => {})).toThrow(/alert/);
  });

  test('end with telemetry: no timer is left', async () => {
    const { live, telemetry, clock, seen, behaviour } = watched({ windowMs: 60_000, holdMs: 0 });
    await live(20_000);
    await telemetry.close();
    behaviour.latencyMs = 9_000;
    await live(60_000);
    await clock.advance(60_000);
    expect(seen()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    [{ windowMs: 1 }, 'alerts.windowMs'],
    [{ rules: { 'latency-p59': false } }, 'alerts.rules.latency-p59'],
    [{ rules: { cpu: { warning: 'high' } } }, 'alerts.rules.cpu.warning'],
    [{ webhook: { url: 'example', secret: 'x'.repeat(16) } }, 'alerts.webhook.url'],
    [{ webhook: { url: 'http://127.0.0.1', secret: 'short' } }, 'alerts.webhook.secret'],
    [{ budgetThresholds: [2] }, 'alerts.budgetThresholds.0'],
  ])('refuse %j, and name the option', (alerts, field) => {
    const { orchestrator } = open({});
    expect(() => new Telemetry({ orchestrator, alerts: alerts as never })).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }),
    );
  });
});

describe('recommendations', () => {
  test('are none for a system that has done nothing', async () => {
    const { telemetry, clock } = watched({}, { cache: true });
    await clock.advance(600_000);
    expect(telemetry.recommendations()).toEqual([]);
  });

  test('follow what the cache has done lately', async () => {
    const { telemetry, live, clock } = watched({ windowMs: 300_000 }, { cache: true });
    await live(200_000);
    const [first] = telemetry.recommendations().filter(({ id }) => id === 'cache-hits-low');
    expect(first).toMatchObject({ level: 'warning', evidence: { hits: 0, misses: 200 } });
    expect(first?.cause).toContain('another one');
    await clock.advance(900_000);
    expect(telemetry.recommendations()).toEqual([]);
  });
});

describe('budget thresholds', () => {
  test('raise an alert at 50, 80 and 95 % once each, with the agent or the tenant', async () => {
    const { orchestrator, clock, raised } = watched(
      { rules: { 'error-ratio': false } },
      { tenants: { budget: { usd: 10 } } },
    );
    const spend = async (tenant: string, calls: number): Promise<void> => {
      for (let index = 0; index < calls; index += 1) {
        orchestrator.execute('asked', `${tenant} ${index}`, { tenant }).catch(() => {});
        await clock.advance(50);
      }
      await clock.advance(10_000);
    };
    await spend('acme', 40);
    expect(raised).toEqual([]);
    await spend('acme', 15);
    await spend('acme', 1);
    await spend('acme', 40);
    await spend('other', 85);
    const told = raised.map(({ evidence, level }) => [evidence.tenant, evidence.threshold, level]);
    expect(told).toEqual([
      ['acme', 0.5, 'info'],
      ['acme', 0.8, 'warning'],
      ['acme', 0.95, 'critical'],
      ['other', 0.5, 'info'],
      ['other', 0.8, 'warning'],
    ]);
    expect(raised[0]?.cause).toBe('The budget of tenant "acme" is used to 55 %.');
  });

  test('begin again with the next period', async () => {
    const { BudgetThresholds } = await import('../../../src/telemetry/alerts/budget-thresholds.js');
    const budget = (spentUsd: number) => ({
      'agent/writer': {
        scope: 'agent' as const,
        owner: 'writer',
        spentUsd,
        spentTokens: 0,
        reservedUsd: 0,
        reservedTokens: 0,
        leftUsd: 0,
        leftTokens: undefined,
        limitUsd: 10,
        limitTokens: undefined,
      },
    });
    const thresholds = new BudgetThresholds([0.5, 0.8, 0.95], 1_000);
    const passed = (spentUsd: number, nowMs: number): unknown[] =>
      thresholds.update(budget(spentUsd), nowMs, nowMs).map(({ evidence }) => evidence.threshold);
    expect(passed(4.9, 0)).toEqual([]);
    expect(passed(5, 1)).toEqual([0.5]);
    expect(passed(9, 2)).toEqual([0.8]);
    expect(passed(9.6, 3)).toEqual([0.95]);
    expect(passed(9.9, 4)).toEqual([]);
    expect(passed(1, 5)).toEqual([]);
    expect(passed(6, 6)).toEqual([0.5]);
    expect(passed(6, 1_500)).toEqual([0.5]);
  });
});

// Covers: src/telemetry/process-meter.ts, src/telemetry/telemetry-options.ts
// Covers: src/telemetry/metrics-recorder.ts, src/telemetry/call-figures.ts, src/telemetry/take-snapshot.ts

import { afterEach, describe, expect, test } from '@jest/globals';
import type { GroupSnapshot } from '../../src/telemetry/snapshot.js';
import { Telemetry } from '../../src/telemetry/telemetry.js';
import { openTraffic, type SeededTraffic } from './seeded-traffic.js';

const CALLS = 10_000;

let traffic: SeededTraffic;
afterEach(() => traffic.close());

/** The sum of a figure over all groups. */
function sum(groups: Record<string, GroupSnapshot>, figure: (group: GroupSnapshot) => number): number {
  return Object.values(groups).reduce((total, group) => total + figure(group), 0);
}

describe('after 10,000 seeded calls with failures, hits, hedges and fallbacks', () => {
  test('the snapshot, stats() and the figures of the agents agree to the unit', async () => {
    traffic = openTraffic(14);
    const telemetry = new Telemetry({ orchestrator: traffic.orchestrator });
    const outcomes = await traffic.run(CALLS);
    const stats = traffic.orchestrator.stats();
    const snapshot = telemetry.snapshot();
    const { calls, byAgent, byModel, byTenant } = snapshot;

    // The traffic has something of everything.
    for (const figure of [calls.failed, calls.cancelled, calls.timedOut, calls.cached, snapshot.retries])
      expect(figure).toBeGreaterThan(20);
    for (const figure of [snapshot.hedges, snapshot.fallbacks]) expect(figure).toBeGreaterThan(20);

    expect(calls.submitted).toBe(CALLS);
    expect(calls.succeeded).toBe(outcomes.filter(({ success }) => success).length);
    expect(calls.cached).toBe(outcomes.filter((outcome) => outcome.success && outcome.cached).length);
    for (const name of ['submitted', 'succeeded', 'failed', 'cancelled', 'timedOut'] as const)
      expect(calls[name]).toBe(stats[name]);
    for (const name of ['attempts', 'retries', 'hedges', 'fallbacks', 'abandoned'] as const)
      expect(snapshot[name]).toBe(stats[name]);

    // Counted one event at a time, where the figures above were counted by the orchestrator.
    expect(sum(byAgent, (group) => group.settled)).toBe(CALLS);
    expect(sum(byAgent, (group) => group.timedOut)).toBe(stats.timedOut);
    expect(sum(byAgent, (group) => group.latencyMs.count)).toBe(CALLS);
    expect(sum(byAgent, (group) => group.attempts)).toBe(stats.attempts);
    expect(sum(byAgent, (group) => group.tokens.input)).toBe(stats.inputTokens);
    expect(sum(byAgent, (group) => group.tokens.output)).toBe(stats.outputTokens);
    expect(sum(byAgent, (group) => group.costUsd)).toBe(stats.costUsd);
    expect(sum(byAgent, (group) => group.savedUsd)).toBe(snapshot.savedUsd);
    expect(snapshot.latencyMs.count).toBe(CALLS);
    expect(snapshot.cachedLatencyMs.count).toBe(calls.cached);
    expect(snapshot.computedLatencyMs.count).toBe(calls.succeeded - calls.cached);
    expect(Object.values(snapshot.errors).reduce((a, b) => a + b)).toBe(stats.failed);

    for (const [agent, own] of Object.entries(stats.byAgent)) {
      const group = byAgent[agent] as GroupSnapshot;
      for (const name of [
        'succeeded',
        'failed',
        'cancelled',
        'cached',
        'attempts',
        'queuedMs',
        'runMs',
      ] as const)
        expect([agent, name, group[name]]).toEqual([agent, name, own[name]]);
      expect(group.tokens).toMatchObject({ input: own.inputTokens, output: own.outputTokens });
      expect(group.costUsd).toBe(own.costUsd);
    }
    const withModel = CALLS - (byAgent.shout as GroupSnapshot).settled;
    expect(sum(byModel, (group) => group.settled)).toBe(withModel);
    expect(Object.keys(byTenant).sort()).toEqual(['north', 'south']);
    await telemetry.close();
  }, 60_000);

  test('counts of calls made before it was there are taken over', async () => {
    traffic = openTraffic(15);
    await traffic.run(300);
    const telemetry = new Telemetry({ orchestrator: traffic.orchestrator });
    await traffic.run(300);
    const { byAgent, calls, latencyMs } = telemetry.snapshot();
    expect(sum(byAgent, (group) => group.settled)).toBe(600);
    expect(calls.cached).toBe(sum(byAgent, (group) => group.cached));
    expect(latencyMs.count).toBe(300);
    await telemetry.close();
  });

  test('the cache has the same figures as its own stats()', async () => {
    traffic = openTraffic(16);
    const telemetry = new Telemetry({ orchestrator: traffic.orchestrator });
    await traffic.run(500);
    expect(telemetry.snapshot().cache).toEqual(await traffic.cache.stats());
    await telemetry.close();
  });
});

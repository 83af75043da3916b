// Covers: src/telemetry/tracing/call-meters.ts
// Covers: src/telemetry/process-meter.ts, src/telemetry/telemetry-options.ts
// Covers: src/telemetry/metrics-recorder.ts, src/telemetry/call-figures.ts, src/telemetry/take-snapshot.ts

import { afterEach, describe, expect, test } from '@jest/globals';
import type { SeriesName } from '../../src/telemetry/series.js';
import type { GroupSnapshot } from '../../src/telemetry/snapshot.js';
import { Telemetry } from '../../src/telemetry/telemetry.js';
import { openTelemetry } from '../../src/telemetry/tracing/open-telemetry.js';
import { OtelTotals } from './otel-totals.js';
import { openTraffic, type SeededTraffic } from './seeded-traffic.js';

const CALLS = 10_000;

let traffic: SeededTraffic;
afterEach(() => traffic.close());

/** The sum of a figure over all groups. */
function sum(groups: Record<string, GroupSnapshot>, figure: (group: GroupSnapshot) => number): number {
  return Object.values(groups).reduce((total, group) => total + figure(group), 0);
}

describe('after 10,000 seeded calls with failures, hits, hedges, fallbacks and tools', () => {
  test('stats(), the snapshot, the agents, Prometheus, series, CSV and OpenTelemetry agree to the unit', async () => {
    traffic = openTraffic(14);
    const telemetry = new Telemetry({ orchestrator: traffic.orchestrator });
    const otel = new OtelTotals();
    const stop = openTelemetry(traffic.orchestrator, { meterProvider: otel.provider });
    let [tools, failedTools] = [0, 0];
    traffic.orchestrator.on('tool:end', (event) => {
      tools += 1;
      if (!event.success) failedTools += 1;
    });
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

    const sumOf = (name: SeriesName): number =>
      telemetry.series(name).reduce((total, { value }) => total + value, 0);
    const csv = await telemetry.export({ format: 'csv' });
    const text = await telemetry.prometheus();
    const { inputTokens, outputTokens } = stats;
    for (const [series, metric, otelName, attributes, value] of [
      ['submitted', 'tutti_calls_submitted_total', 'tutti.calls', {}, CALLS],
      [
        'succeeded',
        'tutti_calls_total{outcome="succeeded"}',
        'tutti.calls',
        { 'tutti.call.outcome': 'succeeded' },
        stats.succeeded,
      ],
      [
        'failed',
        'tutti_calls_total{outcome="failed"}',
        'tutti.calls',
        { 'tutti.call.outcome': 'failed' },
        stats.failed,
      ],
      [
        'cancelled',
        'tutti_calls_total{outcome="cancelled"}',
        'tutti.calls',
        { 'tutti.call.outcome': 'cancelled' },
        stats.cancelled,
      ],
      ['attempts', 'tutti_attempts_total', 'tutti.attempts', {}, stats.attempts],
      ['hedges', 'tutti_hedges_total', 'tutti.hedges', {}, stats.hedges],
      ['fallbacks', 'tutti_fallbacks_total', 'tutti.fallbacks', {}, stats.fallbacks],
      [
        'inputTokens',
        'tutti_tokens_total{type="input"}',
        'gen_ai.client.token.usage',
        { 'gen_ai.token.type': 'input' },
        inputTokens,
      ],
      [
        'outputTokens',
        'tutti_tokens_total{type="output"}',
        'gen_ai.client.token.usage',
        { 'gen_ai.token.type': 'output' },
        outputTokens,
      ],
      ['costUsd', 'tutti_cost_usd_total', 'tutti.cost.usd', {}, stats.costUsd],
      ['savedUsd', 'tutti_saved_usd_total', 'tutti.saved.usd', {}, snapshot.savedUsd],
    ] as const) {
      expect([series, sumOf(series)]).toEqual([series, value]);
      expect(text).toContain(`\n${metric} ${value}\n`);
      const [name = '', labels = ''] = metric.replaceAll('"', '').replace('}', '').split('{');
      expect(csv).toContain(`\r\n${name},counter,${labels},${value}\r\n`);
      expect([otelName, (await otel.of(otelName, attributes)).sum]).toEqual([otelName, value]);
    }
    expect((await otel.of('gen_ai.invoke_agent.duration')).count).toBe(CALLS);
    expect(failedTools).toBeGreaterThan(20);
    expect(snapshot.tools.search).toMatchObject({ calls: tools, failed: failedTools });
    expect((await otel.of('gen_ai.execute_tool.duration')).count).toBe(tools);
    expect(text).toContain(`\ntutti_tool_calls_total{tool="search",outcome="failed"} ${failedTools}\n`);
    const source = snapshot.cache?.hitsByTier.memory;
    expect((await otel.of('tutti.cache.hits', { 'tutti.cache.source': 'memory' })).sum).toBe(source);
    stop();
    await otel.close();
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

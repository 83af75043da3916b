// Covers: src/telemetry/prometheus-text.ts, src/telemetry/metrics.ts, src/telemetry/csv-text.ts
// Covers: src/telemetry/series.ts, src/telemetry/sampler.ts, src/telemetry/cost-report.ts, src/telemetry/write-whole.ts
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { METRICS } from '../../src/telemetry/metrics.js';
import { SERIES_NAMES, type SeriesName } from '../../src/telemetry/series.js';
import type { TelemetrySnapshot } from '../../src/telemetry/snapshot.js';
import { Telemetry } from '../../src/telemetry/telemetry.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { testWith } from './found-program.js';
import { openTraffic } from './seeded-traffic.js';

const cleanUps: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Telemetry of seeded traffic that has run. */
async function afterTraffic(seed: number, calls: number) {
  const traffic = openTraffic(seed);
  const telemetry = new Telemetry({ orchestrator: traffic.orchestrator });
  cleanUps.push(
    () => traffic.close(),
    () => telemetry.close(),
  );
  await traffic.run(calls);
  return { ...traffic, telemetry };
}

/** The values in a text for Prometheus, by name and labels. */
function valuesIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

describe('prometheus()', () => {
  test('has the figures of the snapshot to the unit', async () => {
    const { telemetry } = await afterTraffic(21, 1_000);
    const values = valuesIn(await telemetry.prometheus());
    const snapshot = telemetry.snapshot();
    const { calls, tokens } = snapshot;
    expect(values.get('tutti_calls_submitted_total')).toBe(calls.submitted);
    for (const outcome of ['succeeded', 'failed', 'cancelled'] as const)
      expect(values.get(`tutti_calls_total{outcome="${outcome}"}`)).toBe(calls[outcome]);
    expect(values.get('tutti_calls_cached_total')).toBe(calls.cached);
    expect(values.get('tutti_attempts_total')).toBe(snapshot.attempts);
    expect(values.get('tutti_tokens_total{type="input"}')).toBe(tokens.input);
    expect(values.get('tutti_cost_usd_total')).toBe(snapshot.costUsd);
    expect(values.get('tutti_call_duration_seconds_count')).toBe(calls.submitted);
    expect(values.get('tutti_call_duration_seconds_bucket{le="+Inf"}')).toBe(calls.submitted);
    for (const [agent, { succeeded, costUsd, latencyMs }] of Object.entries(snapshot.byAgent)) {
      expect(values.get(`tutti_agent_calls_total{agent="${agent}",outcome="succeeded"}`)).toBe(succeeded);
      expect(values.get(`tutti_agent_cost_usd_total{agent="${agent}"}`)).toBe(costUsd);
      expect(values.get(`tutti_agent_call_duration_seconds{agent="${agent}",quantile="0.99"}`)).toBe(
        latencyMs.p99 / 1_000,
      );
    }
  });

  test('has buckets that grow and end with the count', async () => {
    const { telemetry } = await afterTraffic(22, 300);
    const buckets = [...valuesIn(await telemetry.prometheus())]
      .filter(([name]) => name.startsWith('tutti_call_duration_seconds_bucket'))
      .map(([, value]) => value);
    expect(buckets).toHaveLength(22);
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
  });

  test('keeps quotes, backslashes and line breaks in labels apart from the text around them', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task: string) => task } });
    const telemetry = new Telemetry({ orchestrator });
    cleanUps.push(
      () => orchestrator.close(),
      () => telemetry.close(),
    );
    await orchestrator.execute('echo', 'x', { tenant: 'a "b" \\c\nd' });
    expect(await telemetry.prometheus()).toContain(
      'tutti_tenant_calls_total{tenant="a \\"b\\" \\\\c\\nd",outcome="succeeded"} 1\n',
    );
  });

  test('names every metric after this package, with units and the endings of counters', () => {
    for (const { name, kind, help } of METRICS) {
      expect(name).toMatch(/^tutti_[a-z0-9_]+$/);
      expect(name.endsWith('_total')).toBe(kind === 'counter');
      expect(help).toMatch(/^[A-Z0-9].*\.$/);
    }
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
  });

  testWith('promtool')('is text that promtool has nothing to say about', async () => {
    const { telemetry } = await afterTraffic(23, 500);
    const input = await telemetry.prometheus();
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('series()', () => {
  const COUNTS = ['submitted', 'succeeded', 'failed', 'cancelled', 'timedOut', 'cached'] as const;

  test('adds up to the totals, whatever the step', async () => {
    const { telemetry } = await afterTraffic(24, 1_000);
    const { calls, attempts, costUsd, tokens } = telemetry.snapshot();
    for (const stepMs of [10_000, 60_000, 600_000]) {
      const sum = (name: SeriesName): number =>
        telemetry.series(name, { stepMs }).reduce((total, { value }) => total + value, 0);
      for (const name of COUNTS) expect([name, sum(name)]).toEqual([name, calls[name]]);
      expect(sum('calls')).toBe(calls.succeeded + calls.failed + calls.cancelled);
      expect(sum('attempts')).toBe(attempts);
      expect(sum('outputTokens')).toBe(tokens.output);
      expect(sum('costUsd')).toBe(costUsd);
    }
  });

  test('keeps an hour and no more', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({ clock, agents: { echo: (task: string) => task } });
    const telemetry = new Telemetry({ orchestrator });
    cleanUps.push(
      () => orchestrator.close(),
      () => telemetry.close(),
    );
    for (let minute = 0; minute < 90; minute += 1) {
      await orchestrator.execute('echo', 'x');
      await clock.advance(60_000);
    }
    const points = telemetry.series('calls', { stepMs: 60_000 });
    expect(points.reduce((sum, { value }) => sum + value, 0)).toBe(60);
    expect(points.map(({ at }) => at % 60_000)).toEqual(points.map(() => 0));
    expect(telemetry.series('calls', { lastMs: 600_000, stepMs: 60_000 }).length).toBeLessThanOrEqual(11);
  });

  test('gives percentiles of each step, and what was measured at its end', async () => {
    const { telemetry } = await afterTraffic(25, 300);
    const whole = telemetry.series('p99Ms', { stepMs: 3_600_000 });
    expect(whole).toHaveLength(1);
    expect(whole[0]?.value).toBe(telemetry.snapshot().latencyMs.p99);
    expect(telemetry.series('inFlight').at(-1)?.value).toBe(0);
    expect(telemetry.series('rssBytes').at(-1)?.value).toBeGreaterThan(1e6);
  });

  test('refuses a series that does not exist, and suggests the nearest', async () => {
    const { telemetry } = await afterTraffic(26, 1);
    expect(() => telemetry.series('cost' as SeriesName)).toThrow('Unknown series "cost"');
    expect(() => telemetry.series('calls', { lastMs: -1 })).toThrow('series options: lastMs: expected');
  });
});

describe('export()', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tutti-export-'));
    cleanUps.push(() => rm(folder, { recursive: true }));
  });

  test('writes the snapshot and every series as JSON, to a file that is whole', async () => {
    const { telemetry } = await afterTraffic(27, 200);
    const path = join(folder, 'new', 'telemetry.json');
    const text = await telemetry.export({ format: 'json', path });
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(await readdir(join(folder, 'new'))).toEqual(['telemetry.json']);
    const { snapshot, series } = JSON.parse(text) as { snapshot: TelemetrySnapshot; series: object };
    expect(snapshot.calls).toEqual(telemetry.snapshot().calls);
    expect(Object.keys(series)).toEqual([...SERIES_NAMES]);
  });

  test('writes one line for each value as CSV, the figures of the snapshot to the unit', async () => {
    const { telemetry } = await afterTraffic(28, 400);
    const [header, ...rows] = (await telemetry.export({ format: 'csv' })).trimEnd().split('\r\n');
    expect(header).toBe('metric,kind,labels,value');
    const { calls, costUsd, byAgent } = telemetry.snapshot();
    expect(rows).toContain(`tutti_calls_total,counter,outcome=failed,${calls.failed}`);
    expect(rows).toContain(`tutti_cost_usd_total,counter,,${costUsd}`);
    expect(rows).toContain(`tutti_agent_attempts_total,counter,agent=writer,${byAgent.writer?.attempts}`);
    expect(rows).toContain(`tutti_call_duration_seconds,histogram,figure=count,${calls.submitted}`);
    for (const row of rows) expect(row.split(',')).toHaveLength(4);
  });

  test('keeps labels of tenants from becoming columns or formulas', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task: string) => task } });
    const telemetry = new Telemetry({ orchestrator });
    cleanUps.push(
      () => orchestrator.close(),
      () => telemetry.close(),
    );
    await orchestrator.execute('echo', 'x', { tenant: 'a,"b"\nc' });
    expect(await telemetry.export({ format: 'csv' })).toContain(
      'tutti_tenant_attempts_total,counter,"tenant=a,""b""\nc",1\r\n',
    );
  });

  test('refuses other formats', async () => {
    const { telemetry } = await afterTraffic(29, 1);
    await expect(telemetry.export({ format: 'xml' as 'csv' })).rejects.toThrow(
      'export options: format: expected "json" or "csv"',
    );
  });
});

test('costReport() says what each agent has cost, the dearest first', async () => {
  const { telemetry } = await afterTraffic(30, 500);
  const rows = await telemetry.costReport();
  const { byAgent, costUsd } = telemetry.snapshot();
  expect(rows.reduce((sum, row) => sum + row.costUsd, 0)).toBe(costUsd);
  expect(rows.map(({ label }) => label).sort()).toEqual(Object.keys(byAgent).sort());
  expect(rows.map((row) => row.costUsd)).toEqual(rows.map((row) => row.costUsd).sort((a, b) => b - a));
  await expect(telemetry.history()).rejects.toThrow('Make the telemetry with the option history');
});

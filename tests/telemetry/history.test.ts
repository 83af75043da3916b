// Covers: src/telemetry/history/history.ts, src/telemetry/history/history-file.ts
// Covers: src/telemetry/history/history-rows.ts, src/telemetry/history/history-points.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { openDatabase } from '../../src/sqlite/open-database.js';
import { CallFigures } from '../../src/telemetry/call-figures.js';
import { History } from '../../src/telemetry/history/history.js';
import { Telemetry } from '../../src/telemetry/telemetry.js';
import type { HistoryOptions } from '../../src/telemetry/telemetry-options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let folder: string;
let clock: FakeClock;
const cleanUps: Array<() => Promise<unknown>> = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-history-'));
  clock = new FakeClock();
});
/** Days of samples take long on a busy machine. */
jest.setTimeout(120_000);

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await rm(folder, { recursive: true });
});

function open(more: Partial<HistoryOptions> = {}, sampleMs?: number) {
  const orchestrator = new AsyncOrchestrator({
    clock,
    agents: {
      cheap: (task: string) => ({ output: task, costUsd: 0.25, usage: { inputTokens: 2, outputTokens: 3 } }),
      dear: (task: string) => ({ output: task, costUsd: 4, usage: { inputTokens: 20, outputTokens: 30 } }),
    },
  });
  const telemetry = new Telemetry({ orchestrator, sampleMs, history: { directory: folder, ...more } });
  cleanUps.push(
    () => orchestrator.close(),
    () => telemetry.close(),
  );
  return { orchestrator, telemetry };
}

/** What the file of the history holds. */
async function stored(sql: string): Promise<unknown[]> {
  const database = await openDatabase(join(folder, 'telemetry.sqlite'), { check: 'header' });
  try {
    return await database.query(sql);
  } finally {
    await database.close();
  }
}

describe('the history', () => {
  test('outlives the process, and agrees with the snapshot to the unit', async () => {
    const first = open();
    for (let minute = 0; minute < 5; minute += 1) {
      await first.orchestrator.execute('cheap', 'x', { tenant: 'acme' });
      await first.orchestrator.execute('dear', 'x');
      await clock.advance(MINUTE_MS);
    }
    await first.telemetry.close();
    const second = open();
    await second.orchestrator.execute('cheap', 'x');
    const sum = async (by: 'all' | 'agent' | 'tenant', stepMs: number) => {
      const points = await second.telemetry.history({ by, stepMs });
      return [
        points.reduce((total, { calls }) => total + calls, 0),
        points.reduce((total, { costUsd }) => total + costUsd, 0),
        points.reduce((total, { latencyMs }) => total + latencyMs.count, 0),
      ];
    };
    for (const stepMs of [10_000, MINUTE_MS, HOUR_MS]) {
      expect(await sum('all', stepMs)).toEqual([11, 21.5, 11]);
      expect(await sum('agent', stepMs)).toEqual([11, 21.5, 11]);
      expect(await sum('tenant', stepMs)).toEqual([5, 1.25, 5]);
    }
    const [point] = await second.telemetry.history({ by: 'agent', label: 'dear', stepMs: DAY_MS });
    expect(point).toMatchObject({ label: 'dear', calls: 5, succeeded: 5, costUsd: 20, attempts: 5 });
    expect(point?.tokens).toMatchObject({ input: 100, output: 150 });
  });

  test('adds samples up to minutes and hours, percentiles included, in less than a fifth of the rows', async () => {
    const history = new History(
      folder,
      { retentionMs: 30 * DAY_MS, maxRows: 1e6, maxBytes: 1e9 },
      clock,
      console,
    );
    const all = new CallFigures();
    for (let step = 0; step < (3 * DAY_MS) / 10_000; step += 1) {
      const figures = new CallFigures();
      const latencyMs = 100 + (step % 1_000);
      for (const target of [figures, all]) {
        target.settled += 1;
        target.succeeded += 1;
        target.spending.costUsd += 0.125;
        target.latencyMs.record(latencyMs);
      }
      history.add(clock.epochMs(), [{ kind: 'all', label: '', figures }]);
      await clock.advance(10_000);
      if (step % 360 === 0) await history.read('all', 2, 0, 1);
    }
    const [first] = await history.read('all', 2, 0, Number.MAX_SAFE_INTEGER);
    const rows = await history.read('all', 2, 0, Number.MAX_SAFE_INTEGER);
    expect(first?.level).toBe(2);
    expect(rows.reduce((sum, { calls }) => sum + calls, 0)).toBe(all.settled);
    expect(rows.reduce((sum, row) => sum + row.cost_usd, 0)).toBe(all.spending.costUsd);
    expect(history.snapshot()).toMatchObject({ written: all.settled, dropped: 0 });
    const kept = await history.read('all', 0, 0, Number.MAX_SAFE_INTEGER);
    expect(kept.reduce((sum, { calls }) => sum + calls, 0)).toBe(all.settled);
    const [hour] = await history.read('all', 2, clock.epochMs() - DAY_MS, clock.epochMs() - DAY_MS + HOUR_MS);
    expect(hour?.calls).toBe(360);
    await history.close();
    const [{ n }] = (await stored('SELECT count(*) AS n FROM history_steps')) as [{ n: number }];
    expect(n).toBeLessThan(0.2 * all.settled);
    await rm(join(folder, 'telemetry.sqlite'));
  }, 60_000);

  test('removes in the database what is older than the retention', async () => {
    const { orchestrator, telemetry } = open({ retentionMs: HOUR_MS });
    await orchestrator.execute('cheap', 'x');
    await clock.advance(HOUR_MS / 2);
    expect(await telemetry.history({ from: 0 })).toHaveLength(1);
    await clock.advance(3 * HOUR_MS);
    await orchestrator.execute('cheap', 'y');
    await clock.advance(2 * MINUTE_MS);
    await orchestrator.execute('cheap', 'z');
    await telemetry.close();
    const [{ calls }] = (await stored(
      "SELECT sum(calls) AS calls FROM history_steps WHERE kind = 'all' AND level = 0",
    )) as [{ calls: number }];
    expect(calls).toBe(2);
  });

  test.each([
    ['rows', { maxRows: 1_500, maxBytes: 1e9 }],
    ['bytes', { maxRows: 1e6, maxBytes: 400_000 }],
  ])(
    'keeps to its limit of %s by removing the oldest of the finest',
    async (_name, limits) => {
      const { orchestrator, telemetry } = open(limits);
      for (let step = 0; step < 600; step += 1) {
        await orchestrator.execute(step % 2 === 0 ? 'cheap' : 'dear', 'x', { tenant: `tenant-${step % 7}` });
        await clock.advance(10_000);
        if (step % 6 === 0) await telemetry.history({ from: clock.epochMs() });
      }
      await telemetry.history({ from: clock.epochMs() });
      const { history } = telemetry.snapshot();
      expect(history?.rows).toBeLessThanOrEqual(limits.maxRows);
      expect(history?.bytes).toBeLessThanOrEqual(limits.maxBytes);
      expect(history?.dropped).toBe(0);
      expect(history?.written).toBeGreaterThan(1_500);
      const hours = await telemetry.history({ from: 0, stepMs: HOUR_MS });
      expect(hours.reduce((sum, { calls }) => sum + calls, 0)).toBe(600);
    },
    60_000,
  );

  test('is shared by processes: each has rows of its own, and both are added up', async () => {
    const [first, second] = [open(), open()];
    for (let step = 0; step < 20; step += 1) {
      await first.orchestrator.execute('cheap', 'x');
      await second.orchestrator.execute('dear', 'x');
      await clock.advance(10_000);
      await first.telemetry.history();
      await second.telemetry.history();
    }
    for (const { telemetry } of [first, second]) {
      const points = await telemetry.history({ stepMs: MINUTE_MS });
      expect(points.reduce((sum, { calls }) => sum + calls, 0)).toBe(40);
    }
  });

  test('drops and counts rows when its file cannot be written, and no call suffers', async () => {
    const lines: unknown[] = [];
    const log = (fields: unknown, line?: string) => lines.push(line ?? fields);
    const logger = { debug: log, info: log, warn: log, error: log };
    await writeFile(join(folder, 'blocked'), 'a file where a folder should be');
    const orchestrator = new AsyncOrchestrator({ clock, logger, agents: { echo: (task: string) => task } });
    const telemetry = new Telemetry({ orchestrator, history: { directory: join(folder, 'blocked') } });
    cleanUps.push(
      () => orchestrator.close(),
      () => telemetry.close(),
    );
    for (let step = 0; step < 3; step += 1) {
      expect((await orchestrator.execute('echo', 'x')).output).toBe('x');
      await clock.advance(10_000);
    }
    await expect(telemetry.history()).rejects.toMatchObject({ code: 'TUTTI_DATABASE' });
    expect(telemetry.snapshot().history).toEqual({ rows: 0, bytes: 0, written: 0, dropped: 6 });
    expect(lines).toEqual(['the history of telemetry cannot be written; its rows are dropped and counted']);
  });

  test('drops rows before those that wait take much memory', async () => {
    const history = new History(folder, { retentionMs: DAY_MS, maxRows: 1e6, maxBytes: 1e9 }, clock, console);
    const steps = Array.from({ length: 1_000 }, (_, index) => ({
      kind: 'agent' as const,
      label: `agent-${index}`,
      figures: new CallFigures(),
    }));
    // Nothing is written before the event loop turns.
    for (let step = 0; step < 50; step += 1) history.add(clock.epochMs(), steps);
    expect(history.snapshot().dropped).toBe(30_000);
    await history.close();
    expect(history.snapshot().written).toBe(20_000);
  });

  test('moves a corrupt file aside and goes on with a new one', async () => {
    await writeFile(
      join(folder, 'telemetry.sqlite'),
      'this is no database at all, but long enough to be one',
    );
    const { orchestrator, telemetry } = open();
    await orchestrator.execute('cheap', 'x');
    expect(await telemetry.history()).toHaveLength(1);
  });

  test('reports costs by day, the latest day first', async () => {
    // A sample an hour: three days of samples every ten seconds would take half a minute.
    const { orchestrator, telemetry } = open({}, HOUR_MS);
    for (const agent of ['cheap', 'dear', 'dear'] as const) {
      await orchestrator.execute(agent, 'x', { tenant: agent });
      await clock.advance(DAY_MS);
    }
    const days = (await telemetry.costReport()).map(({ day, label, costUsd }) => [day, label, costUsd]);
    expect(days).toEqual([
      ['2026-01-03', 'dear', 4],
      ['2026-01-02', 'dear', 4],
      ['2026-01-01', 'cheap', 0.25],
    ]);
    const tenants = await telemetry.costReport({ by: 'tenant', from: Date.UTC(2026, 0, 2) });
    expect(tenants.map(({ label, calls, outputTokens }) => [label, calls, outputTokens])).toEqual([
      ['dear', 1, 30],
      ['dear', 1, 30],
    ]);
  });

  test('refuses a folder, retention and limits that are unfit', () => {
    for (const [history, message] of [
      [{ directory: '' }, 'history.directory: expected the path of a folder'],
      [{ directory: folder, retentionMs: 5 }, 'history.retentionMs: expected milliseconds from 3600000'],
      [{ directory: folder, maxRows: 1 }, 'history.maxRows: expected a whole number of at least 100'],
      [{ directory: folder, maxByte: 1 }, 'Unknown option "history.maxByte"'],
    ] as const) {
      const orchestrator = new AsyncOrchestrator({ clock });
      expect(() => new Telemetry({ orchestrator, history: history as HistoryOptions })).toThrow(message);
    }
  });
});

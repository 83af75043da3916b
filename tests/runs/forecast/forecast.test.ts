// Covers: src/contracts/forecast.ts, src/runs/forecast/estimates.ts, src/runs/forecast/forecast-run.ts, src/runs/forecast/forecast-lot.ts, src/runs/forecast/wall-time.ts, src/runs/forecast/answer-model.ts, src/calls/call-history.ts
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AgentsInput } from '../../../src/agents/agent-registry.js';
import { AsyncOrchestrator, ResponseCache } from '../../../src/index.js';
import type { AsyncOrchestratorOptions } from '../../../src/orchestrator/options.js';
import { rejection, wait } from '../../behaviour/scripted-agents.js';
import { seeded } from '../../behaviour/seeded-random.js';
import { closeAll, open } from '../../behaviour/traffic-orchestrator.js';
import { type HiddenLimits, LimitedProvider } from './limited-provider.js';

afterEach(closeAll);

const TEXT = 'The orchestra tunes its strings while the hall fills. ';

/** Tasks of random lengths; about one in `repeats` is asked again where that is set. */
function tasksOf(count: number, seed: number, longest: number, repeats = 0): Array<[string, string]> {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, index) => {
    const isRepeat = repeats > 0 && random() < 1 / repeats;
    const chars = isRepeat ? 50 : 50 + Math.floor(random() * longest);
    const name = isRepeat ? Math.floor(random() * 5) : `${seed} ${index}`;
    return ['asked', `${name} ${TEXT.repeat(Math.ceil(chars / TEXT.length)).slice(0, chars)}`];
  });
}

interface Workload {
  readonly limits: HiddenLimits;
  readonly options: AsyncOrchestratorOptions<AgentsInput>;
  readonly warmUp: number;
  readonly calls: number;
  readonly longest: number;
  readonly repeats?: number;
}

const WORKLOADS: Readonly<Record<string, Workload>> = {
  'as many at once as the orchestrator allows': {
    limits: {},
    options: { maxConcurrent: 8 },
    warmUp: 60,
    calls: 300,
    longest: 1_500,
  },
  'a reported limit of requests': {
    limits: { requestsPerMinute: 120, isReported: true },
    options: { maxConcurrent: 50, maxRetries: 6 },
    warmUp: 150,
    calls: 500,
    longest: 600,
  },
  'a reported limit of tokens': {
    limits: { tokensPerMinute: 60_000, isReported: true },
    options: { maxConcurrent: 40, maxRetries: 6 },
    warmUp: 200,
    calls: 600,
    longest: 2_400,
  },
  'an unstated limit of requests at once': {
    limits: { maxConcurrent: 6 },
    options: { maxConcurrent: 30, maxRetries: 8 },
    warmUp: 200,
    calls: 400,
    longest: 1_500,
  },
  'an unstated limit of requests a minute, with repeated tasks': {
    limits: { requestsPerMinute: 100 },
    options: { maxConcurrent: 20, maxRetries: 8, cache: true },
    warmUp: 300,
    calls: 400,
    longest: 900,
    repeats: 4,
  },
};

async function play({ limits, options, warmUp, calls, longest, repeats }: Workload) {
  const provider = new LimitedProvider(() => clock, limits);
  const { orchestrator, clock } = open({ ...options, agents: [{ name: 'asked', model: 'one', provider }] });
  const finish = async <Value>(run: Promise<Value>): Promise<{ value: Value; wallMs: number }> => {
    const startedAtMs = clock.now();
    let endedAtMs = 0;
    const done = run.then((value) => {
      endedAtMs = clock.now();
      return value;
    });
    while (endedAtMs === 0) await clock.advance(500);
    return { value: await done, wallMs: endedAtMs - startedAtMs };
  };
  await finish(orchestrator.executeMultiple(tasksOf(warmUp, 1, longest, repeats) as never));
  const tasks = tasksOf(calls, 2, longest, repeats);
  const before = { requests: provider.requests, stats: orchestrator.stats(), pending: clock.pendingTimers };
  const forecast = await orchestrator.forecast(tasks as never);
  expect(provider.requests).toBe(before.requests);
  expect(orchestrator.stats()).toEqual(before.stats);
  const { value: outcomes, wallMs } = await finish(orchestrator.executeMultiple(tasks as never));
  const results = outcomes as unknown as Array<{
    success: boolean;
    cached: unknown;
    costUsd: number;
    usage: { inputTokens: number; outputTokens: number };
  }>;
  const computed = results.filter(({ cached }) => cached === false);
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    forecast,
    real: {
      failed: results.filter(({ success }) => !success).length,
      cacheHits: results.length - computed.length,
      costUsd: sum(computed.map(({ costUsd }) => costUsd ?? 0)),
      outputTokens: sum(computed.map(({ usage }) => usage.outputTokens)),
      inputTokens: sum(computed.map(({ usage }) => usage.inputTokens)),
      wallMs,
    },
  };
}

describe('forecast', () => {
  test.each(Object.entries(WORKLOADS))('tells cost and time of a run behind %s', async (_name, workload) => {
    const { forecast, real } = await play(workload);
    expect(real.failed).toBe(0);
    expect(forecast.calls).toBe(workload.calls);
    expect(forecast.cacheHits.p50).toBe(real.cacheHits);
    expect(Math.abs(real.costUsd / (forecast.costUsd?.p50 ?? 0) - 1)).toBeLessThanOrEqual(0.15);
    expect(Math.abs(real.inputTokens / forecast.inputTokens.p50 - 1)).toBeLessThanOrEqual(0.15);
    expect(Math.abs(real.wallMs / forecast.wallMs.p50 - 1)).toBeLessThanOrEqual(0.25);
    expect(forecast.assumptions).toEqual([]);
  });

  test('assumes what no earlier answer tells, and says so', async () => {
    const provider = new LimitedProvider(() => clock, {});
    const { orchestrator, clock } = open({ agents: [{ name: 'asked', model: 'one', provider }] });
    const forecast = await orchestrator.forecast([['asked', 'x'.repeat(350)]]);
    expect(forecast.assumptions).toEqual(['"asked" has not answered yet: its figures are assumed.']);
    expect(forecast).toMatchObject({ calls: 1, inputTokens: { p50: 100 }, outputTokens: { p50: 500 } });
    expect(forecast.costUsd?.p50).toBeCloseTo(100 * 3e-6 + 500 * 15e-6, 9);
    expect(forecast.costUsd?.p90).toBeGreaterThan(forecast.costUsd?.p50 ?? 0);
    expect(forecast.byAgent.asked?.samples).toBe(0);
    expect(provider.requests).toBe(0);
  });

  test('does not guess a price that is not known', async () => {
    const provider = {
      specificationVersion: 1 as const,
      name: 'p',
      generate: async () => ({ output: 'ok' }),
    };
    const { orchestrator } = open({ agents: [{ name: 'asked', model: 'one', provider }] });
    const forecast = await orchestrator.forecast([['asked', 'task']]);
    expect(forecast.costUsd).toBeUndefined();
    expect(forecast.assumptions).toContain('The price of "asked" (one) is not known.');
  });

  test('counts functions that report no cost as free once they have answered', async () => {
    const { orchestrator, clock } = open({ agents: { free: () => wait(clock, 100).then(() => 'ok') } });
    const first = orchestrator.executeMultiple([
      ['free', 'a'],
      ['free', 'b'],
    ]);
    await clock.advance(1_000);
    await first;
    const forecast = await orchestrator.forecast(
      Array.from({ length: 25 }, (_, i) => ['free', `${i}`]) as never,
    );
    expect(forecast.costUsd?.p50).toBe(0);
    expect(forecast).toMatchObject({ wallMs: { p50: 300 }, boundBy: 'maxConcurrent', boundAt: undefined });
  });

  test('takes the limit of an agent and identical tasks into account', async () => {
    const { orchestrator, clock } = open({
      cache: true,
      agents: [{ name: 'narrow', maxConcurrent: 2, run: () => wait(clock, 100).then(() => 'ok') }],
    });
    const first = orchestrator.execute('narrow', 'known');
    await clock.advance(1_000);
    await first;
    const before = orchestrator.stats();
    const tasks = ['known', 'a', 'b', 'c', 'd', 'd', 'e', 'f', 'a'].map((task) => ['narrow', task]);
    const forecast = await orchestrator.forecast(tasks as never);
    expect(forecast.cacheHits.p50).toBe(3);
    expect(forecast).toMatchObject({ boundBy: 'agent-limit', boundAt: 'narrow', wallMs: { p50: 300 } });
    expect(orchestrator.stats()).toEqual(before);
    const uncached = await orchestrator.forecast(tasks as never, { cache: false });
    expect(uncached.cacheHits.p50).toBe(0);
  });

  test('counts answers on disk, and leaves the figures of the cache as they are', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'forecast-'));
    const agents = { asked: (task: string) => task };
    const first = new AsyncOrchestrator({ agents, cache: { directory } });
    await first.execute('asked', 'known');
    await first.close();
    await using cache = new ResponseCache({ directory });
    await using second = new AsyncOrchestrator({ agents, cache });
    const forecast = await second.forecast([
      ['asked', 'known'],
      ['asked', 'new'],
    ]);
    expect(forecast.cacheHits.p50).toBe(1);
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 0, memoryEntries: 0 });
  });

  test('counts tasks that would fail before any work, and reads generators and async sources', async () => {
    const { orchestrator } = open({ agents: { asked: (task) => task } });
    async function* tasks() {
      yield ['asked', 'a'];
      yield ['nobody', 'b'];
      yield ['asked', ''];
      yield { agent: 'asked', task: 'c', priority: 2 };
    }
    const forecast = await orchestrator.forecast(tasks() as never);
    expect(forecast).toMatchObject({ calls: 4, invalid: 2, byAgent: { asked: { calls: 2 } } });
    expect(await rejection(orchestrator.forecast(7 as never))).toMatchObject({ field: 'tasks' });
    expect(await rejection(orchestrator.forecast([], { wrong: 1 } as never))).toMatchObject({
      field: 'wrong',
    });
    expect(await orchestrator.forecast([])).toMatchObject({
      calls: 0,
      wallMs: { p50: 0 },
      costUsd: { p50: 0 },
    });
  });

  test('gives the same figures for the same tasks, in order of size', async () => {
    const provider = new LimitedProvider(() => clock, {});
    const { orchestrator, clock } = open({ agents: [{ name: 'asked', model: 'one', provider }] });
    const first = orchestrator.executeMultiple(tasksOf(40, 1, 900) as never);
    await clock.advance(120_000);
    await first;
    const tasks = tasksOf(5_000, 2, 900) as never;
    const forecast = await orchestrator.forecast(tasks);
    expect(await orchestrator.forecast(tasks)).toEqual(forecast);
    for (const name of ['inputTokens', 'outputTokens', 'costUsd', 'wallMs', 'attempts'] as const) {
      const { p10, p50, p90 } = forecast[name] as { p10: number; p50: number; p90: number };
      expect(p10).toBeLessThanOrEqual(p50);
      expect(p50).toBeLessThanOrEqual(p90);
    }
  });
});

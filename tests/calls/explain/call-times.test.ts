// Covers: src/calls/explain-calls.ts, src/errors/call-not-recorded-error.ts, src/calls/explain/call-record.ts, src/calls/explain/explained-calls.ts, src/calls/explain/explain-record.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { CallExplanation, CallTimes } from '../../../src/contracts/explanation.js';
import type { Provider } from '../../../src/contracts/provider.js';
import type { AgentResult } from '../../../src/contracts/result.js';
import { AsyncOrchestrator, CallNotRecordedError } from '../../../src/index.js';
import { anthropic } from '../../../src/providers/index.js';
import { startModelServer } from '../../../src/testing/index.js';
import { httpError, rejection, wait } from '../../behaviour/scripted-agents.js';
import { seeded } from '../../behaviour/seeded-random.js';
import { closeAll, open } from '../../behaviour/traffic-orchestrator.js';

afterEach(closeAll);

/** The parts that took time. */
function partsOf({ times }: CallExplanation): Partial<CallTimes> {
  return Object.fromEntries(Object.entries(times).filter(([, ms]) => ms > 0));
}

function sumOf({ times }: CallExplanation): number {
  return Object.values(times).reduce((sum, ms) => sum + ms, 0);
}

describe('explain: where the time went', () => {
  test('tells waiting for a permit from running', async () => {
    const { orchestrator, clock } = open({
      explain: true,
      maxConcurrent: 1,
      agents: { slow: () => wait(clock, 100).then(() => 'ok') },
    });
    const calls = [orchestrator.execute('slow', 'a'), orchestrator.execute('slow', 'b')];
    await clock.advance(1_000);
    const second = await orchestrator.explain(((await calls[1]) as AgentResult).callId);
    expect(partsOf(second)).toEqual({ queueMs: 100, modelMs: 100 });
    expect(second).toMatchObject({ agent: 'slow', state: 'succeeded', totalMs: 200, errorCode: undefined });
    expect(second.attempts).toEqual([
      { attempt: 1, agent: 'slow', queuedMs: 100, runMs: 100, success: true, errorCode: undefined },
    ]);
    expect(second.summary).toBe(
      'It took 200 ms: 100 ms waiting for a permit or a connection, 100 ms the attempt that answered.',
    );
  });

  test('tells failed attempts and backoff from the attempt that answered', async () => {
    let asked = 0;
    const { orchestrator, clock } = open({
      explain: true,
      retry: { minDelayMs: 1_000, jitter: 'none' },
      agents: {
        flaky: async () => {
          await wait(clock, 50);
          if (asked++ < 2) throw httpError(503);
          return 'ok';
        },
      },
    });
    const call = orchestrator.execute('flaky', 'a');
    await clock.advance(10_000);
    const explanation = await orchestrator.explain((await call).callId);
    expect(partsOf(explanation)).toEqual({ failedAttemptsMs: 100, backoffMs: 3_000, modelMs: 50 });
    expect(explanation.attempts.map(({ success }) => success)).toEqual([false, false, true]);
  });

  test('tells waiting for a rate limit, and names the lane', async () => {
    const { orchestrator, clock } = open({
      explain: true,
      limits: { requestsPerMinute: 1 },
      agents: { limited: () => 'ok' },
    });
    const calls = [orchestrator.execute('limited', 'a'), orchestrator.execute('limited', 'b')];
    await clock.advance(200_000);
    const second = await orchestrator.explain(((await calls[1]) as AgentResult).callId);
    expect(partsOf(second)).toEqual({ laneMs: second.totalMs });
    expect(second.totalMs).toBeGreaterThan(50_000);
    expect(second.lanes).toEqual(['function/limited']);
  });

  test('tells the time in which the lane was stopped for all from other waiting', async () => {
    let asked = 0;
    const { orchestrator, clock } = open({
      explain: true,
      limits: { maxConcurrent: 1 },
      retry: { minDelayMs: 10, jitter: 'none' },
      agents: {
        stopped: async () => {
          await wait(clock, 100);
          if (asked++ === 0) throw httpError(429, { headers: { 'retry-after': '7' } });
          return 'ok';
        },
      },
    });
    const calls = [orchestrator.execute('stopped', 'a'), orchestrator.execute('stopped', 'b')];
    await clock.advance(60_000);
    const explained = await Promise.all(calls.map(async (call) => orchestrator.explain((await call).callId)));
    for (const explanation of explained) {
      expect(explanation.times.coolOffMs).toBeGreaterThanOrEqual(6_900);
      expect(sumOf(explanation)).toBeCloseTo(explanation.totalMs, 6);
    }
    expect(explained.map(({ times }) => times.failedAttemptsMs).sort()).toEqual([0, 100]);
    expect(explained.every(({ times }) => times.modelMs === 100)).toBe(true);
    expect(explained.every(({ times }) => times.queueMs === 0)).toBe(true);
  });

  test('tells waiting for a budget', async () => {
    const { orchestrator, clock } = open({
      explain: true,
      budget: { usd: 1.5 },
      agents: [
        {
          name: 'costly',
          maxCostUsd: 1,
          run: async () => {
            await wait(clock, 300);
            return { output: 'ok', costUsd: 0.1 };
          },
        },
      ],
    });
    const calls = [orchestrator.execute('costly', 'a'), orchestrator.execute('costly', 'b')];
    await clock.advance(5_000);
    const second = await orchestrator.explain(((await calls[1]) as AgentResult).callId);
    expect(partsOf(second)).toEqual({ budgetMs: 300, modelMs: 300 });
  });

  test('tells hooks and files from waiting', async () => {
    const { orchestrator, clock } = open({
      explain: true,
      hooks: { before: () => wait(clock, 40).then(() => undefined) },
      agents: { plain: () => wait(clock, 10).then(() => 'ok') },
    });
    const call = orchestrator.execute('plain', 'a');
    await clock.advance(1_000);
    expect(partsOf(await orchestrator.explain((await call).callId))).toEqual({ prepareMs: 40, modelMs: 10 });
  });

  test('tells waiting for an identical call, which it names', async () => {
    const { orchestrator, clock } = open({
      explain: true,
      cache: true,
      agents: { slow: () => wait(clock, 100).then(() => 'ok') },
    });
    const first = orchestrator.execute('slow', 'a');
    await clock.advance(30);
    const second = orchestrator.execute('slow', 'a');
    await clock.advance(1_000);
    const [one, two] = [
      await orchestrator.explain((await first).callId),
      await orchestrator.explain((await second).callId),
    ];
    expect(partsOf(one)).toEqual({ modelMs: 100 });
    expect(partsOf(two)).toEqual({ sharedMs: 70 });
    expect(two.cache).toEqual({ outcome: 'shared', joined: one.callId });
  });

  test('counts racing attempts once, by how the race ended', async () => {
    let asked = 0;
    const { orchestrator, clock } = open({
      explain: true,
      hedge: { afterMs: 100, maxExtraRatio: 1 },
      agents: {
        raced: async (_task, { signal }) => {
          const isSlow = asked++ === 0;
          await wait(clock, isSlow ? 1_000 : 20);
          signal.throwIfAborted();
          return 'ok';
        },
      },
    });
    const call = orchestrator.execute('raced', 'a');
    await clock.advance(5_000);
    const explanation = await orchestrator.explain((await call).callId);
    expect(partsOf(explanation)).toEqual({ modelMs: 120 });
    expect(explanation.attempts.map(({ success }) => success)).toEqual([undefined, true]);
  });

  test('tells tools from the model', async () => {
    const provider: Provider = {
      specificationVersion: 1,
      name: 'scripted',
      async generate({ onTools }) {
        await wait(clock, 10);
        onTools?.(true);
        await wait(clock, 200);
        onTools?.(false);
        await wait(clock, 30);
        return { output: 'ok' };
      },
    };
    const { orchestrator, clock } = open({ explain: true, agents: [{ name: 'tooled', provider }] });
    const call = orchestrator.execute('tooled', 'a');
    await clock.advance(1_000);
    expect(partsOf(await orchestrator.explain((await call).callId))).toEqual({ toolsMs: 200, modelMs: 40 });
  });

  test('tells tools from the model where a model server calls them', async () => {
    await using server = await startModelServer([
      { toolCalls: [{ name: 'rest', input: {} }] },
      { text: 'done' },
    ]);
    await using orchestrator = new AsyncOrchestrator({
      explain: true,
      agents: {
        tooled: anthropic({
          model: 'claude-sonnet-4-5',
          baseURL: server.url,
          apiKey: 'key',
          tools: {
            rest: {
              input: z.object({}),
              run: () => new Promise((resolve) => setTimeout(resolve, 60, 'rested')),
            },
          },
        }),
      },
    });
    const { callId } = await orchestrator.execute('tooled', 'a');
    const explanation = await orchestrator.explain(callId);
    expect(explanation.times.toolsMs).toBeGreaterThanOrEqual(55);
    expect(explanation.times.modelMs).toBeGreaterThan(0);
    expect(Math.abs(sumOf(explanation) - explanation.totalMs)).toBeLessThanOrEqual(1);
  });

  test('explains a call that failed while it waited, and one that still runs', async () => {
    const { orchestrator, clock } = open({
      explain: true,
      maxConcurrent: 1,
      agents: { slow: () => wait(clock, 1_000).then(() => 'ok') },
    });
    const ids: string[] = [];
    orchestrator.on('call:start', ({ callId }) => ids.push(callId));
    const running = orchestrator.execute('slow', 'a');
    const waiting = rejection(orchestrator.execute('slow', 'b', { deadlineMs: 300 }));
    await clock.advance(500);
    await waiting;
    expect(partsOf(await orchestrator.explain(ids[1] as string))).toEqual({ queueMs: 300 });
    const soFar = await orchestrator.explain(ids[0] as string);
    expect([soFar.state, partsOf(soFar)]).toEqual(['running', { modelMs: 500 }]);
    await clock.advance(1_000);
    await running;
  });

  test('names a call of which nothing is kept, and says what to set', async () => {
    const { orchestrator, clock } = open({ explain: { calls: 2 }, agents: { echo: (task) => task } });
    const ids: string[] = [];
    for (const task of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      const call = orchestrator.execute('echo', task);
      await clock.advance(1);
      ids.push((await call).callId);
    }
    await orchestrator.explain(ids.at(-1) as string);
    await orchestrator.explain(ids.at(-2) as string);
    const dropped = (await rejection(orchestrator.explain(ids[0] as string))) as CallNotRecordedError;
    expect(dropped).toBeInstanceOf(CallNotRecordedError);
    expect(dropped).toMatchObject({ code: 'TUTTI_CALL_NOT_RECORDED', callId: ids[0], isRecording: true });
    const off = open({ agents: { echo: (task) => task } });
    const notOn = (await rejection(off.orchestrator.explain('x'))) as CallNotRecordedError;
    expect(notOn.isRecording).toBe(false);
    expect(notOn.message).toContain('explain: true');
    expect(await rejection(off.orchestrator.explain(7 as never))).toMatchObject({ field: 'callId' });
  });
});

/** An orchestrator with everything that makes calls wait or fail, at random. */
function troubled(random: () => number, sleep: (ms: number) => Promise<unknown>, longestMs: number) {
  const agent = async (_task: string, { signal }: { signal: AbortSignal }) => {
    await sleep(random() * longestMs);
    signal.throwIfAborted();
    const chance = random();
    if (chance < 0.05) throw httpError(429, { retryAfterMs: longestMs });
    if (chance < 0.15) throw httpError(503);
    if (chance < 0.18) throw httpError(400);
    return { output: 'ok', usage: { inputTokens: 10, outputTokens: 5 }, costUsd: 0.01 };
  };
  return {
    explain: { calls: 1_000 },
    cache: true,
    maxConcurrent: 12,
    timeoutMs: longestMs * 0.9,
    maxRetries: 3,
    retry: { minDelayMs: 1, maxDelayMs: longestMs },
    hooks: { before: () => (random() < 0.3 ? sleep(random() * 3).then(() => undefined) : undefined) },
    agents: [
      { name: 'plain', run: agent },
      { name: 'narrow', run: agent, maxConcurrent: 3 },
      { name: 'costly', run: agent, budget: { usd: 1_000 }, maxCostUsd: 400 },
      { name: 'backed', run: agent, fallbacks: ['plain'] },
      { name: 'hedged', run: agent, hedge: { afterMs: longestMs / 3, maxExtraRatio: 1 } },
    ],
  };
}

const NAMES = ['plain', 'narrow', 'costly', 'backed', 'hedged'] as const;

function randomTask(random: () => number): { agent: string; task: string; deadlineMs?: number } {
  const agent = NAMES[Math.floor(random() * NAMES.length)] as string;
  const task = { agent, task: `task ${Math.floor(random() * 400)}` };
  return random() < 0.1 ? { ...task, deadlineMs: 5 + random() * 40 } : task;
}

describe('explain: the parts of 1,000 random calls', () => {
  test('add up to totalMs on a clock that is moved by hand', async () => {
    const random = seeded(14);
    const { orchestrator, clock } = open(troubled(random, (ms) => wait(clock, ms), 50));
    const run = orchestrator.executeMultiple(Array.from({ length: 1_000 }, () => randomTask(random)));
    await clock.advance(60_000);
    const outcomes = await run;
    const kinds = new Set<string>();
    for (const { callId, timings } of outcomes) {
      const explanation = await orchestrator.explain(callId);
      expect(explanation.totalMs).toBe(timings.totalMs);
      expect(Math.abs(sumOf(explanation) - timings.totalMs)).toBeLessThanOrEqual(1e-6);
      for (const [part, ms] of Object.entries(explanation.times)) if (ms > 0) kinds.add(part);
      expect(Math.min(...Object.values(explanation.times))).toBeGreaterThanOrEqual(0);
    }
    expect(kinds.size).toBeGreaterThanOrEqual(7);
    expect(outcomes.filter(({ success }) => !success).length).toBeGreaterThan(20);
  });

  test('add up to totalMs within 1 ms in real time', async () => {
    const random = seeded(15);
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    await using orchestrator = new AsyncOrchestrator(troubled(random, sleep, 12));
    const outcomes = await orchestrator.executeMultiple(
      Array.from({ length: 1_000 }, () => randomTask(random)) as never,
    );
    for (const { callId, timings } of outcomes as Array<{ callId: string; timings: { totalMs: number } }>) {
      const explanation = await orchestrator.explain(callId);
      expect(Math.abs(sumOf(explanation) - timings.totalMs)).toBeLessThanOrEqual(1);
    }
  });
});

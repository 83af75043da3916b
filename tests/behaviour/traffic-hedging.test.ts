// Covers: src/calls/attempts/hedged-attempt.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Provider } from '../../src/contracts/provider.js';
import { HeldAgent, textOf } from './held-agent.js';
import { closeAll, openWith, Service } from './traffic-orchestrator.js';

afterEach(closeAll);

const NORMAL_MS = 100;
const SLOW_MS = 1_000;

/** Every twentieth answer takes ten times as long as the others, which take 80 to 120 ms. */
function sometimesSlow() {
  return new Service(
    () => 'answer',
    ({ index }) => (index % 20 === 7 ? 10 : 1) * (80 + ((index * 37) % 41)),
  );
}

/** Slow at first, quick the second time. */
const slowOnce = (answer = { output: 'answer', usage: { inputTokens: 3, outputTokens: 2 }, costUsd: 0.01 }) =>
  new Service(
    () => answer,
    ({ index }) => (index === 0 ? SLOW_MS : NORMAL_MS),
  );

async function latencies(hedge: object | undefined) {
  const service = sometimesSlow();
  const { orchestrator, clock } = openWith([service], {
    agents: [service.agent('agent')],
    hedge,
    maxConcurrent: 20,
  });
  const took: number[] = [];
  for (let round = 0; round < 200; round += 1) {
    const calls = Promise.all(Array.from({ length: 5 }, () => orchestrator.execute('agent', 'task')));
    await clock.advance(1_400);
    for (const { timings } of await calls) took.push(timings.totalMs);
  }
  took.sort((a, b) => a - b);
  return { p99Ms: took[Math.floor(took.length * 0.99)] as number, requests: service.asked.length };
}

describe('hedging', () => {
  test('brings the 99th percentile down by 60 % for at most 6 % more requests', async () => {
    const without = await latencies(undefined);
    const hedged = await latencies({ percentile: 95, maxExtraRatio: 0.06 });
    expect(without.p99Ms).toBeGreaterThanOrEqual(800);
    expect(hedged.p99Ms).toBeLessThanOrEqual(0.4 * without.p99Ms);
    expect(hedged.requests).toBeGreaterThan(without.requests);
    expect(hedged.requests).toBeLessThanOrEqual(1.06 * without.requests);
  });

  test("aborts the loser's signal, tells who listens and counts both attempts", async () => {
    const service = slowOnce();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', { maxCostUsd: 0.02 })],
      hedge: { afterMs: 200, maxExtraRatio: 1 },
      budget: { usd: 1 },
    });
    const hedges: number[] = [];
    orchestrator.on('call:hedge', ({ afterMs }) => void hedges.push(afterMs));
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(250);
    expect(orchestrator.stats()).toMatchObject({ running: 2, budget: { reservedUsd: 0.04 } });
    await clock.advance(50);
    expect(await call).toMatchObject({ output: 'answer', attempts: 2, costUsd: 0.01 });
    expect(service.aborted).toBe(1);
    expect(hedges).toEqual([200]);
    expect(orchestrator.stats()).toMatchObject({
      hedges: 1,
      running: 0,
      // The winner's real cost, and all that was reserved for the one that was stopped.
      budget: { spentUsd: 0.03, reservedUsd: 0 },
    });
  });

  test("books the tokens that a streaming loser had told of on the call's account", async () => {
    let runs = 0;
    const { orchestrator, clock } = openWith([], {
      agents: {
        agent: {
          name: 'agent',
          run: async function* (_task: string, { signal }: { signal: AbortSignal }) {
            runs += 1;
            yield { type: 'usage', usage: { inputTokens: 10, outputTokens: 1, totalTokens: 11 } } as const;
            if (runs === 1) {
              await new Promise((_resolve, reject) => {
                signal.addEventListener('abort', () => reject(signal.reason));
              });
            }
            yield 'answer';
          },
        },
      },
      hedge: { afterMs: 100, maxExtraRatio: 1 },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(200);
    expect(await call).toMatchObject({ output: 'answer', usage: { inputTokens: 20, outputTokens: 2 } });
    expect(orchestrator.stats()).toMatchObject({ inputTokens: 20, outputTokens: 2, hedges: 1 });
  });

  test('counts both where two answer in the same moment', async () => {
    const held = new HeldAgent();
    const { orchestrator, clock } = openWith([], {
      agents: { agent: held.run },
      hedge: { afterMs: 100, maxExtraRatio: 1 },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(100);
    const reply = { output: 'answer', usage: { inputTokens: 3, outputTokens: 2 }, costUsd: 0.01 };
    for (const run of held.runs) run.answer(reply);
    await clock.advance(0);
    expect(await call).toMatchObject({ costUsd: 0.02, usage: { inputTokens: 6, outputTokens: 4 } });
    expect(orchestrator.stats()).toMatchObject({ inputTokens: 6, costUsd: 0.02 });
  });

  test.each([
    ['the lane', { limits: { maxConcurrent: 1 } }],
    ['the permits', { maxConcurrent: 1 }],
    ['the requests of a minute', { limits: { requestsPerMinute: 1 } }],
    ['the tokens of a minute', { limits: { tokensPerMinute: 1_000 } }],
    ['the budget', { budget: { usd: 0.03 } }],
  ])('sends nothing extra where there is no room in %s', async (_, options) => {
    const service = slowOnce();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent', { maxCostUsd: 0.02, params: { maxTokens: 600 } })],
      hedge: { afterMs: 200, maxExtraRatio: 1 },
      ...options,
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(SLOW_MS);
    expect(await call).toMatchObject({ output: 'answer', attempts: 1 });
    expect(orchestrator.stats().hedges).toBe(0);
    expect(service.asked).toHaveLength(1);
  });

  test('never races streams', async () => {
    const service = slowOnce();
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      hedge: { afterMs: 200, maxExtraRatio: 1 },
    });
    const text = textOf(orchestrator.stream('agent', 'task'));
    await clock.advance(SLOW_MS);
    expect(await text).toBe('answer');
    expect(service.asked).toHaveLength(1);
  });

  test.each([
    [{ idempotent: undefined, tools: { act: 1 } }, 1],
    [{ idempotent: false, tools: { act: 1 } }, 1],
    [{ idempotent: true, tools: { act: 1 } }, 2],
    [{ idempotent: undefined, tools: undefined }, 2],
  ])('of an agent with %j makes %i requests', async ({ idempotent, tools }, requests) => {
    const service = slowOnce();
    const provider: Provider = {
      name: 'scripted',
      specificationVersion: 1,
      identity: { tools },
      generate: async (request) => (await service.run(request.task, request as never)) as never,
    };
    const { orchestrator, clock } = openWith([service], {
      agents: [{ name: 'agent', provider, model: 'm', idempotent }],
      hedge: { afterMs: 200, maxExtraRatio: 1 },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(SLOW_MS);
    await call;
    expect(service.asked).toHaveLength(requests);
  });

  test('keeps to the settings of each agent where two share a lane', async () => {
    const service = slowOnce();
    const provider: Provider = {
      name: 'scripted',
      specificationVersion: 1,
      generate: async (request) => (await service.run(request.task, request as never)) as never,
    };
    const { orchestrator, clock } = openWith([service], {
      agents: [
        { name: 'patient', provider, model: 'm', hedge: { afterMs: 5_000, maxExtraRatio: 1 } },
        { name: 'hasty', provider, model: 'm', hedge: { afterMs: 50, maxExtraRatio: 1 } },
      ],
    });
    const patient = orchestrator.execute('patient', 'task');
    await clock.advance(SLOW_MS);
    expect((await patient).attempts).toBe(1);
    const hasty = orchestrator.execute('hasty', 'task');
    await clock.advance(NORMAL_MS);
    expect((await hasty).attempts).toBe(2);
  });

  test('a cancelled call ends both attempts', async () => {
    const service = new Service(undefined, SLOW_MS);
    const { orchestrator, clock } = openWith([service], {
      agents: [service.agent('agent')],
      hedge: { afterMs: 200, maxExtraRatio: 1 },
    });
    const controller = new AbortController();
    const ended = Promise.allSettled([orchestrator.execute('agent', 'task', { signal: controller.signal })]);
    await clock.advance(300);
    expect(service.running).toBe(2);
    controller.abort();
    await clock.advance(0);
    expect((await ended)[0]).toMatchObject({ status: 'rejected', reason: { code: 'TUTTI_CANCELLED' } });
    expect(service.aborted).toBe(2);
    expect(orchestrator.stats().running).toBe(0);
  });
});

// Covers: src/calls/attempts/checked-usage.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Provider, ProviderRequest } from '../../src/contracts/provider.js';
import { httpError, rejection } from './held-agent.js';
import { closeAll, open } from './traffic-orchestrator.js';

afterEach(closeAll);

const warnings: string[] = [];
const logger = {
  debug() {},
  info() {},
  warn: (_facts: unknown, message?: string) => void warnings.push(String(message)),
  error() {},
};

afterEach(() => {
  warnings.length = 0;
});

describe('usage and cost that an agent reports', () => {
  test.each([
    [{ usage: { inputTokens: Number.NaN, outputTokens: 2 } }],
    [{ usage: { inputTokens: -1 } }],
    [{ usage: { totalTokens: '12' } }],
    [{ usage: 12 }],
    [{ usage: null }],
    [{ usage: { outputTokens: Number.POSITIVE_INFINITY } }],
  ])('%j counts as unknown, with one warning', async (reported) => {
    const { orchestrator, clock } = open({
      agents: [
        {
          name: 'agent',
          run: async () => ({ output: 'answer', ...reported }) as never,
          params: { maxTokens: 9 },
        },
      ],
      budget: { tokens: 1_000 },
      logger,
    });
    for (let index = 0; index < 2; index += 1) {
      const call = orchestrator.execute('agent', 'task');
      await clock.advance(1);
      expect(await call).toMatchObject({ output: 'answer', usage: { totalTokens: undefined } });
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('usage');
    const { budget, inputTokens, outputTokens } = orchestrator.stats();
    expect([inputTokens, outputTokens]).toEqual([0, 0]);
    // What nobody knows is charged as it was reserved: 2 tokens for 4 bytes, and the longest answer.
    expect(budget).toMatchObject({ spentTokens: 22, reservedTokens: 0 });
  });

  test.each([Number.NaN, -0.5, '0.01', Number.POSITIVE_INFINITY])(
    'a cost of %p counts as unknown and is charged as it was reserved',
    async (costUsd) => {
      const usage = { inputTokens: 3, outputTokens: 1 };
      const { orchestrator, clock } = open({
        agents: [
          {
            name: 'agent',
            run: async () => ({ output: 'answer', usage, costUsd }) as never,
            maxCostUsd: 0.01,
          },
        ],
        budget: { usd: 1 },
        logger,
      });
      const call = orchestrator.execute('agent', 'task');
      await clock.advance(1);
      expect(await call).toMatchObject({ usage: { inputTokens: 3 }, costUsd: undefined });
      expect(orchestrator.stats()).toMatchObject({ costUsd: 0, budget: { spentUsd: 0.01 } });
      expect(warnings[0]).toContain('costUsd');
    },
  );

  test.each([[null], [12], [{ usage: { inputTokens: 1 } }], [undefined]])(
    'a reply of %j under traffic control fails its call and charges what was reserved',
    async (reply) => {
      const { orchestrator, clock } = open({
        agents: [{ name: 'agent', run: async () => reply as never, maxCostUsd: 0.01 }],
        limits: { requestsPerMinute: 10 },
        budget: { usd: 1 },
        hedge: { afterMs: 100 },
      });
      const failed = rejection(orchestrator.execute('agent', 'task'));
      await clock.advance(1);
      expect(await failed).toMatchObject({ code: 'TUTTI_OUTPUT_INVALID' });
      expect(orchestrator.stats()).toMatchObject({ running: 0, budget: { spentUsd: 0.01, reservedUsd: 0 } });
    },
  );

  test('an event of a stream that tells no numbers is passed over', async () => {
    const { orchestrator, clock } = open({
      agents: {
        agent: async function* () {
          yield { type: 'usage', usage: { inputTokens: 5 } } as never;
          yield { type: 'usage', usage: { inputTokens: Number.NaN } } as never;
          yield 'answer';
        },
      },
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(1);
    expect(await call).toMatchObject({ output: 'answer', usage: { inputTokens: 5, totalTokens: undefined } });
  });
});

describe('a provider that makes several requests in one attempt', () => {
  const failsLate: Provider = {
    name: 'scripted',
    specificationVersion: 1,
    costUsd: (_model, { inputTokens = 0, outputTokens = 0 }) => (inputTokens + outputTokens) / 1_000,
    generate: async ({ onUsage }: ProviderRequest) => {
      onUsage?.({ inputTokens: 10, outputTokens: 5 });
      onUsage?.({ inputTokens: 30, outputTokens: 10 });
      throw httpError(400);
    },
  };

  test('has what it told of charged when it fails in the end', async () => {
    const { orchestrator, clock } = open({
      agents: [{ name: 'agent', provider: failsLate, model: 'm', params: { maxTokens: 100 } }],
      budget: { usd: 10, tokens: 10_000 },
    });
    const failed = rejection(orchestrator.execute('agent', 'task'));
    await clock.advance(1);
    expect((await failed).status).toBe(400);
    expect(orchestrator.stats()).toMatchObject({
      inputTokens: 30,
      outputTokens: 10,
      costUsd: 0.04,
      budget: { spentUsd: 0.04, spentTokens: 40, reservedUsd: 0 },
    });
  });

  test('has it counted once when it succeeds, repairs included', async () => {
    let asked = 0;
    const repaired: Provider = {
      ...failsLate,
      generate: async ({ onUsage }) => {
        asked += 1;
        onUsage?.({ inputTokens: 10, outputTokens: 5 });
        const usage = { inputTokens: 20, outputTokens: 10 };
        onUsage?.(usage);
        return { output: asked === 1 ? 'no JSON' : '"fine"', usage };
      },
    };
    const { z } = await import('zod');
    const { orchestrator, clock } = open({
      agents: [{ name: 'agent', provider: repaired, model: 'm', output: z.string(), repairs: 1 }],
    });
    const call = orchestrator.execute('agent', 'task');
    await clock.advance(1);
    expect(await call).toMatchObject({ data: 'fine', usage: { inputTokens: 40, outputTokens: 20 } });
    expect(orchestrator.stats()).toMatchObject({ inputTokens: 40, outputTokens: 20 });
  });
});

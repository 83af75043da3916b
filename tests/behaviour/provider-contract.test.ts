// Covers: src/calls/attempts/invoke-agent.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Provider } from '../../src/contracts/provider.js';
import { ProviderNetworkError } from '../../src/errors/provider-errors.js';
import { closeAll, open } from './traffic-orchestrator.js';

afterEach(closeAll);

const scripted = (members: Partial<Provider>): Provider => ({
  specificationVersion: 1,
  name: 'scripted',
  generate: async () => ({ output: 'answer' }),
  ...members,
});

describe('what only a provider knows', () => {
  test.each([
    [
      'its own reading of the parameters',
      { maxOutputTokens: (_model: unknown, { size }: { size?: number }) => size },
    ],
    ['maxTokens, where it has none', {}],
  ])('the longest answer: a budget reserves it by %s', async (_what, members) => {
    const provider = scripted(members as Partial<Provider>);
    const { orchestrator } = open({
      agents: [{ name: 'agent', provider, model: 'm', budget: { tokens: 50 } }],
    });
    const reserve = (size: number) =>
      orchestrator.execute('agent', 'task', {
        params: 'maxOutputTokens' in members ? { size } : { maxTokens: size },
      });
    await expect(reserve(100)).rejects.toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED', needed: 102 });
    expect((await reserve(10)).output).toBe('answer');
  });

  test.each([Number.NaN, 0, -1, '9' as unknown as number])(
    'the longest answer: %p sets no limit',
    async (maxOutputTokens) => {
      const provider = scripted({ maxOutputTokens: () => maxOutputTokens });
      const { orchestrator } = open({ agents: [{ name: 'agent', provider, budget: { tokens: 50 } }] });
      const call = orchestrator.execute('agent', 'task', { params: { maxTokens: 10 } });
      await expect(call).rejects.toMatchObject({ code: 'TUTTI_BUDGET_EXCEEDED', needed: undefined });
    },
  );

  test('its limits: a lane keeps to what onResponse reports', async () => {
    const provider = scripted({
      generate: async ({ onResponse, model }) => {
        const limits = { requests: { limit: 7, remaining: 6, resetMs: 60_000 } };
        onResponse?.({
          provider: 'scripted',
          model,
          status: 200,
          requestId: undefined,
          retryAfterMs: undefined,
          limits,
        });
        return { output: 'answer' };
      },
    });
    const { orchestrator } = open({ agents: [{ name: 'agent', provider, model: 'm' }] });
    await orchestrator.execute('agent', 'task');
    expect(orchestrator.stats().lanes['scripted/m']?.limits.requests).toMatchObject({ limit: 7, used: 1 });
  });

  test('what a failure means: an answer that was cut off with status 200 moves on to a fallback', async () => {
    const cut = scripted({
      generate: () =>
        Promise.reject(new ProviderNetworkError('cut off', { provider: 'scripted', status: 200 })),
    });
    const { orchestrator } = open({
      agents: [
        { name: 'first', provider: cut, fallbacks: ['second'] },
        { name: 'second', run: () => 'from the second' },
      ],
      maxRetries: 0,
    });
    expect((await orchestrator.execute('first', 'task')).output).toBe('from the second');
  });
});

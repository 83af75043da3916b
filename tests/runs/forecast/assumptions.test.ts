// Covers: src/runs/forecast/forecast-run.ts, src/runs/forecast/forecast-lot.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator, defineAgent, type Provider } from '../../../src/index.js';

const opened: AsyncOrchestrator[] = [];
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close();
});

function keep<Any extends AsyncOrchestrator<never>>(orchestrator: Any): Any {
  opened.push(orchestrator as unknown as AsyncOrchestrator);
  return orchestrator;
}

const usage = { inputTokens: 10, outputTokens: 5, totalTokens: 15 };
const provider = (more: Partial<Provider> = {}): Provider => ({
  specificationVersion: 1,
  name: 'made-up',
  identity: {},
  generate: async () => ({ output: 'yes', usage }),
  ...more,
});

describe('what a forecast assumes', () => {
  test('is said for agents that have not answered, without and with a price', async () => {
    const orchestrator = keep(
      new AsyncOrchestrator({
        agents: [
          defineAgent({ name: 'priced', model: 'm', provider: provider({ costUsd: () => 0.5 }) }),
          defineAgent({ name: 'unpriced', provider: provider() }),
        ],
      }),
    );
    const { assumptions } = await orchestrator.forecast([
      ['priced', 'a'],
      ['unpriced', 'b'],
    ]);
    expect(assumptions.join('\n')).toContain('"priced" has not answered yet: its figures are assumed.');
    expect(assumptions.join('\n')).toContain('The price of "unpriced" (no model) is not known.');
  });

  test('is nothing for a function that has answered for free', async () => {
    const orchestrator = keep(
      new AsyncOrchestrator({
        agents: { free: (task: string) => new Promise<string>((resolve) => setTimeout(resolve, 3, task)) },
      }),
    );
    await orchestrator.execute('free', 'before');
    const { assumptions, costUsd, calls } = await orchestrator.forecast([['free', 'after']]);
    expect(assumptions).toEqual([]);
    expect(costUsd).toMatchObject({ p50: 0 });
    expect(calls).toBe(1);
  });

  test('is that a file which was not read is not cached', async () => {
    const orchestrator = keep(
      new AsyncOrchestrator({
        cache: true,
        agents: [defineAgent({ name: 'seeing', provider: provider({ accepts: { images: true } } as never) })],
      }),
    );
    const data = new Uint8Array([1, 2, 3]);
    const { assumptions } = await orchestrator.forecast([
      ['seeing', { text: 'what is it?', files: [{ data, mediaType: 'image/png' }] }],
      ['seeing', { text: 'only text' }],
    ]);
    expect(assumptions).toContain('1 tasks have files that were not read: they count as not cached.');
  });
});

// Covers: src/lifecycle/async-context.ts
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import {
  type AgentFunction,
  AsyncOrchestrator,
  type AsyncOrchestratorOptions,
  defineAgent,
} from '../../src/index.js';
import { httpError, turn } from './scripted-agents.js';

/** What a service keeps for each of its requests. */
const storage = new AsyncLocalStorage<string>();

const sees = async (): Promise<string> => {
  await turn();
  return String(storage.getStore());
};

const IDS = ['one', 'two', 'three', 'four'];

function open(options: Omit<AsyncOrchestratorOptions, 'agents'>, agent: AgentFunction = sees) {
  return new AsyncOrchestrator({ retry: { minDelayMs: 0 }, ...options, agents: { sees: agent } });
}

describe('an agent sees the asynchronous context that its call was made in', () => {
  test.each<[string, Omit<AsyncOrchestratorOptions, 'agents'>]>([
    ['when it starts at once', {}],
    ['after waiting for another call', { maxConcurrent: 1 }],
    ['with fair shares', { maxConcurrent: 1, fairness: {} }],
    ['with limits of its lane', { limits: { maxConcurrent: 1 } }],
    [
      'with everything',
      {
        maxConcurrent: 1,
        limits: { maxConcurrent: 1 },
        breaker: {},
        hedge: { afterMs: 60_000 },
        budget: { usd: 100, perCallUsd: 1 },
      },
    ],
  ])('%s', async (_when, options) => {
    const orchestrator = open(options);
    const calls = IDS.map((id) => storage.run(id, () => orchestrator.execute('sees', id)));
    expect((await Promise.all(calls)).map(({ output }) => output)).toEqual(IDS);
  });

  test('when it waits for a permit of its own', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: [{ name: 'sees', run: sees, maxConcurrent: 1 }] });
    const calls = IDS.map((id) => storage.run(id, () => orchestrator.execute('sees', id)));
    expect((await Promise.all(calls)).map(({ output }) => output)).toEqual(IDS);
  });

  test('when it is tried again', async () => {
    const agent: AgentFunction = async (_task, { attempt }) => {
      if (attempt === 1) throw httpError(503);
      return await sees();
    };
    const orchestrator = open({ maxConcurrent: 1 }, agent);
    const calls = IDS.map((id) => storage.run(id, () => orchestrator.execute('sees', id)));
    expect((await Promise.all(calls)).map(({ output }) => output)).toEqual(IDS);
  });

  test('when it is asked in place of another, or a second time beside itself', async () => {
    const seen: Array<[string, string | undefined]> = [];
    const note = (task: string): string => {
      seen.push([task, storage.getStore()]);
      return 'answer';
    };
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 2,
      limits: { maxConcurrent: 1 },
      maxRetries: 0,
      agents: [
        defineAgent({ name: 'last', run: (task) => note(task) }),
        defineAgent({
          name: 'fails',
          fallbacks: ['last'],
          run: async (task) => {
            note(task);
            await turn();
            throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
          },
        }),
      ],
    });
    await Promise.all(IDS.map((id) => storage.run(id, () => orchestrator.execute('fails', id))));
    expect(seen).toHaveLength(2 * IDS.length);
    expect(seen.filter(([task, id]) => task !== id)).toEqual([]);
    const hedged = open(
      { limits: { requestsPerMinute: 10_000 }, hedge: { afterMs: 5, maxExtraRatio: 1 } },
      (task, { signal }) => {
        note(task);
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          setTimeout(resolve, 30, 'slow');
        });
      },
    );
    await Promise.all(IDS.map((id) => storage.run(id, () => hedged.execute('sees', id))));
    expect(hedged.stats().attempts).toBeGreaterThan(IDS.length);
    expect(seen.filter(([task, id]) => task !== id)).toEqual([]);
  });

  test('when it streams', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      agents: {
        async *sees() {
          yield String(storage.getStore());
          await turn();
          yield `, still ${storage.getStore()}`;
        },
      },
    });
    const calls = IDS.map((id) => storage.run(id, () => orchestrator.stream('sees', id).result));
    expect((await Promise.all(calls)).map(({ output }) => output)).toEqual(
      IDS.map((id) => `${id}, still ${id}`),
    );
  });

  test('in runs beside each other, whose sources see it too', async () => {
    const orchestrator = open({ maxConcurrent: 2, cache: true });
    const seenBySources: Array<[string, string | undefined]> = [];
    function* tasks(id: string): Generator<['sees', string]> {
      for (let index = 0; index < 10; index += 1) {
        seenBySources.push([id, storage.getStore()]);
        yield ['sees', `${id} ${index}`];
      }
    }
    const runs = IDS.map((id) => storage.run(id, () => orchestrator.executeMultiple(tasks(id))));
    const results = await Promise.all(runs);
    for (const [index, id] of IDS.entries()) {
      expect(results[index]?.map((result) => result.success && result.output)).toEqual(Array(10).fill(id));
    }
    expect(seenBySources).toHaveLength(40);
    expect(seenBySources.filter(([id, seen]) => id !== seen)).toEqual([]);
  });

  test('when it joins a run after sharing an answer of another run', async () => {
    const orchestrator = open({ maxConcurrent: 1, cache: true });
    const runs = IDS.map((id) =>
      storage.run(id, () =>
        orchestrator.executeMultiple([
          ['sees', 'shared'],
          ['sees', `${id} alone`],
        ]),
      ),
    );
    const own = (await Promise.all(runs)).map(([, second]) => second?.success && second.output);
    expect(own).toEqual(IDS);
  });
});

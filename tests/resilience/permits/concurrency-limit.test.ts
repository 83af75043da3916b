import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { turn, wait } from '../../behaviour/scripted-agents.js';

/** How long a call is overtaken by higher priorities before it gets turns, and which share of them, in turns. */
const AGEING_MS = 5_000;
const AGED_SHARE = 4;

function noting(clock: FakeClock, ms: number) {
  const order: string[] = [];
  const orchestrator = new AsyncOrchestrator({
    clock,
    maxConcurrent: 1,
    agents: {
      note: async (task) => {
        order.push(task);
        await wait(clock, ms);
        return task;
      },
    },
  });
  return { order, orchestrator };
}

describe('priority', () => {
  test('decides who goes next, then the order of submission', async () => {
    const clock = new FakeClock();
    const { order, orchestrator } = noting(clock, 1);
    const first = orchestrator.execute('note', 'running');
    await turn();
    const calls = [
      ['a', 0],
      ['low', -5],
      ['b', 0],
      ['high', 5],
      ['c', 0],
      ['also high', 5],
      ['half', 0.5],
    ].map(([task, priority]) =>
      orchestrator.execute('note', task as string, { priority: priority as number }),
    );
    await clock.advance(100);
    await Promise.all([first, ...calls]);
    expect(order).toEqual(['running', 'high', 'also high', 'half', 'a', 'b', 'c', 'low']);
  });

  test('starts a low one within bounds although higher ones never stop coming', async () => {
    const clock = new FakeClock();
    const { order, orchestrator } = noting(clock, 100);
    const calls: Array<Promise<unknown>> = [orchestrator.execute('note', 'running')];
    await turn();
    calls.push(orchestrator.execute('note', 'low', { priority: -1 }));
    let waitedMs: number | undefined;
    for (let step = 0; step < 200; step += 1) {
      calls.push(orchestrator.execute('note', 'high', { priority: 1 }));
      calls.push(orchestrator.execute('note', 'high', { priority: 1 }));
      await clock.advance(100);
      if (waitedMs === undefined && order.includes('low')) waitedMs = clock.now();
    }
    expect(waitedMs).toBeGreaterThanOrEqual(AGEING_MS);
    expect(waitedMs).toBeLessThanOrEqual(AGEING_MS + AGED_SHARE * 100 + 100);
    await clock.advance(100_000);
    await Promise.all(calls);
  });

  test('keeps its meaning under load: of those that have waited too long only every fourth goes first', async () => {
    const clock = new FakeClock();
    const { order, orchestrator } = noting(clock, 100);
    const calls = [orchestrator.execute('note', 'running')];
    await turn();
    for (let index = 0; index < 100; index += 1)
      calls.push(orchestrator.execute('note', 'low', { priority: -1 }));
    await clock.advance(0);
    for (let index = 0; index < 300; index += 1)
      calls.push(orchestrator.execute('note', 'high', { priority: 1 }));
    await clock.advance(5_000);
    const before = order.length;
    await clock.advance(20_000);
    const since = order.slice(before);
    const low = since.filter((task) => task === 'low').length;
    expect(low).toBe(since.length / AGED_SHARE);
    await clock.advance(100_000);
    await Promise.all(calls);
  });

  test('never lets equal ones overtake each other, also when some leave', async () => {
    const clock = new FakeClock();
    const { order, orchestrator } = noting(clock, 10);
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const calls = controllers.map(({ signal }, index) =>
      orchestrator.execute('note', String(index), { signal }).catch(() => {}),
    );
    await turn();
    for (let index = 1; index < 20; index += 3) controllers[index]?.abort();
    await clock.advance(1_000);
    await Promise.all(calls);
    expect(order).toEqual(['0', '2', '3', '5', '6', '8', '9', '11', '12', '14', '15', '17', '18']);
  });
});

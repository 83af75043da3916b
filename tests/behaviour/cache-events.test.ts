import { describe, expect, test } from '@jest/globals';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { CACHE_EVENT_NAMES, type CacheEventName } from '../../src/contracts/cache-events.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';

const agents = { echo: (task: string) => task, silent: () => ' ' };

/** Notes the names of the events that an orchestrator tells. */
function listenTo(orchestrator: AsyncOrchestrator<typeof agents>): CacheEventName[] {
  const heard: CacheEventName[] = [];
  for (const name of CACHE_EVENT_NAMES) orchestrator.on(name, () => void heard.push(name));
  return heard;
}

describe('the events of the cache', () => {
  test('reach those who listen to the orchestrator, with what was asked and where it was found', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents, cache: true });
    const heard = listenTo(orchestrator);
    const hits: unknown[] = [];
    orchestrator.on('cache:hit', (hit) => hits.push(hit));
    await orchestrator.execute('echo', 'a');
    await orchestrator.execute('echo', 'a');
    expect(heard).toEqual(['cache:miss', 'cache:write', 'cache:hit']);
    expect(hits).toEqual([
      {
        key: expect.stringMatching(/^[0-9a-f]{32}$/),
        agent: 'echo',
        tier: 'memory',
        ageMs: expect.any(Number),
        stale: false,
        at: expect.any(Number),
      },
    ]);
  });

  test('say what was not stored and what was thrown out', async () => {
    await using orchestrator = new AsyncOrchestrator({ agents, cache: { maxEntries: 1 } });
    const heard = listenTo(orchestrator);
    await orchestrator.execute('silent', 'a');
    await orchestrator.execute('echo', 'a');
    await orchestrator.execute('echo', 'b');
    expect(heard.filter((name) => name !== 'cache:miss')).toEqual([
      'cache:skip',
      'cache:write',
      'cache:evict',
      'cache:write',
    ]);
  });

  test('of a cache that was given end with the orchestrator, and other observers go on', async () => {
    await using cache = new ResponseCache();
    const observed: CacheEventName[] = [];
    cache.observe((name) => observed.push(name));
    const orchestrator = new AsyncOrchestrator({ agents, cache });
    const heard = listenTo(orchestrator);
    await orchestrator.execute('echo', 'a');
    await orchestrator.close();
    await cache.get({ agent: 'echo', task: 'a' });
    expect(heard).toEqual(['cache:miss', 'cache:write']);
    expect(observed).toHaveLength(3);
  });

  test('are built only for those who listen to them', async () => {
    await using cache = new ResponseCache();
    const asked: CacheEventName[] = [];
    const told: CacheEventName[] = [];
    const stop = cache.observe(
      (name) => told.push(name),
      (name) => {
        asked.push(name);
        return name === 'cache:write';
      },
    );
    const request = { agent: 'echo', task: 'a' };
    await cache.get(request);
    await cache.set(request, { output: 'a' });
    expect(told).toEqual(['cache:write']);
    expect(new Set(asked)).toEqual(new Set(['cache:miss', 'cache:write']));
    stop();
    await cache.set(request, { output: 'b' });
    expect(told).toHaveLength(1);
  });
});

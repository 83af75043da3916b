import { describe, expect, test } from '@jest/globals';
import type { CacheRequest } from '../../src/cache/cache-key.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { CancelledError } from '../../src/errors/execution-errors.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const request: CacheRequest = { agent: 'expert', task: 't' };
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Work that settles when it is told to. */
function slowWork() {
  const work = { runs: 0, signal: undefined as AbortSignal | undefined, finish: (_: string) => {} };
  const compute = ({ signal }: { signal: AbortSignal }) => {
    work.runs += 1;
    work.signal = signal;
    return new Promise<string>((resolve) => {
      work.finish = resolve;
    });
  };
  return { work, compute };
}

describe('ResponseCache.getOrCompute', () => {
  test('computes once, then answers from memory with the same fields', async () => {
    const cache = new ResponseCache();
    let runs = 0;
    const compute = async () => {
      runs += 1;
      return {
        output: 'text',
        costUsd: 0.5,
        usage: { inputTokens: 3 },
        data: [1],
        model: 'm',
        finishReason: 'stop' as const,
      };
    };
    const first = await cache.getOrCompute(request, compute);
    const second = await cache.getOrCompute(request, compute);
    expect(runs).toBe(1);
    expect(first).toEqual({
      output: 'text',
      data: [1],
      usage: { inputTokens: 3 },
      costUsd: 0.5,
      model: 'm',
      finishReason: 'stop',
      cached: false,
      ageMs: 0,
      stale: false,
    });
    expect(second).toEqual({ ...first, cached: 'memory', ageMs: expect.any(Number) });
    expect(Object.keys(second).sort()).toEqual(Object.keys(first).sort());
  });

  test('a thousand identical calls at once compute once', async () => {
    const cache = new ResponseCache();
    const { work, compute } = slowWork();
    const calls = Array.from({ length: 1_000 }, () => cache.getOrCompute(request, compute));
    await settle();
    work.finish('text');
    const values = await Promise.all(calls);
    expect(work.runs).toBe(1);
    expect(values.filter(({ cached }) => cached === 'shared')).toHaveLength(999);
    expect(new Set(values.map(({ output }) => output))).toEqual(new Set(['text']));
    expect(await cache.stats()).toMatchObject({ misses: 1, hits: 0, sharedFlights: 999, sets: 1 });
  });

  test('calls that share an answer cannot change it for each other', async () => {
    const cache = new ResponseCache();
    const compute = async () => ({ output: 'x', data: { list: [1] } });
    const [first] = await Promise.all([
      cache.getOrCompute(request, compute),
      cache.getOrCompute(request, compute),
    ]);
    expect(() => (first.data as { list: number[] }).list.push(2)).toThrow(TypeError);
  });

  test('a failure reaches all who wait, is not stored, and the next call computes', async () => {
    const cache = new ResponseCache();
    const failing = () => Promise.reject(new Error('no'));
    const outcomes = await Promise.allSettled([
      cache.getOrCompute(request, failing),
      cache.getOrCompute(request, failing),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await cache.getOrCompute(request, () => 'fine')).toMatchObject({ output: 'fine', cached: false });
    expect((await cache.stats()).integrityFailures).toBe(0);
  });

  test('an incomplete answer is given but not stored', async () => {
    const cache = new ResponseCache();
    const compute = () => ({ output: 'cut o', finishReason: 'length' as const });
    expect((await cache.getOrCompute(request, compute)).output).toBe('cut o');
    expect(await cache.get(request)).toBeUndefined();
  });

  test('returns an answer that is not JSON but does not store it', async () => {
    const cache = new ResponseCache();
    const data = new Map([[1, 2]]);
    const events = [{ type: 'text-delta' as const, text: 'x' }];
    const value = await cache.getOrCompute(request, () => ({
      output: 'x',
      data,
      model: 'm',
      finishReason: 'stop',
      events,
    }));
    expect(value).toMatchObject({ output: 'x', data, model: 'm', finishReason: 'stop', events });
    expect(await cache.get(request)).toBeUndefined();
  });

  test('replays the events of a stream', async () => {
    const cache = new ResponseCache();
    const events = [
      { type: 'text-delta' as const, text: 'x' },
      { type: 'finish' as const, finishReason: 'stop' as const },
    ];
    await cache.getOrCompute(request, () => ({ output: 'x', events }));
    expect((await cache.getOrCompute(request, () => 'never')).events).toEqual(events);
  });

  test('refuses an answer that is none', async () => {
    const cache = new ResponseCache();
    await expect(cache.getOrCompute(request, () => 3 as unknown as string)).rejects.toThrow(
      InvalidArgumentError,
    );
  });

  test('a caller who leaves stops nothing, the last one stops the work', async () => {
    const cache = new ResponseCache();
    const { work, compute } = slowWork();
    const callers = [new AbortController(), new AbortController()];
    const calls = callers.map(({ signal }) => cache.getOrCompute(request, compute, { signal }));
    const outcomes = Promise.allSettled(calls);
    await settle();
    callers[0]?.abort();
    await settle();
    expect(work.signal?.aborted).toBe(false);
    callers[1]?.abort();
    expect(work.signal?.aborted).toBe(true);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'TUTTI_CANCELLED', agent: 'expert' },
      });
    }
  });

  test('work whose callers all left is not stored even if it ends', async () => {
    const cache = new ResponseCache();
    const { work, compute } = slowWork();
    const caller = new AbortController();
    const call = cache.getOrCompute(request, compute, { signal: caller.signal });
    await settle();
    caller.abort();
    await expect(call).rejects.toThrow(CancelledError);
    work.finish('late');
    await settle();
    expect(await cache.get(request)).toBeUndefined();
  });

  test.each<[string, (cache: ResponseCache) => Promise<unknown>]>([
    ['delete', (cache) => cache.delete(request)],
    ['deleteAgent', (cache) => cache.deleteAgent('expert')],
    ['clear', (cache) => cache.clear()],
  ])('an answer computed before a %s is not stored after it', async (_, invalidate) => {
    const cache = new ResponseCache();
    const { work, compute } = slowWork();
    const call = cache.getOrCompute(request, compute);
    await settle();
    await invalidate(cache);
    work.finish('out of date');
    expect((await call).output).toBe('out of date');
    expect(await cache.get(request)).toBeUndefined();
  });

  test('refresh computes anew, once for all, and replaces what is stored', async () => {
    const cache = new ResponseCache();
    await cache.set(request, { output: 'old' });
    const { work, compute } = slowWork();
    const calls = [1, 2].map(() => cache.getOrCompute(request, compute, { refresh: true }));
    await settle();
    expect((await cache.get(request))?.output).toBe('old');
    work.finish('new');
    expect((await Promise.all(calls)).map(({ cached }) => cached)).toEqual([false, 'shared']);
    expect(work.runs).toBe(1);
    expect((await cache.get(request))?.output).toBe('new');
  });

  test("an excluded agent is computed each time, with the caller's own signal", async () => {
    const cache = new ResponseCache({ excludeAgents: ['expert'] });
    const { signal } = new AbortController();
    const given: AbortSignal[] = [];
    const compute = ({ signal }: { signal: AbortSignal }) => {
      given.push(signal);
      return 'x';
    };
    await cache.getOrCompute(request, compute, { signal });
    await cache.getOrCompute(request, compute);
    expect([given.length, given[0] === signal, given[1]?.aborted]).toEqual([2, true, false]);
  });

  test('stores with the time and tags it is given', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock });
    await cache.getOrCompute(request, () => 'x', { ttlMs: 50, tags: ['docs'] });
    expect((await cache.get(request))?.expiresAt).toBe(clock.epochMs() + 50);
    expect(await cache.deleteByTag('docs')).toBe(1);
    await expect(cache.getOrCompute(request, () => 'x', { ttlMs: -1 })).rejects.toThrow(InvalidArgumentError);
  });

  test('close stops work in flight', async () => {
    const cache = new ResponseCache();
    const { work, compute } = slowWork();
    const call = cache.getOrCompute(request, compute);
    await settle();
    await cache.close();
    expect(work.signal?.aborted).toBe(true);
    work.finish('late');
    expect((await call).output).toBe('late');
  });
});

describe('ResponseCache with staleWhileRevalidateMs', () => {
  const options = { ttlMs: 1_000, staleWhileRevalidateMs: 500 };

  test('gives the stale answer at once and computes a new one once in the background', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ ...options, clock });
    await cache.set(request, { output: 'old' });
    await clock.advance(1_200);
    expect(await cache.get(request)).toMatchObject({ output: 'old', stale: true, ageMs: 1_200 });
    const { work, compute } = slowWork();
    const values = [await cache.getOrCompute(request, compute), await cache.getOrCompute(request, compute)];
    expect(values).toEqual(
      [1, 2].map(() => expect.objectContaining({ output: 'old', cached: 'memory', stale: true })),
    );
    await settle();
    work.finish('new');
    await settle();
    expect(work.runs).toBe(1);
    expect(await cache.get(request)).toMatchObject({ output: 'new', stale: false, ageMs: 0 });
  });

  test('keeps the stale answer when computing fails, and says so', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ ...options, clock });
    const heard: unknown[] = [];
    await cache.set(request, { output: 'old' });
    await clock.advance(1_200);
    const failing = () => Promise.reject(new Error('down'));
    expect((await cache.getOrCompute(request, failing)).output).toBe('old');
    await settle();
    const stop = cache.observe((name, payload) => heard.push([name, payload]));
    expect((await cache.getOrCompute(request, failing)).output).toBe('old');
    expect((await cache.getOrCompute(request, () => Promise.reject('text'))).output).toBe('old');
    await settle();
    stop();
    expect(heard).toContainEqual([
      'cache:revalidate-error',
      expect.objectContaining({ agent: 'expert', message: 'down' }),
    ]);
  });

  test('is over at the end of the stale time', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ ...options, clock });
    await cache.set(request, { output: 'old' });
    await clock.advance(1_499);
    expect(await cache.get(request)).toBeDefined();
    await clock.advance(1);
    expect(await cache.get(request)).toBeUndefined();
    expect((await cache.stats()).entries).toBe(0);
  });
});

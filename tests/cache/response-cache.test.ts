// Covers: src/cache/answer-store.ts, src/cache/cache-observers.ts, src/cache/cache-policy.ts
// Covers: src/cache/cached-answer.ts, src/cache/entry-conversions.ts, src/cache/memory-sweep.ts
// Covers: src/cache/normalize-task.ts, src/cache/set-options.ts, src/cache/steady-time.ts
import { describe, expect, test } from '@jest/globals';
import type { CacheRequest } from '../../src/cache/cache-key.js';
import type { CacheAnswer, CacheHit } from '../../src/cache/cached-answer.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import type { CacheEventName } from '../../src/contracts/cache-events.js';
import { ClosedError, InvalidArgumentError } from '../../src/errors/input-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { randomFrom, zipfPicker } from '../../src/testing/request-trace.js';
import type { Clock } from '../../src/time/clock.js';

const HUNDRED_YEARS_MS = 3_153_600_000_000;

const ask = (task: string, agent = 'expert'): CacheRequest => ({ agent, task });
const usage = { inputTokens: 100, outputTokens: 50 };
const reply = (output: string, more: Partial<CacheAnswer> = {}): CacheAnswer => ({ output, usage, ...more });

/** A clock whose date can be set while it runs on. */
class SettableClock implements Clock {
  readonly #running = new FakeClock();
  #shiftMs = 0;
  now = () => this.#running.now();
  epochMs = () => this.#running.epochMs() + this.#shiftMs;
  setTimeout: Clock['setTimeout'] = (callback, delayMs, argument) =>
    this.#running.setTimeout(callback, delayMs, argument);
  clearTimeout: Clock['clearTimeout'] = (handle) => this.#running.clearTimeout(handle);
  advance = (ms: number) => this.#running.advance(ms);
  stepDate(ms: number): void {
    this.#shiftMs += ms;
  }
}

describe('ResponseCache', () => {
  test('gives back what was stored, with where it was and how old it is', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock, ttlMs: 10_000 });
    const answer = reply('text', { costUsd: 0.02, model: 'm', finishReason: 'stop', data: { a: [1] } });
    expect(await cache.set(ask('t'), answer)).toBe(true);
    await clock.advance(1_500);
    const createdAt = clock.epochMs() - 1_500;
    expect(await cache.get(ask('t'))).toEqual({
      output: 'text',
      data: { a: [1] },
      usage: { ...usage, totalTokens: 150 },
      costUsd: 0.02,
      model: 'm',
      finishReason: 'stop',
      tier: 'memory',
      ageMs: 1_500,
      hits: 1,
      createdAt,
      expiresAt: createdAt + 10_000,
      stale: false,
    });
  });

  test('counts an unknown request as a miss', async () => {
    const cache = new ResponseCache();
    expect(await cache.get(ask('t'))).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 1, hitRatio: 0 });
  });

  test('counts how often an entry was served', async () => {
    const cache = new ResponseCache();
    await cache.set(ask('t'), reply('text'));
    const hits: unknown[] = [];
    for (let count = 0; count < 5; count += 1) hits.push((await cache.get(ask('t')))?.hits);
    expect(hits).toEqual([1, 2, 3, 4, 5]);
  });

  test('switched off it stores and finds nothing and counts nothing, and can be switched on', async () => {
    const cache = new ResponseCache({ enabled: false });
    expect(await cache.set(ask('t'), reply('text'))).toBe(false);
    expect(await cache.get(ask('t'))).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ enabled: false, hits: 0, misses: 0, sets: 0, entries: 0 });
    cache.enabled = true;
    await cache.set(ask('t'), reply('text'));
    expect(await cache.get(ask('t'))).toBeDefined();
    cache.enabled = false;
    expect(cache.enabled).toBe(false);
    expect(await cache.get(ask('t'))).toBeUndefined();
    expect(await cache.delete(ask('t'))).toBe(true);
  });

  test('an answer is fresh up to the last millisecond of its time', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock, ttlMs: 1_000 });
    await cache.set(ask('t'), reply('text'));
    await cache.set(ask('long'), reply('text'), { ttlMs: 5_000 });
    await clock.advance(999);
    expect(await cache.get(ask('t'))).toBeDefined();
    await clock.advance(1);
    expect(await cache.get(ask('t'))).toBeUndefined();
    expect(await cache.get(ask('long'))).toBeDefined();
    expect(await cache.stats()).toMatchObject({ entries: 1, expirations: 1, evictions: 0, deletions: 0 });
  });

  test('a reader can ask for a younger answer', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock });
    await cache.set(ask('t'), reply('text'));
    await clock.advance(100);
    expect(await cache.get(ask('t'), { maxAgeMs: 99 })).toBeUndefined();
    expect(await cache.get(ask('t'), { maxAgeMs: 100 })).toBeDefined();
  });

  test.each([
    ['back', -3_600_000],
    ['forward and back again', 3_600_000],
  ])('an answer whose time is over stays over when the date is set %s', async (_, stepMs) => {
    const clock = new SettableClock();
    const cache = new ResponseCache({ clock, ttlMs: 10_000 });
    await cache.set(ask('t'), reply('text'));
    clock.stepDate(stepMs);
    if (stepMs > 0) {
      // Nobody looks while the date is ahead.
      clock.stepDate(-stepMs);
      expect(await cache.get(ask('t'))).toBeDefined();
    } else {
      await clock.advance(9_999);
      expect(await cache.get(ask('t'))).toBeDefined();
      await clock.advance(1);
      expect(await cache.get(ask('t'))).toBeUndefined();
    }
    clock.stepDate(20_000);
    expect(await cache.get(ask('t'))).toBeUndefined();
    clock.stepDate(-20_000);
    expect(await cache.get(ask('t'))).toBeUndefined();
  });

  test('ages are never negative', async () => {
    const clock = new SettableClock();
    const cache = new ResponseCache({ clock });
    await cache.set(ask('t'), reply('text'));
    clock.stepDate(-100_000);
    expect((await cache.get(ask('t')))?.ageMs).toBe(0);
  });

  test('forgets expired answers by itself, with a timer only while there are any', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock, ttlMs: 1_000 });
    expect(clock.pendingTimers).toBe(0);
    for (let index = 0; index < 1_000; index += 1) await cache.set(ask(`${index}`), reply('text'));
    await clock.advance(60_000);
    expect(await cache.stats()).toMatchObject({ memoryEntries: 0, memoryBytes: 0, expirations: 1_000 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('cleanup forgets at once and says how many', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock, ttlMs: 1_000 });
    for (let index = 0; index < 10; index += 1) await cache.set(ask(`${index}`), reply('text'));
    await cache.set(ask('long'), reply('text'), { ttlMs: 9_000 });
    await clock.advance(1_000);
    expect(cache.cleanup()).toBe(10);
    expect((await cache.stats()).entries).toBe(1);
  });

  test('a hundred answers of 50 KB in 1 MB stay under the limit, and the last one is there', async () => {
    const maxSizeBytes = 1024 * 1024;
    const cache = new ResponseCache({ maxSizeBytes });
    for (let index = 0; index < 100; index += 1) {
      await cache.set(ask(`${index}`), reply('x'.repeat(50 * 1024)));
      expect((await cache.stats()).sizeBytes).toBeLessThanOrEqual(maxSizeBytes);
    }
    const stats = await cache.stats();
    expect([stats.entries, stats.evictions]).toEqual([20, 80]);
    expect(await cache.get(ask('99'))).toBeDefined();
  });

  test('what was read lately survives, what was not does not', async () => {
    const cache = new ResponseCache({ maxEntries: 10 });
    for (let index = 0; index < 10; index += 1) await cache.set(ask(`${index}`), reply('text'));
    for (const task of ['0', '3']) await cache.get(ask(task));
    for (let index = 10; index < 18; index += 1) await cache.set(ask(`${index}`), reply('text'));
    expect(await cache.getMany(['0', '3', '1', '9', '17'].map((task) => ask(task)))).toEqual([
      expect.anything(),
      expect.anything(),
      undefined,
      undefined,
      expect.anything(),
    ]);
    expect(await cache.stats()).toMatchObject({ entries: 10, evictions: 8 });
  });

  test('an oversized answer is not stored and throws nothing out', async () => {
    const cache = new ResponseCache({ maxSizeBytes: 10_000 });
    await cache.set(ask('small'), reply('text'));
    expect(await cache.set(ask('huge'), reply('x'.repeat(10_000)))).toBe(false);
    expect(await cache.stats()).toMatchObject({ entries: 1, evictions: 0, sets: 1 });
  });

  test('a 2 MB answer comes back whole', async () => {
    const cache = new ResponseCache();
    const output = 'ä"\n'.repeat(600_000);
    await cache.set(ask('t'), reply(output));
    expect((await cache.get(ask('t')))?.output).toBe(output);
  });

  test('size grows with every answer, follows overwriting up and down, and is 0 after clear', async () => {
    const cache = new ResponseCache();
    const sizes: number[] = [];
    const note = async () => sizes.push((await cache.stats()).sizeBytes);
    for (const length of [100, 1_000, 10]) {
      await cache.set(ask('t'), reply('x'.repeat(length)));
      await note();
    }
    expect([
      (sizes[1] as number) - (sizes[0] as number),
      (sizes[2] as number) - (sizes[0] as number),
    ]).toEqual([900, -90]);
    await cache.set(ask('other'), reply('x'));
    await note();
    expect(sizes[3]).toBeGreaterThan(sizes[2] as number);
    expect(await cache.clear()).toBe(2);
    expect(await cache.stats()).toMatchObject({ sizeBytes: 0, memoryBytes: 0, entries: 0, deletions: 2 });
  });

  test('the size is the size of what is stored, within a fifth', async () => {
    const cache = new ResponseCache();
    const answer = reply('ä'.repeat(2_000), { data: { list: [1, 2, 3] } });
    await cache.set(ask('t'), answer);
    const serialised = Buffer.byteLength(JSON.stringify(answer));
    const { memoryBytes } = await cache.stats();
    expect(Math.abs(memoryBytes / serialised - 1)).toBeLessThan(0.2);
  });

  test.each<[string, Partial<CacheAnswer>]>([
    ['empty', { output: '' }],
    ['blank', { output: ' \n' }],
    ['cut off', { finishReason: 'length' }],
    ['refused', { finishReason: 'refusal' }],
    ['filtered', { finishReason: 'content-filter' }],
    ['failed', { finishReason: 'error' }],
    ['asking for a tool', { finishReason: 'tool-calls' }],
  ])('an answer that is %s is not stored', async (_, change) => {
    const cache = new ResponseCache();
    expect(await cache.set(ask('t'), reply('text', change))).toBe(false);
    expect(await cache.get(ask('t'))).toBeUndefined();
    expect((await cache.stats()).sets).toBe(0);
  });

  test('excluded agents are neither stored nor found nor counted, others are', async () => {
    const cache = new ResponseCache({
      excludeAgents: ['random', /^live-/g, 'tmp-*', (agent) => agent.endsWith('-x')],
    });
    for (const agent of ['random', 'live-news', 'live-news', 'tmp-1', 'tmp-', 'agent-x']) {
      expect(await cache.set(ask('t', agent), reply('text'))).toBe(false);
      expect(await cache.get(ask('t', agent))).toBeUndefined();
      const value = await cache.getOrCompute(ask('t', agent), () => 'fresh');
      expect(value).toMatchObject({ output: 'fresh', cached: false });
    }
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 0, sets: 0, byAgent: {} });
    for (const agent of ['random2', 'not-live-', 'tmp']) {
      expect(await cache.set(ask('t', agent), reply('text'))).toBe(true);
    }
  });

  test('a caller can change neither what the next one gets nor what is stored', async () => {
    const cache = new ResponseCache();
    const data = { list: [1] };
    await cache.set(ask('t'), reply('text', { data, events: [{ type: 'text-delta', text: 'text' }] }));
    data.list.push(2);
    const hit = (await cache.get(ask('t'))) as CacheHit;
    expect(hit.data).toEqual({ list: [1] });
    expect(() => (hit.data as typeof data).list.push(3)).toThrow(TypeError);
    expect(() => Object.assign(hit.usage, { inputTokens: 9 })).toThrow(TypeError);
    expect(() => (hit.events as unknown[]).push(1)).toThrow(TypeError);
    hit.hits = 99;
    expect(await cache.get(ask('t'))).toMatchObject({ data: { list: [1] }, hits: 2 });
  });

  test('tenants and definitions have answers of their own', async () => {
    const cache = new ResponseCache({ tenant: 'acme' });
    await cache.set({ ...ask('t'), definition: 'd1' }, reply('one'));
    expect(await cache.get({ ...ask('t'), definition: 'd2' })).toBeUndefined();
    expect(await cache.get({ ...ask('t'), definition: 'd1', tenant: 'other' })).toBeUndefined();
    expect(await cache.get({ ...ask('t'), definition: 'd1', tenant: 'acme' })).toBeDefined();
  });

  test('tasks that differ in white space or case share an answer only when told so', async () => {
    const strict = new ResponseCache();
    expect(strict.key(ask('Hello'))).not.toBe(strict.key(ask('hello ')));
    const spaces = new ResponseCache({ normalize: true });
    expect(spaces.key(ask('a  b\u00e9'))).toBe(spaces.key(ask(' a b\u0065\u0301 ')));
    expect(spaces.key(ask('Hello'))).not.toBe(spaces.key(ask('hello')));
    const lenient = new ResponseCache({ normalize: { trim: true, ignoreCase: true } });
    expect(lenient.key(ask('Hello'))).toBe(lenient.key(ask('hello ')));
    expect(lenient.explain(ask('Hello'), ask('hello '))).toBeUndefined();
  });

  test('deletes by request, tag and agent, and says how many', async () => {
    const cache = new ResponseCache();
    await cache.set(ask('a', 'get_status'), reply('1'), { tags: ['docs', 'x'] });
    await cache.set(ask('b', 'get_status_detail'), reply('2'), { tags: ['docs'] });
    await cache.set(ask('c', 'other'), reply('3'));
    expect(await cache.deleteAgent('get_status')).toBe(1);
    expect(await cache.get(ask('b', 'get_status_detail'))).toBeDefined();
    expect(await cache.deleteByTag('docs')).toBe(1);
    expect(await cache.deleteByTag('docs')).toBe(0);
    expect([await cache.delete(ask('c', 'other')), await cache.delete(ask('c', 'other'))]).toEqual([
      true,
      false,
    ]);
    expect(await cache.stats()).toMatchObject({ entries: 0, deletions: 3, evictions: 0 });
  });

  test('getMany answers in order and leaves out excluded agents', async () => {
    const cache = new ResponseCache({ excludeAgents: ['no'] });
    await cache.set(ask('a'), reply('A'));
    await cache.set(ask('c'), reply('C'));
    const hits = await cache.getMany([ask('a'), ask('b'), ask('x', 'no'), ask('c'), ask('a')]);
    expect(hits.map((hit) => hit?.output)).toEqual(['A', undefined, undefined, 'C', 'A']);
    expect(await cache.stats()).toMatchObject({ hits: 3, misses: 1 });
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['an answer without output', () => new ResponseCache().set(ask('t'), {} as CacheAnswer), 'answer.output'],
    [
      'a null answer',
      () => new ResponseCache().set(ask('t'), null as unknown as CacheAnswer),
      'answer.output',
    ],
    [
      'a negative cost',
      () => new ResponseCache().set(ask('t'), reply('x', { costUsd: -1 })),
      'answer.costUsd',
    ],
    [
      'a NaN cost',
      () => new ResponseCache().set(ask('t'), reply('x', { costUsd: Number.NaN })),
      'answer.costUsd',
    ],
    [
      'data that is not JSON',
      () => new ResponseCache().set(ask('t'), reply('x', { data: new Map() })),
      'answer.data',
    ],
    ['no time to live', () => new ResponseCache().set(ask('t'), reply('x'), { ttlMs: 0 }), 'ttlMs'],
    [
      'a time to live of NaN',
      () => new ResponseCache().set(ask('t'), reply('x'), { ttlMs: Number.NaN }),
      'ttlMs',
    ],
    [
      'tags that are no list',
      () => new ResponseCache().set(ask('t'), reply('x'), { tags: 'a' as never }),
      'tags',
    ],
    ['an empty tag', () => new ResponseCache().set(ask('t'), reply('x'), { tags: [''] }), 'tags'],
    [
      'more than 64 tags',
      () => new ResponseCache().set(ask('t'), reply('x'), { tags: Array(65).fill('tag') }),
      'tags',
    ],
    [
      'a tag of more than 256 characters',
      () => new ResponseCache().set(ask('t'), reply('x'), { tags: ['x'.repeat(257)] }),
      'tags',
    ],
    [
      'more than a hundred years to live',
      () => new ResponseCache().set(ask('t'), reply('x'), { ttlMs: HUNDRED_YEARS_MS + 1 }),
      'ttlMs',
    ],
    [
      'an unknown setting',
      () => new ResponseCache().set(ask('t'), reply('x'), { ttl: 5 } as object),
      'ttlMs',
    ],
    ['no request', () => new ResponseCache().get({ agent: 'a' } as CacheRequest), 'request.task'],
    ['no tag', () => new ResponseCache().deleteByTag(''), 'tags'],
  ])('refuses %s', async (_, act, field) => {
    const failure = await act().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect((failure as Error).message).toContain(field);
  });

  test('accepts 64 tags of 256 characters and a hundred years to live', async () => {
    const cache = new ResponseCache();
    const tags = Array.from({ length: 64 }, (_none, index) => `${index}`.padStart(256, 'x'));
    await cache.set(ask('t'), reply('text'), { tags, ttlMs: HUNDRED_YEARS_MS });
    expect(await cache.deleteByTag(tags[63] as string)).toBe(1);
  });

  test('accepts nothing after close, which can be called twice', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock });
    await cache.set(ask('t'), reply('text'));
    expect(cache.close()).toBe(cache.close());
    await cache.close();
    expect(clock.pendingTimers).toBe(0);
    expect(cache.isCacheable('expert')).toBe(false);
    expect(await cache.store({ key: cache.key(ask('t')), agent: 'expert' }, reply('x'))).toBe(false);
    for (const act of [
      () => cache.get(ask('t')),
      () => cache.getMany([]),
      () => cache.set(ask('t'), reply('x')),
      () => cache.delete(ask('t')),
      () => cache.clear(),
      () => cache.verify(),
      () => cache.warm([], () => 'x'),
      () => cache.getOrCompute(ask('t'), () => 'x'),
    ]) {
      await expect(act()).rejects.toThrow(ClosedError);
    }
  });

  test('is closed by await using', async () => {
    let outer: ResponseCache;
    {
      await using cache = new ResponseCache();
      outer = cache;
    }
    await expect(outer.get(ask('t'))).rejects.toThrow(ClosedError);
  });

  test('tells observers what happens, until they stop listening, and survives those that throw', async () => {
    const cache = new ResponseCache({ maxEntries: 1 });
    const heard: Array<[CacheEventName, unknown]> = [];
    cache.observe(() => {
      throw new Error('bad observer');
    });
    const stop = cache.observe((name, payload) => heard.push([name, payload]));
    await cache.get(ask('a'));
    await cache.set(ask('a'), reply('A'));
    await cache.get(ask('a'));
    await cache.set(ask('b'), reply('B'));
    await cache.set(ask('c'), reply(''));
    stop();
    await cache.get(ask('b'));
    const about = { key: cache.key(ask('a')), agent: 'expert', at: expect.any(Number) };
    expect(heard).toEqual([
      ['cache:miss', about],
      ['cache:write', { ...about, sizeBytes: expect.any(Number), expiresAt: expect.any(Number) }],
      ['cache:hit', { ...about, tier: 'memory', ageMs: expect.any(Number), stale: false }],
      ['cache:evict', { ...about, tier: 'memory', sizeBytes: expect.any(Number) }],
      ['cache:write', expect.objectContaining({ key: cache.key(ask('b')) })],
      ['cache:skip', { ...about, key: cache.key(ask('c')), reason: 'empty' }],
    ]);
  });

  test('store leaves out what cannot be stored instead of failing', async () => {
    const cache = new ResponseCache();
    const heard: unknown[] = [];
    expect(
      await cache.store({ key: cache.key(ask('t')), agent: 'expert' }, reply('x', { data: new Map() })),
    ).toBe(false);
    cache.observe((name, payload) => heard.push([name, payload]));
    expect(await cache.store({ key: cache.key(ask('t')), agent: 'expert' }, reply('x', { data: 1n }))).toBe(
      false,
    );
    expect(heard).toEqual([['cache:error', expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT' })]]);
    expect(await cache.store({ key: cache.key(ask('t')), agent: 'expert' }, reply('x'))).toBe(true);
  });

  test('verify finds nothing to check in memory', async () => {
    expect(await new ResponseCache().verify()).toEqual({ checked: 0, intact: 0, rejected: 0, skipped: 0 });
    await new ResponseCache().flush();
  });

  test('answers four of five requests of a skewed load when half of the answers fit', async () => {
    const cache = new ResponseCache({ maxEntries: 500, eviction: 'cost-aware' });
    const pick = zipfPicker(1_000, 1, randomFrom(3));
    for (let count = 0; count < 10_000; count += 1) {
      await cache.getOrCompute(ask(`${pick()}`), () => reply('text'));
    }
    expect((await cache.stats()).hitRatio).toBeGreaterThanOrEqual(0.8);
  });
});

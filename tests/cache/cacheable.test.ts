// Covers: src/cache/cacheable.ts, src/cache/read-as.ts, src/cache/schema-ttl.ts
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { cacheable } from '../../src/cache/cacheable.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { inBuild } from '../processes/current-build.js';

const secret = 'a secret of enough bytes';
const Page = z.object({ title: z.string(), words: z.number().int(), tags: z.array(z.string()).default([]) });
const page = { title: 'Intro', words: 3, tags: ['a'] };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-cacheable-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('cacheable', () => {
  test('gives back what was stored, as a copy, until its time is over', async () => {
    const clock = new FakeClock();
    const pages = cacheable(Page, { name: 'pages', ttlMs: 600_000, cache: new ResponseCache({ clock }) });
    expect(await pages.get('intro')).toBeUndefined();
    expect(await pages.set('intro', page)).toBe(true);
    const found = await pages.get('intro');
    expect(found).toEqual(page);
    found?.tags.push('changed');
    expect(await pages.get('intro')).toEqual(page);
    await clock.advance(600_000);
    expect(await pages.get('intro')).toBeUndefined();
  });

  test('any JSON value that the schema accepts comes back the same', async () => {
    const anything = cacheable(z.json(), { name: 'anything' });
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), fc.jsonValue(), async (id, value) => {
        await anything.set(id, value as never);
        expect(await anything.get(id)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('awaits an asynchronous factory, once for all who ask at the same time, and keeps its value', async () => {
    const load = jest.fn(async () => page);
    const pages = cacheable(Page, { name: 'pages' });
    const found = await Promise.all([1, 2, 3].map(() => pages.getOrSet('intro', load)));
    expect([...found, await pages.getOrSet('intro', load)]).toEqual([page, page, page, page]);
    expect(load).toHaveBeenCalledTimes(1);
    expect(found[0]).not.toBe(found[1]);
  });

  test('what the factory throws, and what does not match, is rejected and not kept', async () => {
    const pages = cacheable(Page, { name: 'pages' });
    const failing = pages.getOrSet('intro', () => Promise.reject(new Error('down')));
    await expect(failing).rejects.toThrow('down');
    const wrong = pages.getOrSet('intro', () => ({ title: 'x' }) as never);
    await expect(wrong).rejects.toThrow('value: it does not match the schema: words: ');
    await expect(pages.set('intro', { ...page, words: 1.5 })).rejects.toThrow(InvalidArgumentError);
    await expect(pages.set('intro', { ...page, at: new Date() } as never)).rejects.toThrow('value.at');
    expect(await pages.get('intro')).toBeUndefined();
  });

  test.each([
    ['in memory', {}],
    ['on disk', { maxMemoryBytes: 1 }],
  ])('a value that no longer matches is a miss and is removed: %s', async (_, options) => {
    const cache = new ResponseCache({ directory: folder, secret, ...options });
    const events: string[] = [];
    cache.observe((name) => events.push(name));
    const before = cacheable(z.object({ title: z.string() }), { name: 'pages', cache });
    await before.set('intro', { title: 'Intro' });
    await cache.flush();
    const after = cacheable(Page, { name: 'pages', cache });
    expect(await after.get('intro')).toBeUndefined();
    expect(await before.get('intro')).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 2, integrityFailures: 1, entries: 0 });
    expect(events.filter((name) => name !== 'cache:write' && name !== 'cache:evict')).toEqual([
      'cache:reject',
      'cache:miss',
      'cache:miss',
    ]);
    await before.set('intro', { title: 'Intro' });
    expect(await after.getOrSet('intro', () => page)).toEqual(page);
    expect(await after.get('intro')).toEqual(page);
    await cache.close();
  });

  test('applies the schema once to what is stored', async () => {
    const lengths = cacheable(z.string().transform((text) => text.length) as unknown as z.ZodType<string>, {
      name: 'lengths',
    });
    await lengths.set('x', 'four');
    expect(await lengths.get('x')).toBe(4);
  });

  test('has the same key for the same data in every process, and another for other data', async () => {
    const pages = cacheable(Page, { name: 'pages' });
    const code = `
      import { cacheable } from ${JSON.stringify(pathToFileURL(inBuild('dist', 'cache', 'index.js')).href)};
      const pages = cacheable({ safeParse: (data) => ({ success: true, data }) }, { name: 'pages' });
      console.log(pages.key({ tags: ['a'], words: 3, title: 'Intro' }));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code]);
    expect(pages.key(page)).toMatch(/^[0-9a-f]{32}$/);
    expect(pages.key(page)).toBe(stdout.trim());
    expect(pages.key({ ...page, words: 4 })).not.toBe(pages.key(page));
    expect(cacheable(Page, { name: 'notes' }).key(page)).not.toBe(pages.key(page));
  });

  test('delete, clear and tags remove its values and no others', async () => {
    const cache = new ResponseCache();
    const pages = cacheable(Page, { name: 'pages', cache, tags: ['docs'] });
    const notes = cacheable(Page, { name: 'notes', cache });
    for (const id of [1, 2, 3]) await pages.set(id, page);
    await notes.set(1, page);
    expect(await pages.delete(1)).toBe(true);
    expect(await cache.deleteByTag('docs')).toBe(2);
    await pages.set(4, page);
    expect(await pages.clear()).toBe(1);
    expect(await notes.get(1)).toEqual(page);
  });

  test('has the time and the limit of the namespace of its name', async () => {
    const clock = new FakeClock();
    const namespaces = { pages: { ttlMs: 1_000, maxEntries: 1 } };
    const pages = cacheable(Page, { name: 'pages', cache: new ResponseCache({ namespaces, clock }) });
    await pages.set(1, page);
    await pages.set(2, page);
    expect([await pages.get(1), await pages.get(2)]).toEqual([undefined, page]);
    await clock.advance(1_000);
    expect(await pages.get(2)).toBeUndefined();
  });

  test.each([
    ['schema', () => cacheable({} as never, { name: 'x' })],
    ['name', () => cacheable(Page, { name: '' })],
    ['ttlMs', () => cacheable(Page, { name: 'x', ttlMs: 0 })],
    ['cache', () => cacheable(Page, { name: 'x', cache: {} as never })],
    ['ttl', () => cacheable(Page, { name: 'x', ttl: 5 } as never)],
  ])('refuses an invalid argument and names it: %s', (field, build) => {
    expect(build).toThrow(InvalidArgumentError);
    expect(build).toThrow(field);
  });
});

describe('a schema with a time', () => {
  test.each([
    ['applies to the answers of agents that have it as output', undefined, undefined, 600_000],
    ['gives way to the time of the agent', { ttlMs: 5_000 }, undefined, 5_000],
    ['gives way to the time of the call', { ttlMs: 5_000 }, { ttlMs: 7_000 }, 7_000],
  ])('the time of a schema %s', async (_, ofAgent, ofCall, expected) => {
    const clock = new FakeClock();
    const Rating = z.object({ stars: z.number() });
    cacheable(Rating, { name: 'ratings', ttlMs: 600_000 });
    let runs = 0;
    const run = () => JSON.stringify({ stars: ++runs });
    const orchestrator = new AsyncOrchestrator({
      agents: [{ name: 'rate', run, output: Rating, ...(ofAgent && { cache: ofAgent }) }],
      cache: true,
      clock,
    });
    const stars = async () =>
      (await orchestrator.execute('rate', 'x', ofCall && { cache: ofCall })).data as { stars: number };
    expect(await stars()).toEqual({ stars: 1 });
    await clock.advance(expected - 1);
    expect(await stars()).toEqual({ stars: 1 });
    await clock.advance(1);
    expect(await stars()).toEqual({ stars: 2 });
    await orchestrator.close();
  });
});

describe('ResponseCache.getAs', () => {
  const request = { agent: 'reader', task: 'Read intro' };

  test.each([
    ['its data', { output: 'See data.', data: page }],
    ['its text as JSON where there is no data', { output: JSON.stringify(page) }],
  ])('validates %s and says where the answer came from', async (_, answer) => {
    const cache = new ResponseCache();
    await cache.set(request, { ...answer, costUsd: 0.5 });
    const hit = await cache.getAs(request, Page);
    expect(hit).toMatchObject({ data: page, tier: 'memory', hits: 1, costUsd: 0.5 });
    hit?.data.tags.push('changed');
    expect((await cache.getAs(request, Page))?.data).toEqual(page);
  });

  test('an answer that is no such value is a miss and is removed', async () => {
    const cache = new ResponseCache();
    await cache.set(request, { output: 'no JSON' });
    expect(await cache.getAs(request, Page)).toBeUndefined();
    expect(await cache.get(request)).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 2, savedUsd: 0 });
  });

  test('a reader can ask for a younger answer', async () => {
    const clock = new FakeClock();
    const cache = new ResponseCache({ clock });
    await cache.set(request, { output: JSON.stringify(page) });
    await clock.advance(100);
    expect(await cache.getAs(request, Page, { maxAgeMs: 99 })).toBeUndefined();
    expect((await cache.getAs(request, Page, { maxAgeMs: 100 }))?.ageMs).toBe(100);
  });

  test('finds nothing for an excluded agent and in a cache that is off', async () => {
    const cache = new ResponseCache({ excludeAgents: ['live-*'] });
    expect(await cache.getAs({ agent: 'live-1', task: 'x' }, Page)).toBeUndefined();
    cache.enabled = false;
    expect(await cache.getAs(request, Page)).toBeUndefined();
    expect((await cache.stats()).misses).toBe(0);
  });
});

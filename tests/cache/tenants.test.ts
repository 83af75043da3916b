// Covers: src/cache/tenant.ts, src/cache/tiers/selector.ts, src/calls/cached/call-request.ts
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import Keyv from 'keyv';
import { defineAgent } from '../../src/agents/define-agent.js';
import type { ResponseCacheOptions } from '../../src/cache/cache-options.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const secret = 'a secret of enough bytes';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-tenants-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PLACES: Array<[string, () => ResponseCacheOptions]> = [
  ['in memory', () => ({})],
  ['on disk', () => ({ directory: folder, secret, maxMemoryBytes: 1 })],
  ['in a store', () => ({ store: new Keyv(), secret, maxMemoryBytes: 1 })],
];

describe.each(PLACES)('tenants %s', (_, where) => {
  const ask = (task: string, agent = 'expert') => ({ agent, task });

  /** Answers of two tenants and of none, all in one cache whose own tenant is `acme`. */
  async function filled() {
    const clock = new FakeClock();
    const cache = new ResponseCache({ ...where(), tenant: 'acme', clock });
    for (const tenant of ['acme', 'other']) {
      for (const agent of ['live-a', 'live-b', 'slow']) {
        await cache.set({ ...ask('t', agent), tenant }, { output: `${tenant} ${agent}` }, { tags: ['docs'] });
      }
    }
    await cache.flush();
    await clock.advance(1);
    const left = async () => {
      const found: string[] = [];
      for (const tenant of ['acme', 'other']) {
        for (const agent of ['live-a', 'live-b', 'slow']) {
          const hit = await cache.get({ ...ask('t', agent), tenant });
          if (hit !== undefined) found.push(hit.output);
        }
      }
      return found;
    };
    return { cache, left };
  }
  const OTHERS = ['other live-a', 'other live-b', 'other slow'];

  test('clear takes the own ones only', async () => {
    const { cache, left } = await filled();
    expect(await cache.clear()).toBe(3);
    expect(await left()).toEqual(OTHERS);
    expect(await cache.clear({ allTenants: true })).toBe(3);
    expect(await left()).toEqual([]);
    await cache.close();
  });

  test('deleteTenant takes those of the tenant, and of no other whose name begins so', async () => {
    const { cache, left } = await filled();
    await cache.set({ ...ask('t'), tenant: 'other-two' }, { output: 'two' });
    expect(await cache.deleteTenant('other')).toBe(3);
    expect(await left()).toEqual(['acme live-a', 'acme live-b', 'acme slow']);
    expect((await cache.get({ ...ask('t'), tenant: 'other-two' }))?.output).toBe('two');
    await cache.close();
  });

  test('deletions by agent, tag and pattern take the own ones only', async () => {
    const { cache, left } = await filled();
    expect(await cache.deletePattern('live-*')).toBe(2);
    expect(await left()).toEqual(['acme slow', ...OTHERS]);
    expect(await cache.deleteAgent('slow')).toBe(1);
    expect(await left()).toEqual(OTHERS);
    expect(await cache.deleteByTag('docs')).toBe(0);
    expect(await left()).toEqual(OTHERS);
    await cache.close();
  });

  test('a pattern names agents as a whole', async () => {
    const cache = new ResponseCache(where());
    for (const agent of ['live-a', 'alive-a', 'live', 'live_a'])
      await cache.set(ask('t', agent), { output: agent });
    expect(await cache.deletePattern('live-?')).toBe(1);
    expect(await cache.deletePattern('live')).toBe(1);
    expect(await cache.deletePattern('*live*')).toBe(2);
    for (const pattern of ['', 5 as unknown as string]) {
      await expect(cache.deletePattern(pattern)).rejects.toMatchObject({ field: 'pattern' });
    }
    await expect(cache.deleteTenant('')).rejects.toMatchObject({ field: 'tenant' });
    await cache.close();
  });

  test('a tag that would pass for a tenant is refused', async () => {
    const cache = new ResponseCache(where());
    const tags = ['tutti:tenant:acme'];
    await expect(cache.set(ask('t'), { output: 'x' }, { tags })).rejects.toMatchObject({ field: 'tags' });
    await cache.close();
  });

  test('calls of an orchestrator are stored as their tenant’s', async () => {
    const cache = new ResponseCache(where());
    const orchestrator = new AsyncOrchestrator({ agents: { a: () => 'x' }, cache });
    for (const tenant of ['one', 'two']) await orchestrator.execute('a', 'q', { tenant });
    await cache.flush();
    expect(await cache.deleteTenant('one')).toBe(1);
    expect((await orchestrator.execute('a', 'q', { tenant: 'one' })).cached).toBe(false);
    expect((await orchestrator.execute('a', 'q', { tenant: 'two' })).cached).not.toBe(false);
    await orchestrator.close();
    await cache.close();
  });
});

describe('cacheRequest', () => {
  test.each([
    ['a function', (_: string) => 'answer', undefined],
    [
      'an agent with model, parameters, version and instructions',
      defineAgent({
        name: 'a',
        run: () => 'answer',
        model: 'm-1',
        params: { temperature: 0 },
        version: '2',
        instructions: 'Be brief.',
      }),
      undefined,
    ],
    [
      'a call with model, parameters and tenant of its own',
      defineAgent({ name: 'a', run: () => 'answer', model: 'm-1', params: { temperature: 0, top: 1 } }),
      { model: 'm-2', params: { temperature: 1 }, tenant: 'acme' },
    ],
  ])('reaches what execute stored, and execute what it stores: %s', async (_, agent, options) => {
    const cache = new ResponseCache();
    await using orchestrator = new AsyncOrchestrator({
      agents: { a: agent as never },
      cache,
      tenant: 'general',
    });
    await orchestrator.execute('a', 'q', options);
    const request = orchestrator.cacheRequest('a', 'q', options);
    expect((await cache.get(request))?.output).toBe('answer');
    expect(await cache.delete(request)).toBe(true);
    expect((await orchestrator.execute('a', 'q', options)).cached).toBe(false);
    await cache.set(orchestrator.cacheRequest('a', 'other', options), { output: 'given' });
    expect(await orchestrator.execute('a', 'other', options)).toMatchObject({
      output: 'given',
      cached: 'memory',
    });
    expect(orchestrator.stats().inFlight).toBe(0);
    await cache.close();
  });

  test('refuses what execute refuses', () => {
    const orchestrator = new AsyncOrchestrator({ agents: { a: () => 'x' } });
    expect(() => orchestrator.cacheRequest('b' as 'a', 'q')).toThrow(
      expect.objectContaining({ code: 'TUTTI_UNKNOWN_AGENT' }),
    );
    expect(() => orchestrator.cacheRequest('a', '')).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT' }),
    );
    expect(() => orchestrator.cacheRequest('a', 'q', { timeoutMs: -1 })).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT' }),
    );
  });
});

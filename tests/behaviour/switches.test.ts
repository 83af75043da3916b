import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { startModelServer } from '../../src/testing/model-server/model-server.js';
import { systemClock } from '../../src/time/clock.js';

const secret = 'a secret of enough bytes';
const failing = (): string => {
  throw Object.assign(new Error('busy'), { status: 503 });
};

let folder: string;
const opened: Array<{ close(): Promise<void> }> = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-switches-'));
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

function keep<T extends { close(): Promise<void> }>(one: T): T {
  opened.push(one);
  return one;
}

describe('each feature', () => {
  test.each([
    ['enabled: false', { enabled: false }, undefined],
    ['excludeAgents', { excludeAgents: ['count'] }, undefined],
    ['cache: false for the call', {}, false],
  ] as const)('is turned off again: the cache, with %s', async (_, options, ofCall) => {
    const cache = keep(new ResponseCache({ directory: join(folder, 'cache'), secret, ...options }));
    const count = jest.fn(() => 'x');
    const orchestrator = keep(new AsyncOrchestrator({ agents: { count }, cache }));
    const ask = () => orchestrator.execute('count', 'a', ofCall === undefined ? {} : { cache: ofCall });
    expect([(await ask()).cached, (await ask()).cached]).toEqual([false, false]);
    expect(count).toHaveBeenCalledTimes(2);
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 0, sets: 0 });
  });

  test('is turned off again: the cache while it runs, and on', async () => {
    const cache = keep(new ResponseCache());
    const orchestrator = keep(new AsyncOrchestrator({ agents: { count: () => 'x' }, cache }));
    const ask = async () => (await orchestrator.execute('count', 'a')).cached;
    expect([await ask(), await ask()]).toEqual([false, 'memory']);
    cache.enabled = false;
    expect(await ask()).toBe(false);
    cache.enabled = true;
    expect(await ask()).toBe('memory');
  });

  test('is turned off again: the disk, which a switched off cache does not open', async () => {
    const directory = join(folder, 'cache');
    const cache = keep(new ResponseCache({ directory, secret, enabled: false }));
    await cache.set({ agent: 'a', task: 'x' }, { output: 'y' });
    await cache.flush();
    expect(existsSync(directory)).toBe(false);
  });

  test('is turned off again: stale answers', async () => {
    let nowMs = Date.UTC(2026, 0, 1);
    const clock = { ...systemClock, epochMs: () => nowMs, now: () => nowMs };
    const cache = keep(new ResponseCache({ ttlMs: 100, staleWhileRevalidateMs: 0, clock }));
    await cache.set({ agent: 'a', task: 'x' }, { output: 'y' });
    nowMs += 100;
    expect(await cache.get({ agent: 'a', task: 'x' })).toBeUndefined();
  });

  test('is turned off again: limits, breaker, hedge, fairness, tenants and budgets', async () => {
    const off = {
      limits: undefined,
      breaker: undefined,
      hedge: undefined,
      fairness: undefined,
      tenants: undefined,
      budget: undefined,
    };
    const orchestrator = keep(new AsyncOrchestrator({ agents: { failing }, maxRetries: 0, ...off }));
    for (let count = 0; count < 20; count += 1) {
      await expect(orchestrator.execute('failing', 'x', { tenant: 't' })).rejects.toThrow('busy');
    }
    expect(orchestrator.stats()).toMatchObject({ lanes: {}, budget: undefined });
  });

  test('is turned off again: retries, fallbacks and hooks', async () => {
    const agent = { name: 'failing', run: failing, fallbacks: [] };
    const options = { hooks: undefined, maxRetries: 0, deadlineMs: undefined };
    const orchestrator = keep(new AsyncOrchestrator({ agents: [agent], ...options }));
    const [outcome] = await orchestrator.executeMultiple([['failing', 'x']]);
    expect(outcome).toMatchObject({ success: false, attempts: 1 });
  });

  test('is turned off again: prompt caching and repairs', async () => {
    const server = keep(await startModelServer(() => ({ text: 'no JSON' })));
    const expert = anthropic({
      model: 'claude-haiku-4-5',
      apiKey: 'k',
      baseURL: server.url,
      instructions: 'Be brief. '.repeat(5_000),
      output: z.object({ stars: z.number() }),
      promptCache: false,
      repairs: 0,
    });
    const orchestrator = keep(new AsyncOrchestrator({ agents: { expert } }));
    await expect(orchestrator.execute('expert', 'x')).rejects.toMatchObject({ code: 'TUTTI_OUTPUT_INVALID' });
    expect(server.requests).toHaveLength(1);
    expect(JSON.stringify(server.requests[0]?.body)).not.toContain('cache_control');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import { defineAgent } from '../../src/agents/define-agent.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import type { KeyvLike } from '../../src/cache/tiers/keyv-tier.js';
import type { CallOptions } from '../../src/contracts/call.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { HeldAgent, rejection, textOf, turn } from './held-agent.js';

const SECRET = 'a secret of these tests';
const opened: Array<{ close(): Promise<void> }> = [];

function open(options: AsyncOrchestratorOptions<AgentsInput>): AsyncOrchestrator<AgentsInput> {
  const orchestrator = new AsyncOrchestrator<AgentsInput>({ cache: true, ...options });
  opened.push(orchestrator);
  return orchestrator;
}

function openCache(options: ConstructorParameters<typeof ResponseCache>[0] = {}): ResponseCache {
  const cache = new ResponseCache(options);
  opened.push(cache);
  return cache;
}

afterEach(async () => {
  // Last opened, first closed: an orchestrator before the cache that it was given.
  for (const one of opened.splice(0).reverse()) await one.close();
});

/** An agent that says how often it was run. */
function numbering(): (task: string) => string {
  let runs = 0;
  return (task) => {
    runs += 1;
    return `${task} ${runs}`;
  };
}

const say = async (orchestrator: AsyncOrchestrator<AgentsInput>, options?: CallOptions, task = 'run') =>
  (await orchestrator.execute('agent', task, options)).output;

/** A store that counts what is asked of it, and can be broken. */
class CountingStore implements KeyvLike {
  operations = 0;
  fault: (() => Promise<never>) | undefined = undefined;
  readonly #values = new Map<string, unknown>();

  async get(key: string): Promise<unknown> {
    return await this.#operate(() => this.#values.get(key));
  }

  async set(key: string, value: unknown): Promise<boolean> {
    return await this.#operate(() => {
      this.#values.set(key, value);
      return true;
    });
  }

  async delete(key: string): Promise<boolean> {
    return await this.#operate(() => this.#values.delete(key));
  }

  async #operate<T>(operation: () => T): Promise<T> {
    this.operations += 1;
    await this.fault?.();
    return operation();
  }
}

describe('the call option `cache`', () => {
  test('false neither reads nor writes nor shares', async () => {
    const store = new CountingStore();
    const orchestrator = open({ agents: { agent: numbering() }, cache: { store, secret: SECRET } });
    expect(await say(orchestrator, { cache: false })).toBe('run 1');
    expect(await Promise.all([1, 2].map(() => say(orchestrator, { cache: false })))).toEqual([
      'run 2',
      'run 3',
    ]);
    expect(store.operations).toBe(0);
    expect(await say(orchestrator)).toBe('run 4');
    expect(await say(orchestrator, { cache: false })).toBe('run 5');
    expect(await say(orchestrator)).toBe('run 4');
  });

  test("'refresh' computes anew and stores, once for all who ask for it", async () => {
    const orchestrator = open({ agents: { agent: numbering() } });
    expect(await say(orchestrator)).toBe('run 1');
    const refreshed = await Promise.all([1, 2, 3].map(() => say(orchestrator, { cache: 'refresh' })));
    expect(refreshed).toEqual(['run 2', 'run 2', 'run 2']);
    expect(await say(orchestrator)).toBe('run 2');
  });

  test("a call that may take what is stored does not wait for a 'refresh', one that finds nothing does", async () => {
    const agent = new HeldAgent();
    const orchestrator = open({ agents: { agent: agent.run } });
    const first = say(orchestrator);
    await turn();
    agent.at(0).answer('old');
    await first;
    const refresh = say(orchestrator, { cache: 'refresh' });
    expect(await say(orchestrator)).toBe('old');
    const otherRefresh = say(orchestrator, { cache: 'refresh' }, 'other');
    const other = say(orchestrator, {}, 'other');
    await turn();
    expect(agent.runs).toHaveLength(3);
    agent.at(1).answer('new');
    agent.at(2).answer('other');
    expect(await Promise.all([refresh, otherRefresh, other])).toEqual(['new', 'other', 'other']);
  });

  test('work that began before a refresh does not replace what the refresh found', async () => {
    const agent = new HeldAgent();
    const orchestrator = open({ agents: { agent: agent.run } });
    const slow = say(orchestrator);
    const refresh = say(orchestrator, { cache: 'refresh' });
    await turn();
    agent.at(1).answer('new');
    expect(await refresh).toBe('new');
    agent.at(0).answer('old');
    expect(await slow).toBe('old');
    expect(await say(orchestrator)).toBe('new');
  });

  test('ttlMs says how long this answer stays fresh', async () => {
    const clock = new FakeClock();
    const orchestrator = open({ agents: { agent: numbering() }, clock });
    await say(orchestrator, { cache: { ttlMs: 100 } });
    await clock.advance(99);
    expect(await say(orchestrator)).toBe('run 1');
    await clock.advance(1);
    expect(await say(orchestrator)).toBe('run 2');
  });

  test('tags label this answer for deleting', async () => {
    const cache = openCache();
    const orchestrator = open({ agents: { agent: numbering() }, cache });
    await say(orchestrator, { cache: { tags: ['docs', 'v1'] } });
    await say(orchestrator, {}, 'untagged');
    expect(await cache.deleteByTag('docs')).toBe(1);
    expect(await say(orchestrator)).toBe('run 3');
    expect(await say(orchestrator, {}, 'untagged')).toBe('untagged 2');
    expect(await cache.deleteAgent('agent')).toBe(2);
    expect(await say(orchestrator)).toBe('run 4');
  });

  test("lies over the run's, which lies over the agent's", async () => {
    const clock = new FakeClock();
    const cache = openCache({ clock });
    const agent = defineAgent({ name: 'agent', run: numbering(), cache: { ttlMs: 100, tags: ['agents'] } });
    const orchestrator = open({ agents: [agent], cache, clock });
    await say(orchestrator);
    await say(orchestrator, { cache: { ttlMs: 1_000 } }, 'longer');
    await say(orchestrator, { cache: { tags: ['own'] } }, 'tagged');
    await clock.advance(100);
    expect(await cache.get({ agent: 'agent', task: 'run' })).toBeUndefined();
    expect(await cache.get({ agent: 'agent', task: 'tagged' })).toBeUndefined();
    expect(await cache.get({ agent: 'agent', task: 'longer' })).toBeDefined();
    // The agent's tags still hold where the call says nothing of tags.
    expect(await cache.deleteByTag('agents')).toBe(1);
    const outcomes = await orchestrator.executeMultiple(
      [['agent', 'a'], ['agent', 'a'], { agent: 'agent', task: 'b', cache: { ttlMs: 5 } }],
      { cache: false },
    );
    expect(outcomes.map((outcome) => outcome.success && outcome.cached)).toEqual([false, false, false]);
    expect((await cache.stats()).entries).toBe(1);
  });

  test.each([
    [{ cache: true }, /cache: expected false, 'refresh' or \{ ttlMs, tags, replay \}; got true/],
    [{ cache: 'force' }, /cache: expected false, 'refresh'/],
    [{ cache: { ttlMs: 0 } }, /ttlMs: expected milliseconds above 0/],
    [{ cache: { ttl: 5 } }, /ttlMs/],
    [{ cache: { tags: 'docs' } }, /tags: expected a list/],
  ])('%j is refused with what it should be', async (options, message) => {
    const orchestrator = open({ agents: { agent: numbering() } });
    const error = await rejection(orchestrator.execute('agent', 'run', options as CallOptions));
    expect(error.code).toBe('TUTTI_INVALID_ARGUMENT');
    expect(error.message).toMatch(message);
  });
});

describe('agents that are not cached', () => {
  const exclusions: Array<[string, string | RegExp | ((agent: string) => boolean)]> = [
    ['by name', 'live-agent'],
    ['by name with *', 'live-*'],
    ['by pattern', /^live-/],
    ['by pattern with flags', /^LIVE-/gi],
    ['by function', (agent) => agent.startsWith('live')],
  ];
  test.each(exclusions)('%s cause no call of the store, and are not counted', async (_, exclusion) => {
    const store = new CountingStore();
    const cache = openCache({ store, secret: SECRET, excludeAgents: [exclusion] });
    const orchestrator = open({ agents: { 'live-agent': numbering(), agent: numbering() }, cache });
    for (const expected of ['run 1', 'run 2', 'run 3']) {
      expect(await orchestrator.execute('live-agent', 'run')).toMatchObject({
        output: expected,
        cached: false,
      });
    }
    await orchestrator.execute('live-agent', 'run', { cache: 'refresh' });
    await orchestrator.executeMultiple([
      ['live-agent', 'run'],
      ['live-agent', 'run'],
    ]);
    await textOf(orchestrator.stream('live-agent', 'run', { cache: { tags: ['a'] } }));
    await cache.flush();
    expect(store.operations).toBe(0);
    expect(await cache.stats()).toMatchObject({ hits: 0, misses: 0, sets: 0, sharedFlights: 0, byAgent: {} });
    await say(orchestrator);
    await cache.flush();
    expect(store.operations).toBeGreaterThan(0);
    expect(await say(orchestrator)).toBe('run 1');
  });

  test('by their definition, unless the call says otherwise', async () => {
    const store = new CountingStore();
    const agent = defineAgent({ name: 'agent', run: numbering(), cache: false });
    const orchestrator = open({ agents: [agent], cache: { store, secret: SECRET } });
    expect([await say(orchestrator), await say(orchestrator)]).toEqual(['run 1', 'run 2']);
    expect(store.operations).toBe(0);
    expect(await say(orchestrator, { cache: { ttlMs: 1_000 } })).toBe('run 3');
    expect(await say(orchestrator, { cache: {} })).toBe('run 3');
    expect(await say(orchestrator)).toBe('run 4');
  });

  test('by a function that throws go past the cache, which is logged', async () => {
    const errors: unknown[] = [];
    const silent = (): void => {};
    const logger = {
      debug: silent,
      info: silent,
      warn: silent,
      error: (facts: unknown) => errors.push(facts),
    };
    const orchestrator = open({
      agents: { agent: numbering() },
      cache: {
        excludeAgents: [
          () => {
            throw new Error('broken rule');
          },
        ],
      },
      logger,
    });
    expect([await say(orchestrator), await say(orchestrator)]).toEqual(['run 1', 'run 2']);
    expect((await orchestrator.executeMultiple([['agent', 'run']]))[0]).toMatchObject({ success: true });
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, succeeded: 3 });
    expect(errors).toHaveLength(3);
    expect(errors[0]).toMatchObject({ agent: 'agent', error: { message: 'broken rule' } });
  });
});

describe("the orchestrator's option `cache`", () => {
  test('is off unless it is set', async () => {
    for (const cache of [undefined, false]) {
      const orchestrator = open({ agents: { agent: numbering() }, cache });
      expect([await say(orchestrator), await say(orchestrator)]).toEqual(['run 1', 'run 2']);
    }
  });

  test('true keeps answers in memory, for this orchestrator alone', async () => {
    const agent = numbering();
    const one = open({ agents: { agent }, cache: true });
    const other = open({ agents: { agent }, cache: true });
    expect([await say(one), await say(one), await say(other)]).toEqual(['run 1', 'run 1', 'run 2']);
  });

  test("takes the cache's own options and checks them", async () => {
    const orchestrator = open({ agents: { agent: numbering() }, cache: { maxEntries: 1 } });
    await say(orchestrator);
    await say(orchestrator, {}, 'other');
    expect(await say(orchestrator)).toBe('run 3');
    expect(() => open({ cache: { ttl: 5 } as never })).toThrow(/ttl.*ttlMs/s);
  });

  test.each([['disk'], [5], [null], [['.tutti']]])('refuses %j with what it should be', (cache) => {
    expect(() => open({ cache: cache as never })).toThrow(/cache: expected true, false, options of a cache/);
  });

  test('takes a cache that several share, and leaves it open', async () => {
    const cache = openCache();
    const agent = numbering();
    const one = open({ agents: { agent }, cache });
    const other = open({ agents: { agent }, cache });
    expect([await say(one), await say(other)]).toEqual(['run 1', 'run 1']);
    await one.close();
    expect(await say(other)).toBe('run 1');
    await other.close();
    expect(await cache.get({ agent: 'agent', task: 'run' })).toMatchObject({ output: 'run 1' });
  });

  test('closes a cache of its own with it, and flushes one that was given', async () => {
    const store = new CountingStore();
    const own = open({ agents: { agent: numbering() }, cache: { store, secret: SECRET } });
    await say(own);
    await own.close();
    const given = openCache({ store, secret: SECRET });
    const next = open({ agents: { agent: numbering() }, cache: given });
    expect(await next.execute('agent', 'run')).toMatchObject({ output: 'run 1', cached: 'disk' });
    expect(await next.execute('agent', 'run')).toMatchObject({ output: 'run 1', cached: 'memory' });
    await say(next, {}, 'second');
    await next.close();
    const reader = openCache({ store, secret: SECRET });
    expect(await reader.get({ agent: 'agent', task: 'second' })).toMatchObject({
      output: 'second 1',
      tier: 'disk',
    });
  });

  test('goes on without a cache that its owner closed or switched off', async () => {
    const cache = openCache();
    const orchestrator = open({ agents: { agent: numbering() }, cache });
    expect([await say(orchestrator), await say(orchestrator)]).toEqual(['run 1', 'run 1']);
    cache.enabled = false;
    expect(await say(orchestrator)).toBe('run 2');
    cache.enabled = true;
    expect(await say(orchestrator)).toBe('run 1');
    await cache.close();
    expect(await say(orchestrator)).toBe('run 3');
    await orchestrator.close();
  });

  test('puts answers away under the way they were paid for: hits say what they saved', async () => {
    const cache = openCache();
    const orchestrator = open({
      agents: { agent: () => ({ output: 'x', costUsd: 0.5, usage: { inputTokens: 9, outputTokens: 1 } }) },
      cache,
    });
    await Promise.all([1, 2, 3].map(() => say(orchestrator)));
    await say(orchestrator);
    expect(await cache.stats()).toMatchObject({
      misses: 1,
      hits: 1,
      sharedFlights: 2,
      savedUsd: 0.5,
      savedTokens: 10,
      byAgent: { agent: { hits: 1, misses: 1, sets: 1 } },
    });
  });
});

describe('a broken cache fails no call', () => {
  test('whose folder cannot be made', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tutti-cache-option-'));
    await writeFile(join(folder, 'file'), 'not a folder');
    const warnings: unknown[] = [];
    const silent = (): void => {};
    const logger = {
      debug: silent,
      info: silent,
      error: silent,
      warn: (facts: unknown) => warnings.push(facts),
    };
    const orchestrator = open({
      agents: { agent: numbering() },
      cache: { directory: join(folder, 'file', 'cache'), secret: SECRET },
      logger,
    });
    expect(await orchestrator.execute('agent', 'run')).toMatchObject({ output: 'run 1', cached: false });
    expect(await orchestrator.execute('agent', 'run')).toMatchObject({ output: 'run 1', cached: 'memory' });
    expect(await textOf(orchestrator.stream('agent', 'run'))).toBe('run 1');
    const outcomes = await orchestrator.executeMultiple(
      Array.from({ length: 20 }, (_, n) => ['agent', `${n}`] as const),
    );
    expect(outcomes.every(({ success }) => success)).toBe(true);
    await orchestrator.close();
    expect(warnings.length).toBeGreaterThan(0);
    await rm(folder, { recursive: true });
  });

  test.each([
    ['rejects', () => Promise.reject(new Error('store is down'))],
    [
      'throws',
      () => {
        throw new Error('store is broken');
      },
    ],
  ])('whose store %s', async (_, fault) => {
    const store = new CountingStore();
    store.fault = fault;
    const orchestrator = open({ agents: { agent: numbering() }, cache: { store, secret: SECRET } });
    expect([await say(orchestrator), await say(orchestrator)]).toEqual(['run 1', 'run 1']);
    expect(await say(orchestrator, { cache: 'refresh' })).toBe('run 2');
    expect(orchestrator.stats()).toMatchObject({ succeeded: 3, failed: 0 });
  });

  test('whose store hangs: a call waits for it no longer than a moment, or than its own deadline', async () => {
    const clock = new FakeClock();
    const store = new CountingStore();
    store.fault = () => new Promise(() => {});
    const orchestrator = open({ agents: { agent: numbering() }, cache: { store, secret: SECRET }, clock });
    const impatient = rejection(orchestrator.execute('agent', 'run', { deadlineMs: 10 }));
    const patient = say(orchestrator, {}, 'patient');
    const run = orchestrator.executeMultiple([['agent', 'of a run']]);
    await clock.advance(10);
    expect(await impatient).toMatchObject({ scope: 'deadline', timeoutMs: 10, attempt: 0 });
    await clock.advance(5_000);
    expect(await patient).toBe('patient 1');
    expect((await run)[0]).toMatchObject({ success: true });
    const closing = orchestrator.close();
    await clock.advance(120_000);
    await closing;
    expect(clock.pendingTimers).toBe(0);
  });

  test('whose answers come from a slow store, which holds nothing up meanwhile', async () => {
    const store = new CountingStore();
    const filled = open({ agents: { agent: numbering() }, cache: { store, secret: SECRET } });
    for (const task of ['a', 'b', 'c', 'd']) await say(filled, {}, task);
    await filled.close();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    store.fault = () => held as Promise<never>;
    const orchestrator = open({
      agents: { agent: numbering() },
      cache: { store, secret: SECRET },
      maxConcurrent: 1,
    });
    const run = orchestrator.executeMultiple(
      ['a', 'b', 'c', 'd', 'a'].map((task) => ['agent', task] as const),
    );
    await turn(5);
    // Waiting for the cache takes no permit; a run reads at most twice its permits ahead.
    expect(orchestrator.stats()).toMatchObject({ inFlight: 2, running: 0 });
    const uncached = say(orchestrator, { cache: false }, 'past it');
    expect(await uncached).toBe('past it 1');
    release();
    expect((await run).map((outcome) => outcome.success && outcome.output)).toEqual([
      'a 1',
      'b 2',
      'c 3',
      'd 4',
      'a 1',
    ]);
    expect(orchestrator.stats().attempts).toBe(1);
  });

  test('that is asked by a call which is cancelled meanwhile', async () => {
    const store = new CountingStore();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    store.fault = () => held as Promise<never>;
    const agent = new HeldAgent();
    const orchestrator = open({ agents: { agent: agent.run }, cache: { store, secret: SECRET } });
    const controller = new AbortController();
    const left = rejection(orchestrator.execute('agent', 'q', { signal: controller.signal }));
    await turn();
    controller.abort();
    expect(await left).toMatchObject({ code: 'TUTTI_CANCELLED', attempt: 0 });
    release();
    await turn();
    expect(agent.runs).toHaveLength(0);
    expect(orchestrator.stats().inFlight).toBe(0);
  });
});

// Covers: src/calls/cached/call-request.ts
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { AgentsInput } from '../../../src/agents/agent-registry.js';
import { defineAgent } from '../../../src/agents/define-agent.js';
import { ResponseCache } from '../../../src/cache/response-cache.js';
import type { AgentReplyObject } from '../../../src/contracts/reply.js';
import type { FinishReason } from '../../../src/contracts/usage.js';
import type { AsyncOrchestrator } from '../../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { eventsOf, HeldAgent, httpError, rejection, textOf, turn } from '../../behaviour/held-agent.js';
import { openingOrchestrators } from '../../behaviour/opened-orchestrators.js';

const open = openingOrchestrators({ keepsTimers: true });

/** An agent that answers at once and counts. */
function counting(reply: string | AgentReplyObject = 'answer'): {
  runs: number;
  run: () => string | AgentReplyObject;
} {
  const agent = {
    runs: 0,
    run: () => {
      agent.runs += 1;
      return reply;
    },
  };
  return agent;
}

const ask = (orchestrator: AsyncOrchestrator<AgentsInput>, options?: object) =>
  orchestrator.execute('agent', 'question', options);

describe('a hit', () => {
  const full = {
    output: '{"n":1}',
    data: { n: 1 },
    usage: { inputTokens: 100, outputTokens: 20, cacheReadTokens: 5 },
    costUsd: 0.03,
    model: 'deep-thought',
    finishReason: 'stop' as FinishReason,
  };
  const replies: Array<[string, string | AgentReplyObject, object | undefined]> = [
    ['of a plain text', 'text', undefined],
    ['of everything an agent can say', full, { metadata: { any: 'thing' } }],
    ['without data', { ...full, data: undefined }, { metadata: {} }],
    ['without a model', { ...full, model: undefined }, undefined],
    ['with data that is null', { ...full, data: null }, undefined],
    ['with no cost known', { ...full, costUsd: undefined }, undefined],
  ];

  test.each(replies)(
    '%s has the keys and values of the answer that was computed',
    async (_, reply, options) => {
      const agent = counting(reply);
      const { orchestrator, clock } = open({ agents: { agent: agent.run } });
      const fresh = await ask(orchestrator, options);
      await clock.advance(1_234);
      const hit = await ask(orchestrator, options);
      expect(agent.runs).toBe(1);
      expect(Object.keys(hit).sort()).toEqual(Object.keys(fresh).sort());
      expect(hit).toEqual({
        ...fresh,
        callId: hit.callId,
        cached: 'memory',
        costUsd: 0,
        savedUsd: fresh.costUsd,
        attempts: 0,
        timings: { queuedMs: 0, runMs: 0, totalMs: 0, ageMs: 1_234 },
      });
      expect(hit.callId).not.toBe(fresh.callId);
      expect(fresh).toMatchObject({ cached: false, savedUsd: undefined });
    },
  );

  test('costs nothing and holds no permit', async () => {
    const held = new HeldAgent();
    const agent = counting({ output: 'x', costUsd: 2, usage: { inputTokens: 1 } });
    const { orchestrator } = open({ agents: { agent: agent.run, held: held.run }, maxConcurrent: 1 });
    await ask(orchestrator);
    const blocking = orchestrator.execute('held', 'q');
    await turn();
    expect((await ask(orchestrator)).cached).toBe('memory');
    expect(orchestrator.stats()).toMatchObject({ attempts: 2, costUsd: 2, inputTokens: 1, running: 1 });
    held.at(0).answer('x');
    await blocking;
  });

  test('gives a copy of usage, and data that nobody can change', async () => {
    const { orchestrator } = open({ agents: { agent: counting(full).run } });
    await ask(orchestrator);
    const hit = await ask(orchestrator);
    hit.usage.inputTokens = 0;
    expect(() => Object.assign(hit.data as object, { n: 2 })).toThrow(TypeError);
    expect(await ask(orchestrator)).toMatchObject({ data: { n: 1 }, usage: { inputTokens: 100 } });
  });

  test('is reported like every call, and counted in the progress of its run', async () => {
    const { orchestrator } = open({ agents: { agent: counting(full).run } });
    await ask(orchestrator);
    const ends: unknown[] = [];
    orchestrator.on('call:end', ({ cached, costUsd, success }) => ends.push({ cached, costUsd, success }));
    const cached: number[] = [];
    await orchestrator.executeMultiple(
      [
        ['agent', 'question'],
        ['agent', 'other'],
      ],
      {
        onProgress: (progress) => cached.push(progress.cached),
      },
    );
    expect(ends).toContainEqual({ cached: 'memory', costUsd: 0, success: true });
    expect(cached.at(-1)).toBe(1);
  });

  test('is not for a call that was cancelled before it was made', async () => {
    const { orchestrator } = open({ agents: { agent: counting().run } });
    await ask(orchestrator);
    const error = await rejection(ask(orchestrator, { signal: AbortSignal.abort() }));
    expect(error.code).toBe('TUTTI_CANCELLED');
  });
});

describe('what makes a call another one', () => {
  const others: Array<[string, object]> = [
    ['another model', { model: 'other' }],
    ['another parameter', { params: { temperature: 1 } }],
    ['an unknown parameter', { params: { temperature: 0, mystery: null } }],
    ['another tenant', { tenant: 'other' }],
  ];
  test.each(others)('%s', async (_, options) => {
    const agent = counting();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    await ask(orchestrator, { model: 'm', tenant: 't', params: { temperature: 0 } });
    await ask(orchestrator, { model: 'm', tenant: 't', params: { temperature: 0 }, ...options });
    expect(agent.runs).toBe(2);
  });

  test('not: timeouts, retries, priority and metadata', async () => {
    const agent = counting();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    await ask(orchestrator);
    await ask(orchestrator, { timeoutMs: 5, deadlineMs: 5, maxRetries: 0, priority: 3, metadata: { a: 1 } });
    expect(agent.runs).toBe(1);
  });

  const base = {
    name: 'agent',
    instructions: 'Be brief.',
    version: '1',
    output: z.object({ n: z.number() }),
  };
  const changes: Array<[string, object, boolean]> = [
    ['other instructions', { instructions: 'Be long.' }, false],
    ['no instructions', { instructions: undefined }, false],
    ['another version', { version: '2' }, false],
    ['another output schema', { output: z.object({ n: z.number(), m: z.string().optional() }) }, false],
    ['other default parameters', { params: { temperature: 1 } }, false],
    ['another default model', { model: 'other' }, false],
    ['the same schema made again', { output: z.object({ n: z.number() }) }, true],
    ['another description or timeout', { description: 'It is brief.', timeoutMs: 1 }, true],
  ];
  test.each(changes)('a definition with %s', async (_, change, isSame) => {
    const agent = counting('{"n":1}');
    const cache = new ResponseCache();
    for (const definition of [base, { ...base, ...change }]) {
      const { orchestrator } = open({ agents: [defineAgent({ ...definition, run: agent.run })], cache });
      await ask(orchestrator);
    }
    expect(agent.runs).toBe(isSame ? 1 : 2);
    await cache.close();
  });

  test('a schema of another library does not stand in the way, nor does a provider', async () => {
    const any = { safeParse: (data: unknown) => ({ success: true as const, data }) };
    const provider = (name: string) => ({
      specificationVersion: 1 as const,
      name,
      generate: async () => ({ output: '"from a provider"' }),
    });
    const cache = new ResponseCache();
    const cachedBy = async (name: string): Promise<unknown> => {
      const agent = defineAgent({ name: 'agent', provider: provider(name), output: any });
      return (await ask(open({ agents: [agent], cache }).orchestrator)).cached;
    };
    expect([await cachedBy('one'), await cachedBy('one'), await cachedBy('two')]).toEqual([
      false,
      'memory',
      false,
    ]);
    await cache.close();
  });

  test("the orchestrator's tenant, and the cache's own", async () => {
    const agent = counting();
    const cache = new ResponseCache({ tenant: 'house' });
    const agents = { agent: agent.run };
    for (const tenant of [undefined, 'house', 'guest']) {
      await ask(open({ agents, cache, tenant }).orchestrator);
    }
    expect(agent.runs).toBe(2);
    await ask(open({ agents, cache, tenant: 'guest' }).orchestrator, { tenant: 'house' });
    expect(agent.runs).toBe(2);
    await cache.close();
  });

  test('a plain function has no definition: the cache finds by name and task what its orchestrator stored', async () => {
    const cache = new ResponseCache();
    const { orchestrator } = open({ agents: { agent: counting('stored').run }, cache });
    await ask(orchestrator);
    expect(await cache.get({ agent: 'agent', task: 'question' })).toMatchObject({ output: 'stored' });
    await cache.set({ agent: 'agent', task: 'put there by hand' }, { output: 'by hand' });
    expect((await orchestrator.execute('agent', 'put there by hand')).output).toBe('by hand');
    await cache.close();
  });

  test('parameters that JSON cannot say are refused, with a way out', async () => {
    const agent = counting();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const params = { when: new Date(0), deep: { fine: 1 } };
    const error = await rejection(ask(orchestrator, { params }));
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field: 'params.when' });
    expect(error.message).toMatch(/^params\.when: expected a JSON value .*got an instance of Date/);
    expect(error.message).toContain('`cache: false`');
    expect(error.details).toMatchObject({ field: 'params.when' });
    expect(agent.runs).toBe(0);
    const [inRun, other] = await orchestrator.executeMultiple([
      { agent: 'agent', task: 'question', params },
      ['agent', 'question'],
    ]);
    expect([inRun?.success, other?.success]).toEqual([false, true]);
    expect((await rejection(textOf(orchestrator.stream('agent', 'question', { params })))).field).toBe(
      'params.when',
    );
    expect((await ask(orchestrator, { params, cache: false })).output).toBe('answer');
  });
});

describe('answers that are not worth repeating are not stored', () => {
  const replies: Array<[string, () => AgentReplyObject | string]> = [
    ['an empty one', () => ''],
    ['nothing but space', () => ' \n'],
    ...(['length', 'content-filter', 'refusal', 'error', 'tool-calls'] as const).map(
      (finishReason): [string, () => AgentReplyObject] => [
        `one that ended with ${finishReason}`,
        () => ({ output: 'so far', finishReason }),
      ],
    ),
    ['one whose data JSON cannot say', () => ({ output: 'x', data: new Map() })],
  ];
  test.each(replies)('%s', async (_, reply) => {
    let runs = 0;
    const cache = new ResponseCache();
    const { orchestrator } = open({
      agents: {
        agent: () => {
          runs += 1;
          return reply();
        },
      },
      cache,
    });
    for (let call = 0; call < 2; call += 1)
      expect(await ask(orchestrator)).toMatchObject({ success: true, cached: false });
    expect(runs).toBe(2);
    expect((await cache.stats()).entries).toBe(0);
    await cache.close();
  });

  test('a failed one', async () => {
    let runs = 0;
    const { orchestrator } = open({
      agents: {
        agent: () => {
          runs += 1;
          if (runs === 1) throw httpError(400);
          return 'now it works';
        },
      },
    });
    expect((await rejection(ask(orchestrator))).status).toBe(400);
    expect((await ask(orchestrator)).output).toBe('now it works');
  });

  test('one that does not fit its schema', async () => {
    const outputs = ['{"n":"no"}', '{"n":1}'];
    const { orchestrator } = open({
      agents: [
        defineAgent({ name: 'agent', output: z.object({ n: z.number() }), run: () => outputs.shift() ?? '' }),
      ],
    });
    expect((await rejection(ask(orchestrator))).code).toBe('TUTTI_OUTPUT_INVALID');
    expect((await ask(orchestrator)).data).toEqual({ n: 1 });
    expect(await ask(orchestrator)).toMatchObject({ cached: 'memory', data: { n: 1 } });
  });
});

describe('invalidation', () => {
  test('by key while the call runs: its answer is given, not stored, and newcomers start anew', async () => {
    const agent = new HeldAgent();
    const cache = new ResponseCache();
    const { orchestrator } = open({ agents: { agent: agent.run }, cache });
    const before = ask(orchestrator);
    await turn();
    await cache.delete({ agent: 'agent', task: 'question' });
    const after = ask(orchestrator);
    await turn();
    expect(agent.runs).toHaveLength(2);
    agent.at(0).answer('old');
    expect((await before).output).toBe('old');
    expect(await cache.get({ agent: 'agent', task: 'question' })).toBeUndefined();
    agent.at(1).answer('new');
    expect((await after).output).toBe('new');
    expect((await ask(orchestrator)).output).toBe('new');
    await cache.close();
  });

  test.each([
    ['clear', (cache: ResponseCache) => cache.clear()],
    ['deleteAgent', (cache: ResponseCache) => cache.deleteAgent('agent')],
    ['deleteByTag', (cache: ResponseCache) => cache.deleteByTag('any')],
  ])('by %s while the call runs keeps its answer out too', async (_, invalidate) => {
    const agent = new HeldAgent();
    const cache = new ResponseCache();
    const { orchestrator } = open({ agents: { agent: agent.run }, cache });
    const calls = [ask(orchestrator), ask(orchestrator, { cache: 'refresh' })];
    await turn();
    await invalidate(cache);
    for (const run of agent.runs) run.answer('old');
    await Promise.all(calls);
    expect((await cache.stats()).entries).toBe(0);
    await cache.close();
  });

  test("another cache's does not matter, nor one after closing", async () => {
    const agent = new HeldAgent();
    const [mine, other] = [new ResponseCache(), new ResponseCache()];
    const { orchestrator } = open({ agents: { agent: agent.run }, cache: mine });
    const call = ask(orchestrator);
    await turn();
    await other.clear();
    agent.at(0).answer('kept');
    await call;
    expect((await ask(orchestrator)).cached).toBe('memory');
    await orchestrator.close();
    expect(await mine.clear()).toBe(1);
    await Promise.all([mine.close(), other.close()]);
  });
});

describe('stale answers', () => {
  const SECOND = 1_000;
  function openStale(
    agent: HeldAgent,
    options: object = {},
  ): ReturnType<typeof open> & { cache: ResponseCache; events: string[] } {
    const clock = new FakeClock();
    const cache = new ResponseCache({ ttlMs: 10 * SECOND, staleWhileRevalidateMs: 60 * SECOND, clock });
    const events: string[] = [];
    cache.observe((name) => events.push(name));
    return { ...open({ agents: { agent: agent.run }, cache, clock, ...options }), cache, events };
  }

  async function fill(agent: HeldAgent, orchestrator: AsyncOrchestrator<AgentsInput>): Promise<void> {
    const first = ask(orchestrator);
    await turn();
    agent.at(0).answer({ output: 'old', costUsd: 1 });
    await first;
  }

  test('are given at once and renewed once, in the background', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock, cache } = openStale(agent);
    await fill(agent, orchestrator);
    await clock.advance(10 * SECOND);
    const stale = await Promise.all(Array.from({ length: 20 }, () => ask(orchestrator)));
    expect(stale.every(({ output, cached }) => output === 'old' && cached === 'memory')).toBe(true);
    await turn();
    expect(agent.runs).toHaveLength(2);
    agent.at(1).answer({ output: 'new', costUsd: 2 });
    await turn();
    expect(await ask(orchestrator)).toMatchObject({ output: 'new', cached: 'memory', savedUsd: 2 });
    expect(orchestrator.stats()).toMatchObject({ attempts: 2, costUsd: 3 });
    await cache.close();
  });

  test('stay when renewing fails, which is reported', async () => {
    const agent = new HeldAgent();
    const warnings: unknown[] = [];
    const silent = () => {};
    const logger = {
      debug: silent,
      info: silent,
      error: silent,
      warn: (...said: unknown[]) => warnings.push(said),
    };
    const { orchestrator, clock, cache, events } = openStale(agent, { logger });
    await fill(agent, orchestrator);
    await clock.advance(11 * SECOND);
    await ask(orchestrator);
    await turn();
    agent.at(1).fail(httpError(400));
    await turn();
    expect(events).toContain('cache:revalidate-error');
    expect(warnings).toEqual([
      [
        expect.objectContaining({ agent: 'agent', code: 'TUTTI_AGENT_FAILED' }),
        expect.stringMatching(/stale/),
      ],
    ]);
    expect((await ask(orchestrator)).output).toBe('old');
    expect(orchestrator.stats()).toMatchObject({ failed: 0, succeeded: 3 });
    await turn();
    agent.at(2).answer('new');
    await turn();
    expect((await ask(orchestrator)).output).toBe('new');
    await cache.close();
  });

  test('are no longer given past the stale time', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock, cache } = openStale(agent);
    await fill(agent, orchestrator);
    await clock.advance(70 * SECOND);
    const call = ask(orchestrator);
    await turn();
    agent.at(1).answer('new');
    expect(await call).toMatchObject({ output: 'new', cached: false });
    await cache.close();
  });

  test('are renewed no further when the orchestrator closes, and that is no failure', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock, cache, events } = openStale(agent);
    await fill(agent, orchestrator);
    await clock.advance(11 * SECOND);
    await ask(orchestrator);
    await turn();
    const closing = orchestrator.close();
    await turn();
    expect(agent.at(1).signal.aborted).toBe(true);
    await closing;
    expect(events).not.toContain('cache:revalidate-error');
    await cache.close();
  });

  test('are renewed no further at closing although the key was deleted meanwhile', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock, cache } = openStale(agent);
    await fill(agent, orchestrator);
    await clock.advance(11 * SECOND);
    await ask(orchestrator);
    await turn();
    await cache.delete({ agent: 'agent', task: 'question' });
    const closing = orchestrator.close();
    await turn();
    expect(agent.at(1).signal.aborted).toBe(true);
    await closing;
    await cache.close();
  });

  test('are waited for by a refresh that joins their renewal', async () => {
    const agent = new HeldAgent();
    const { orchestrator, clock, cache } = openStale(agent);
    await fill(agent, orchestrator);
    await clock.advance(11 * SECOND);
    await ask(orchestrator);
    const controller = new AbortController();
    const left = rejection(ask(orchestrator, { cache: 'refresh', signal: controller.signal }));
    const refresh = ask(orchestrator, { cache: 'refresh' });
    await turn();
    controller.abort();
    await left;
    agent.at(1).answer('new');
    expect(await refresh).toMatchObject({ output: 'new' });
    expect(agent.runs).toHaveLength(2);
    await cache.close();
  });

  test('that are streams are renewed as streams', async () => {
    let version = 0;
    const clock = new FakeClock();
    const cache = { ttlMs: 10 * SECOND, staleWhileRevalidateMs: 60 * SECOND };
    const { orchestrator } = open({
      agents: {
        async *agent() {
          version += 1;
          for (let piece = 0; piece < 30; piece += 1) yield `${version}`;
        },
      },
      cache,
      clock,
    });
    const stream = () => eventsOf(orchestrator.stream('agent', 'question'));
    expect(await stream()).toHaveLength(31);
    await clock.advance(11 * SECOND);
    expect((await stream())[0]).toEqual({ type: 'text-delta', text: '1' });
    await turn(50);
    const renewed = await stream();
    expect(renewed[0]).toEqual({ type: 'text-delta', text: '2' });
    expect(renewed.filter(({ type }) => type === 'text-delta')).toHaveLength(30);
    expect(version).toBe(2);
  });
});

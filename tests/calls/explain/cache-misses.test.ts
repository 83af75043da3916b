// Covers: src/calls/explain/request-memory.ts, src/calls/explain/request-fields.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { AgentsInput } from '../../../src/agents/agent-registry.js';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import type { CallOptions } from '../../../src/contracts/call.js';
import type { CacheExplanation } from '../../../src/contracts/explanation.js';
import type { Provider } from '../../../src/contracts/provider.js';
import type { TaskContent } from '../../../src/contracts/task-content.js';
import type { AsyncOrchestrator } from '../../../src/index.js';
import type { FakeClock } from '../../../src/testing/fake-clock.js';
import { httpError, rejection } from '../../behaviour/scripted-agents.js';
import { closeAll, open } from '../../behaviour/traffic-orchestrator.js';

afterEach(closeAll);

interface Opened {
  readonly orchestrator: AsyncOrchestrator<AgentsInput>;
  readonly clock: FakeClock;
}

/** Makes a call and says what the cache did for it. */
async function cacheOf(
  { orchestrator, clock }: Opened,
  agent: string,
  task: TaskContent,
  options?: CallOptions,
): Promise<CacheExplanation> {
  const call = orchestrator.execute(agent, task, options);
  call.catch(() => {});
  await clock.advance(20);
  const { callId } = await call;
  return (await orchestrator.explain(callId)).cache;
}

function providerWith(identity: Record<string, unknown>): Provider {
  return { specificationVersion: 1, name: 'scripted', identity, generate: async () => ({ output: '"ok"' }) };
}

const BASE: AgentDefinition = {
  name: 'asked',
  instructions: 'Be brief.',
  version: '1',
  output: z.string(),
  model: 'model-a',
  provider: providerWith({ region: 'eu', tools: ['search'], limits: { steps: 4, spend: 2 } }),
  params: { temperature: 0, topP: 0.9, seed: 1, stop: ['a', 'b'], format: { kind: 'text', indent: 2 } },
};

const TASK = { text: 'task', messages: [{ role: 'user' as const, content: 'before' }] };

/** A changed definition, or other options or another task of the call, and the field that differs then. */
interface Change {
  readonly field: string;
  readonly definition?: Partial<AgentDefinition>;
  readonly options?: CallOptions;
  readonly task?: TaskContent;
}

const params = (changed: Record<string, unknown>): CallOptions => ({ params: changed });
const identity = (changed: Record<string, unknown>): Partial<AgentDefinition> => ({
  provider: providerWith({ region: 'eu', tools: ['search'], limits: { steps: 4, spend: 2 }, ...changed }),
});

const CHANGES: readonly Change[] = [
  { field: 'instructions', definition: { instructions: 'Be brief' } },
  { field: 'instructions', definition: { instructions: 'Be brief. ' } },
  { field: 'instructions', definition: { instructions: undefined } },
  { field: 'instructions', definition: { instructions: 'Sei kurz.' } },
  { field: 'version', definition: { version: '2' } },
  { field: 'version', definition: { version: undefined } },
  { field: 'output', definition: { output: z.string().max(9) } },
  { field: 'output', definition: { output: z.string().min(1) } },
  { field: 'output', definition: { output: z.enum(['ok', 'no']) } },
  { field: 'provider.region', definition: identity({ region: 'us' }) },
  { field: 'provider.region', definition: identity({ region: undefined }) },
  { field: 'provider.tools', definition: identity({ tools: ['search', 'read'] }) },
  { field: 'provider.tools', definition: identity({ tools: [] }) },
  { field: 'provider.limits.steps', definition: identity({ limits: { steps: 5, spend: 2 } }) },
  { field: 'provider.limits.spend', definition: identity({ limits: { steps: 4, spend: 3 } }) },
  { field: 'provider.more', definition: identity({ more: true }) },
  { field: 'model', definition: { model: 'model-b' } },
  { field: 'model', options: { model: 'model-b' } },
  { field: 'model', options: { model: 'model-A' } },
  { field: 'tenant', options: { tenant: 'acme' } },
  { field: 'tenant', options: { tenant: 'other' } },
  { field: 'params.temperature', options: params({ temperature: 0.1 }) },
  { field: 'params.temperature', options: params({ temperature: 1 }) },
  { field: 'params.temperature', options: params({ temperature: '0' }) },
  { field: 'params.topP', options: params({ topP: 0.91 }) },
  { field: 'params.topP', options: params({ topP: null }) },
  { field: 'params.seed', options: params({ seed: 2 }) },
  { field: 'params.seed', options: params({ seed: -1 }) },
  { field: 'params.stop', options: params({ stop: ['b', 'a'] }) },
  { field: 'params.stop', options: params({ stop: ['a'] }) },
  { field: 'params.format.kind', options: params({ format: { kind: 'json', indent: 2 } }) },
  { field: 'params.format.indent', options: params({ format: { kind: 'text', indent: 4 } }) },
  { field: 'params.format.more', options: params({ format: { kind: 'text', indent: 2, more: 1 } }) },
  { field: 'params.maxTokens', options: params({ maxTokens: 100 }) },
  { field: 'params.extra', options: params({ extra: { deep: [1] } }) },
  { field: 'params.temperature', definition: { params: { ...BASE.params, temperature: 0.5 } } },
  { field: 'params.seed', definition: { params: { ...BASE.params, seed: 7 } } },
  { field: 'task', task: 'task ' },
  { field: 'task', task: 'Task' },
  { field: 'task', task: 'another task altogether' },
];

describe('explain: the field in which a missed request differs', () => {
  test.each(CHANGES.map((change, index) => ({ ...change, index })))(
    'is named: $field (change $index)',
    async ({ field, definition, options, task = 'task' }) => {
      const opened = open({ explain: true, cache: true, agents: [BASE] });
      expect(await cacheOf(opened, 'asked', 'task')).toEqual({ outcome: 'miss', reason: 'never-seen' });
      if (definition !== undefined) {
        opened.orchestrator.agents.remove('asked');
        opened.orchestrator.agents.add({ ...BASE, ...definition } as AgentDefinition);
      }
      const cache = await cacheOf(opened, 'asked', task, options);
      expect(cache).toEqual({ outcome: 'miss', reason: 'changed', differs: [field] });
    },
  );

  test('is the conversation, of a task with more than text', async () => {
    const run = () => 'ok';
    const opened = open({ explain: true, cache: true, agents: { asked: run } });
    await cacheOf(opened, 'asked', TASK);
    const other = { ...TASK, messages: [{ role: 'user' as const, content: 'before that' }] };
    expect(await cacheOf(opened, 'asked', other)).toEqual({
      outcome: 'miss',
      reason: 'changed',
      differs: ['input'],
    });
  });

  test('is looked for in the nearest request: the same task first, then the fewest fields', async () => {
    const opened = open({ explain: true, cache: true, agents: { asked: () => 'ok' } });
    await cacheOf(opened, 'asked', 'task', { model: 'b', params: { x: 1, y: 1 } });
    await cacheOf(opened, 'asked', 'task', { model: 'c', params: { x: 1 } });
    await cacheOf(opened, 'asked', 'other', { params: { x: 2 } });
    const cache = await cacheOf(opened, 'asked', 'task', { params: { x: 2 } });
    expect(cache.differs?.toSorted()).toEqual(['model', 'params.x']);
  });

  test('compares with what was stored before the call, not after it', async () => {
    const opened = open({ explain: true, cache: true, agents: { asked: () => 'ok', else: () => 'ok' } });
    await cacheOf(opened, 'else', 'task');
    const call = opened.orchestrator.execute('asked', 'first');
    await opened.clock.advance(1);
    await cacheOf(opened, 'asked', 'second');
    const { cache } = await opened.orchestrator.explain((await call).callId);
    expect(cache).toEqual({ outcome: 'miss', reason: 'never-seen' });
  });

  test('is none that normalisation hides', async () => {
    const opened = open({ explain: true, cache: { normalize: true }, agents: { asked: () => 'ok' } });
    await cacheOf(opened, 'asked', 'the  task');
    const cache = await cacheOf(opened, 'asked', ' the task', { model: 'b' });
    expect(cache.differs).toEqual(['model']);
  });
});

describe('explain: why the cache had no answer', () => {
  test('says that it had expired, been evicted or deleted', async () => {
    const cacheOptions = { ttlMs: 1_000, maxEntries: 2 };
    const opened = open({ explain: true, cache: cacheOptions, agents: { asked: () => 'ok' } });
    await cacheOf(opened, 'asked', 'a');
    expect(await cacheOf(opened, 'asked', 'a')).toEqual({ outcome: 'hit', tier: 'memory' });
    await opened.clock.advance(1_000);
    expect(await cacheOf(opened, 'asked', 'a')).toEqual({ outcome: 'miss', reason: 'expired' });
    await cacheOf(opened, 'asked', 'b');
    await cacheOf(opened, 'asked', 'c');
    expect(await cacheOf(opened, 'asked', 'a')).toEqual({ outcome: 'miss', reason: 'evicted' });
  });

  test('says that it had been deleted, alone or with others', async () => {
    const { ResponseCache } = await import('../../../src/cache/response-cache.js');
    const cache = new ResponseCache();
    const opened = open({ explain: true, cache, agents: { asked: () => 'ok' } });
    await cacheOf(opened, 'asked', 'a');
    await cache.delete(opened.orchestrator.cacheRequest('asked', 'a'));
    expect(await cacheOf(opened, 'asked', 'a')).toEqual({ outcome: 'miss', reason: 'deleted' });
    await cache.clear();
    expect(await cacheOf(opened, 'asked', 'a')).toEqual({ outcome: 'miss', reason: 'deleted' });
    expect((await cacheOf(opened, 'asked', 'a')).outcome).toBe('hit');
    await cache.close();
  });

  test('says that the earlier answer was not stored, and why', async () => {
    let answers = 0;
    const opened = open({
      explain: true,
      cache: true,
      maxRetries: 0,
      agents: {
        cut: () => ({ output: 'begin', finishReason: 'length' as const }),
        failing: () => {
          if (answers++ === 0) throw httpError(400);
          return 'ok';
        },
      },
    });
    await cacheOf(opened, 'cut', 'a');
    expect(await cacheOf(opened, 'cut', 'a')).toEqual({
      outcome: 'miss',
      reason: 'not-stored',
      notStored: 'incomplete',
    });
    await rejection(opened.orchestrator.execute('failing', 'a'));
    expect(await cacheOf(opened, 'failing', 'a')).toEqual({
      outcome: 'miss',
      reason: 'not-stored',
      notStored: 'failed',
    });
  });

  test('says that the agent is excluded, that the cache was not asked, or that a new answer was wanted', async () => {
    const opened = open({
      explain: true,
      cache: { excludeAgents: ['random'] },
      agents: {
        asked: () => 'ok',
        random: () => 'ok',
        fresh: { name: 'fresh', run: () => 'ok', cache: false },
      },
    });
    expect(await cacheOf(opened, 'random', 'a')).toEqual({ outcome: 'excluded' });
    expect(await cacheOf(opened, 'asked', 'a', { cache: false })).toEqual({ outcome: 'off' });
    expect(await cacheOf(opened, 'fresh', 'a')).toEqual({ outcome: 'off' });
    await cacheOf(opened, 'asked', 'a');
    expect(await cacheOf(opened, 'asked', 'a', { cache: 'refresh' })).toEqual({
      outcome: 'miss',
      reason: 'refresh',
    });
    const without = open({ explain: true, agents: { asked: () => 'ok' } });
    expect(await cacheOf(without, 'asked', 'a')).toEqual({ outcome: 'off' });
  });

  test('keeps the time of a stale answer apart from renewing it', async () => {
    let answers = 0;
    const opened = open({
      explain: true,
      cache: { ttlMs: 100, staleWhileRevalidateMs: 10_000 },
      agents: {
        asked: async () => {
          if (answers++ > 0) await new Promise((resolve) => opened.clock.setTimeout(resolve, 500, undefined));
          return 'ok';
        },
      },
    });
    await cacheOf(opened, 'asked', 'a');
    await opened.clock.advance(200);
    const call = await opened.orchestrator.execute('asked', 'a');
    await opened.clock.advance(1_000);
    const explanation = await opened.orchestrator.explain(call.callId);
    expect(explanation.cache).toEqual({ outcome: 'hit', tier: 'memory' });
    expect([explanation.totalMs, explanation.times.modelMs, explanation.attempts]).toEqual([0, 0, []]);
  });

  test('keeps no text of tasks, instructions or parameters', async () => {
    const opened = open({
      explain: true,
      cache: true,
      agents: [{ name: 'asked', instructions: 'secret instructions', run: () => 'secret answer' }],
    });
    await cacheOf(opened, 'asked', 'secret task', { params: { note: 'secret note' } });
    const call = opened.orchestrator.execute('asked', 'secret task two', { params: { note: 'secret note' } });
    await opened.clock.advance(1);
    const explanation = await opened.orchestrator.explain((await call).callId);
    expect(explanation.cache.differs).toEqual(['task']);
    expect(JSON.stringify(explanation)).not.toContain('secret');
  });
});

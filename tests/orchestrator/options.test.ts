// Covers: src/calls/call-settings.ts, src/calls/admission/check-call-options.ts, src/input/has-methods.ts
// Covers: src/input/made-once.ts
import { describe, expect, test } from '@jest/globals';
import {
  AsyncOrchestrator,
  type AsyncOrchestratorOptions,
  DuplicateAgentError,
  defineAgent,
  InvalidArgumentError,
  QueueFullError,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { rejectionOf, turn, wait } from '../behaviour/scripted-agents.js';

const echo = (task: string): string => task;

function refusal(make: () => unknown): InvalidArgumentError {
  try {
    make();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error('expected an InvalidArgumentError');
}

const NUMBERS = {
  maxConcurrent: [Number.NaN, -1, 0, 1.5, Number.POSITIVE_INFINITY, '4', null],
  timeoutMs: [Number.NaN, -1, 0, Number.POSITIVE_INFINITY, 2_147_483_648, '4', null],
  deadlineMs: [Number.NaN, -1, 0, Number.POSITIVE_INFINITY, 2_147_483_648],
  maxRetries: [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY],
  maxQueued: [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY],
  maxTaskChars: [Number.NaN, -1, 0, Number.POSITIVE_INFINITY],
  abandonMs: [Number.NaN, -1, Number.POSITIVE_INFINITY],
} as const;

describe('the options of the constructor', () => {
  test.each(Object.entries(NUMBERS).flatMap(([name, bads]) => bads.map((bad) => [name, bad] as const)))(
    'refuse %s: %p and say what was expected and what came',
    (name, bad) => {
      const error = refusal(() => new AsyncOrchestrator({ [name]: bad } as AsyncOrchestratorOptions));
      expect(error.field).toBe(name);
      expect(error.message).toContain(name);
      expect(error.message).toContain('expected');
      expect(error.message).toMatch(/; got .+\.$/);
    },
  );

  test.each([
    [{ maxConcurrency: 3 }, 'maxConcurrency', 'maxConcurrent'],
    [{ timeout: 3 }, 'timeout', 'timeoutMs'],
    [{ retyr: {} }, 'retyr', 'retry'],
    [{ retry: { minDelay: 1 } }, 'retry.minDelay', 'minDelayMs'],
    [{ timeouts: { queuMs: 1 } }, 'timeouts.queuMs', 'queueMs'],
  ])('refuse %j and suggest the nearest one', (options, field, suggestion) => {
    const error = refusal(() => new AsyncOrchestrator(options as AsyncOrchestratorOptions));
    expect(error.field).toBe(field);
    expect(error.details).toMatchObject({ suggestion });
    expect(error.message).toContain(`Did you mean "${suggestion}"?`);
  });

  test('name the known ones when nothing is near', () => {
    const error = refusal(() => new AsyncOrchestrator({ zzzzzzzzzzzzz: 1 } as AsyncOrchestratorOptions));
    expect(error.message).toContain('Known ones: agents, maxConcurrent');
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('refuse the key %s', (key) => {
    const options = JSON.parse(`{ ${JSON.stringify(key)}: { "maxConcurrent": 1 } }`);
    expect(refusal(() => new AsyncOrchestrator(options)).field).toBe(key);
    expect(({} as { maxConcurrent?: number }).maxConcurrent).toBeUndefined();
  });

  test.each([
    [{ retry: { factor: 0.5 } }, 'retry.factor'],
    [{ retry: { factor: Number.NaN } }, 'retry.factor'],
    [{ retry: { factor: 1_001 } }, 'retry.factor'],
    [{ retry: { minDelayMs: -1 } }, 'retry.minDelayMs'],
    [{ retry: { minDelayMs: 10, maxDelayMs: 5 } }, 'retry.maxDelayMs'],
    [{ retry: { jitter: 'some' } }, 'retry.jitter'],
    [{ retry: { when: 'always' } }, 'retry.when'],
    [{ retry: null }, 'retry'],
    [{ timeouts: { idleMs: 0 } }, 'timeouts.idleMs'],
    [{ timeouts: 5 }, 'timeouts'],
    [{ tenant: '' }, 'tenant'],
    [{ tenant: 5 }, 'tenant'],
    [{ logger: { info: () => {} } }, 'logger'],
    [{ logger: console.log }, 'logger'],
    [{ signal: new AbortController() }, 'signal'],
    [{ clock: Date }, 'clock'],
  ])('refuse %j', (options, field) => {
    expect(refusal(() => new AsyncOrchestrator(options as AsyncOrchestratorOptions)).field).toBe(field);
  });

  test.each([[null], [42], ['options'], [[]]])('refuse %j in place of options', (options) => {
    expect(
      refusal(() => new AsyncOrchestrator(options as unknown as AsyncOrchestratorOptions)).message,
    ).toContain('AsyncOrchestrator options');
  });

  test('take every option together, and undefined for each', () => {
    const clock = new FakeClock();
    const options = {
      agents: { echo },
      maxConcurrent: 3,
      timeoutMs: 1,
      timeouts: { queueMs: 1, firstTokenMs: 1, idleMs: 1 },
      deadlineMs: 1,
      maxRetries: 0,
      retry: { minDelayMs: 0, maxDelayMs: 0, factor: 1, jitter: 'equal', when: () => false },
      tenant: 't',
      maxQueued: 0,
      maxTaskChars: 1,
      abandonMs: 0,
      logger: console,
      signal: new AbortController().signal,
      clock,
    } as const;
    expect(new AsyncOrchestrator(options).maxConcurrent).toBe(3);
    const nothing = Object.fromEntries(Object.keys(options).map((key) => [key, undefined]));
    expect(new AsyncOrchestrator(nothing).maxConcurrent).toBe(10);
  });

  test('take no time: ten thousand orchestrators start no timer and do no work', () => {
    const clock = new FakeClock();
    for (let index = 0; index < 1_000; index += 1) new AsyncOrchestrator({ clock, agents: { echo } });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the agents of the constructor', () => {
  test.each([
    [{ agents: 'all' }, 'agents'],
    [{ agents: 3 }, 'agents'],
    [{ agents: null }, 'agents'],
    [{ agents: { a: 'text' } }, 'agents.a'],
    [{ agents: { a: undefined } }, 'agents.a'],
    [{ agents: { a: null } }, 'agents.a'],
    [{ agents: { '../etc': echo } }, 'agent'],
    [{ agents: { '': echo } }, 'agent'],
    [{ agents: [echo] }, 'agent definition'],
    [{ agents: [{ name: 'x' }] }, 'run'],
    [{ agents: [{ name: 'x', run: echo, provider: { generate: echo } }] }, 'run'],
    [{ agents: [{ run: echo }] }, 'name'],
    [{ agents: [{ name: 'x', run: echo, timeoutMs: 0 }] }, 'timeoutMs'],
    [{ agents: [{ name: 'x', run: 'echo' }] }, 'run'],
    [{ agents: [{ name: 'x', provider: {} }] }, 'provider'],
    [{ agents: [{ name: 'x', run: echo, output: {} }] }, 'output'],
    [{ agents: { a: { run: echo, timout: 1 } } }, 'timout'],
    [{ agents: new Map([['a', echo]]) }, 'agents'],
    [{ agents: new Set() }, 'agents'],
  ])('refuse %j', (options, field) => {
    const error = refusal(() => new AsyncOrchestrator(options as unknown as AsyncOrchestratorOptions));
    expect(error.field).toBe(field);
  });

  test('take names that objects have anyway', async () => {
    const agents = JSON.parse('{ "constructor": 1, "toString": 1, "hasOwnProperty": 1 }');
    for (const name of Object.keys(agents)) agents[name] = echo;
    const orchestrator = new AsyncOrchestrator({ agents });
    expect((await orchestrator.execute('constructor', 'x')).output).toBe('x');
  });

  test('are registered once a name', () => {
    const one = defineAgent({ name: 'same', run: echo });
    expect(() => new AsyncOrchestrator({ agents: [one, one] })).toThrow(DuplicateAgentError);
    const orchestrator = new AsyncOrchestrator({ agents: [one] });
    expect(() => orchestrator.agents.add('same', echo)).toThrow(/"same" is already registered/);
    orchestrator.agents.remove('same');
    orchestrator.agents.add('same', echo);
  });
});

describe('the options of a call', () => {
  test.each([
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs'],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, 'timeoutMs'],
    [{ timeoutMs: '30' }, 'timeoutMs'],
    [{ deadlineMs: -1 }, 'deadlineMs'],
    [{ maxRetries: -1 }, 'maxRetries'],
    [{ maxRetries: 0.5 }, 'maxRetries'],
    [{ maxRetries: Number.POSITIVE_INFINITY }, 'maxRetries'],
    [{ priority: Number.NaN }, 'priority'],
    [{ priority: Number.POSITIVE_INFINITY }, 'priority'],
    [{ priority: 'high' }, 'priority'],
    [{ signal: {} }, 'signal'],
    [{ signal: null }, 'signal'],
    [{ tenant: '' }, 'tenant'],
    [{ model: 7 }, 'model'],
    [{ params: [] }, 'params'],
    [{ params: 'x' }, 'params'],
    [{ metadata: null }, 'metadata'],
    [{ timeouts: { queueMs: 0 } }, 'timeouts.queueMs'],
    [{ timeouts: { quueMs: 5 } }, 'timeouts.quueMs'],
    [{ timeouts: [] }, 'timeouts'],
    [{ timeoutms: 5 }, 'timeoutms'],
    [{ constructor: 5 }, 'constructor'],
    [JSON.parse('{ "__proto__": 5 }'), '__proto__'],
    [null, 'options'],
    ['fast', 'options'],
    [[], 'options'],
  ])('refuse %j before any work is done', async (options, field) => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const error = await rejectionOf(
      InvalidArgumentError,
      orchestrator.execute('echo', 't', options as never),
    );
    expect(error.field).toBe(field);
    expect(orchestrator.stats().submitted).toBe(0);
  });

  test('may be undefined, each and all', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const result = await orchestrator.execute('echo', 't', {
      signal: undefined,
      timeoutMs: undefined,
      timeouts: { queueMs: undefined },
      deadlineMs: undefined,
      maxRetries: undefined,
      priority: undefined,
      tenant: undefined,
      model: undefined,
      params: undefined,
      metadata: undefined,
    });
    expect(result.success).toBe(true);
    expect(result).not.toHaveProperty('model');
    expect(result).not.toHaveProperty('metadata');
  });

  test('name the key without repeating a huge one', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { echo } });
    const error = await rejectionOf(
      InvalidArgumentError,
      orchestrator.execute('echo', 't', { ['x'.repeat(1_000_000)]: 1 } as never),
    );
    expect(error.message.length).toBeLessThan(1_000);
  });
});

describe('maxQueued', () => {
  test('refuses one call more than may wait, and takes one again when there is room', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      maxQueued: 2,
      agents: { slow: () => wait(clock, 10).then(() => 'ok') },
    });
    const calls = [1, 2, 3].map(() => orchestrator.execute('slow', 't'));
    const error = await rejectionOf(QueueFullError, orchestrator.execute('slow', 't'));
    expect(error).toMatchObject({ code: 'TUTTI_QUEUE_FULL', retryable: true, maxQueued: 2 });
    // Not thrown by stream(): the cache might have had the answer, for which nobody has to wait.
    await rejectionOf(QueueFullError, orchestrator.stream('slow', 't').result);
    expect(orchestrator.stats()).toMatchObject({ queued: 2, running: 1, submitted: 5, failed: 2 });
    await clock.advance(10);
    calls.push(orchestrator.execute('slow', 't'));
    await clock.advance(100);
    expect(await Promise.all(calls)).toHaveLength(4);
  });

  test('0 lets nothing wait', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      maxQueued: 0,
      agents: { slow: () => wait(clock, 10).then(() => 'ok') },
    });
    const call = orchestrator.execute('slow', 't');
    await rejectionOf(QueueFullError, orchestrator.execute('slow', 't'));
    await clock.advance(10);
    await call;
  });

  test('does not count the unread tasks of a run, nor refuse its tasks', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxConcurrent: 1,
      maxQueued: 0,
      agents: { slow: () => wait(clock, 10).then(() => 'ok') },
    });
    const tasks = Array.from({ length: 5 }, () => ['slow', 't'] as const);
    const both = Promise.all([orchestrator.executeMultiple(tasks), orchestrator.executeMultiple(tasks)]);
    await clock.advance(1_000);
    for (const outcomes of await both) expect(outcomes.every((outcome) => outcome.success)).toBe(true);
  });

  test('counts calls that wait for their agent’s own permit', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxQueued: 1,
      agents: [defineAgent({ name: 'one', maxConcurrent: 1, run: () => wait(clock, 10).then(() => 'ok') })],
    });
    const calls = [orchestrator.execute('one', 't'), orchestrator.execute('one', 't')];
    await turn();
    await rejectionOf(QueueFullError, orchestrator.execute('one', 't'));
    await clock.advance(100);
    await Promise.all(calls);
  });
});

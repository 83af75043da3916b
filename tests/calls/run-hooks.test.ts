// Covers: src/calls/call-hooks.ts, src/errors/hook-error.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import type { AgentsInput } from '../../src/agents/agent-registry.js';
import { defineAgent } from '../../src/agents/define-agent.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import type { HookRequest, Hooks } from '../../src/contracts/hooks.js';
import type { ProviderRequest } from '../../src/contracts/provider.js';
import type { AgentResult } from '../../src/contracts/result.js';
import type { StreamEvent } from '../../src/contracts/stream-event.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import type { AsyncOrchestratorOptions } from '../../src/orchestrator/options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { rejection, turn } from '../behaviour/held-agent.js';

const opened: AsyncOrchestrator<AgentsInput>[] = [];
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) {
    await orchestrator.close({ drainMs: 0 });
    expect(orchestrator.stats()).toMatchObject({ running: 0, queued: 0, inFlight: 0 });
  }
});

function open(options: AsyncOrchestratorOptions<AgentsInput>): AsyncOrchestrator<AgentsInput> {
  const orchestrator = new AsyncOrchestrator<AgentsInput>({
    retry: { minDelayMs: 1, jitter: 'none' },
    ...options,
  });
  opened.push(orchestrator);
  return orchestrator;
}

/** Hooks that add their name to the task and to the answer. */
const naming = (name: string, log: string[] = []): Hooks => ({
  before: ({ task }) => {
    log.push(`before ${name}: ${String(task)}`);
    return { task: `${String(task)}${name}` };
  },
  after: async ({ output }, { task }) => {
    log.push(`after ${name}: ${output} of ${String(task)}`);
    return { output: `${output}${name}` };
  },
});
const echo = (task: string): string => `<${task}>`;

describe('hooks', () => {
  test('run outermost first, in order of the list, before and after', async () => {
    const log: string[] = [];
    const agent = defineAgent({ name: 'agent', run: echo, hooks: naming('C', log) });
    const orchestrator = open({ agents: [agent], hooks: [naming('A', log), naming('B', log)] });
    const result = await orchestrator.execute('agent', 'x');
    expect(result.output).toBe('<xABC>ABC');
    expect(log).toEqual([
      ...['before A: x', 'before B: xA', 'before C: xAB'],
      ...['after A: <xABC> of x', 'after B: <xABC>A of xA', 'after C: <xABC>AB of xAB'],
    ]);
  });

  test('run once for a call, whatever its attempts', async () => {
    let attempts = 0;
    const log: string[] = [];
    const flaky = (task: string): string => {
      attempts += 1;
      if (attempts < 3) throw Object.assign(new Error('busy'), { status: 503 });
      return echo(task);
    };
    const orchestrator = open({ agents: { flaky }, hooks: naming('A', log) });
    expect(await orchestrator.execute('flaky', 'x')).toMatchObject({ output: '<xA>A', attempts: 3 });
    expect(log).toHaveLength(2);
  });

  test('run in runs, in order of the input', async () => {
    const orchestrator = open({ agents: { echo }, hooks: naming('A'), maxConcurrent: 2 });
    const outcomes = await orchestrator.executeMultiple(['a', 'b', 'c'].map((task) => ['echo', task]));
    expect(outcomes.map((outcome) => outcome.success && outcome.output)).toEqual(['<aA>A', '<bA>A', '<cA>A']);
    const each: string[] = [];
    for await (const outcome of orchestrator.executeEach([['echo', 'd']])) {
      if (outcome.success) each.push(outcome.output);
    }
    expect(each).toEqual(['<dA>A']);
  });

  test('see the call, frozen, and the same object before and after', async () => {
    const seen: HookRequest[] = [];
    const spy: Hooks = {
      before: (request) => void seen.push(request),
      after: (_result, request) => void seen.push(request),
    };
    const provider = {
      specificationVersion: 1,
      name: 'p',
      generate: async () => ({ output: 'ok' }),
    } as const;
    const agent = defineAgent({ name: 'agent', provider, model: 'm', params: { a: 1, b: 1 } });
    const orchestrator = open({ agents: [agent], hooks: spy });
    const task = { text: 'hi', messages: [{ role: 'assistant', content: 'well?' }] } as const;
    const metadata = { user: 7 };
    // Its provider takes no conversation, which is found out after the hook.
    await rejection(orchestrator.execute('agent', task, { params: { b: 2 }, tenant: 't', metadata }));
    expect(seen[0]).toMatchObject({
      agent: 'agent',
      task,
      model: 'm',
      params: { a: 1, b: 2 },
      tenant: 't',
      metadata,
    });
    expect(Object.isFrozen(seen[0])).toBe(true);
    expect(seen[0]?.signal.aborted).toBe(false);
    await orchestrator.execute('agent', 'hi');
    expect(seen).toHaveLength(3);
    expect(seen[1]).toBe(seen[2]);
  });

  test('that return nothing change nothing', async () => {
    const orchestrator = open({
      agents: { echo },
      hooks: [{}, { before: () => {} }, { after: async () => {} }],
    });
    expect(await orchestrator.execute('echo', 'x')).toMatchObject({ output: '<x>' });
  });

  test.each([
    { hooks: { befor: () => {} } },
    { hooks: { before: 'redact' } },
    { hooks: [() => {}] },
    { hooks: null },
  ])('of another shape are refused: %j', (options) => {
    expect(() => new AsyncOrchestrator(options as never)).toThrow(
      /hooks.*expected hooks \{ before, after \}/,
    );
    expect(() => defineAgent({ name: 'a', run: echo, ...(options as object) })).toThrow(
      /hooks \{ before, after \}/,
    );
  });
});

describe('before', () => {
  const requests: ProviderRequest[] = [];
  afterEach(() => void requests.splice(0));
  const provider = {
    specificationVersion: 1,
    name: 'p',
    accepts: { conversations: true, files: ['*'] },
    generate: async (request: ProviderRequest) => {
      requests.push(request);
      return { output: 'ok' };
    },
  } as const;
  const agent = defineAgent({ name: 'agent', provider, model: 'm', params: { a: 1, b: 1 } });

  test('replaces task, model and parameters, all of them, or one alone', async () => {
    const hooks: Hooks = {
      before: (request) => ({
        ...request,
        task: { text: 'new', files: [{ data: Buffer.of(1), mediaType: 'x/y' }] },
        model: 'n',
        params: { b: 2 },
      }),
    };
    await open({ agents: [agent], hooks }).execute('agent', 'old', { params: { c: 3 } });
    expect(requests[0]).toMatchObject({
      task: 'new',
      model: 'n',
      messages: [{ content: [{ type: 'file' }, {}] }],
    });
    expect(JSON.parse(JSON.stringify(requests[0]?.params))).toEqual({ b: 2 });
    await open({ agents: [agent], hooks: { before: () => ({ model: 'o' }) } }).execute('agent', 'old');
    expect(requests[1]).toMatchObject({ task: 'old', model: 'o', params: { a: 1, b: 1 } });
  });

  test('decides what the cache keeps the answer under', async () => {
    const cache = new ResponseCache();
    const hooks: Hooks = {
      before: ({ task }) => ({ task: String(task).toLowerCase() }),
      after: ({ output }) => ({ output: `${output}!` }),
    };
    const orchestrator = open({ agents: [agent], cache, hooks });
    expect(await orchestrator.execute('agent', 'HELLO')).toMatchObject({ cached: false, output: 'ok!' });
    expect(await orchestrator.execute('agent', 'Hello')).toMatchObject({ cached: 'memory', output: 'ok!' });
    expect(requests).toHaveLength(1);
    expect(await cache.get(orchestrator.cacheRequest('agent', 'hello'))).toMatchObject({ output: 'ok' });
    await cache.close();
  });

  test('answers itself: no attempt is made, nothing is stored, and after still runs', async () => {
    const hooks: Hooks[] = [
      { before: () => ({ output: 'at once', usage: { inputTokens: 1 }, costUsd: 0.5 }) },
      {
        before: () => {
          throw new Error('not asked');
        },
        after: ({ output }) => ({ output: `${output}!` }),
      },
    ];
    const orchestrator = open({ agents: [agent], cache: true, hooks });
    for (let time = 0; time < 2; time += 1) {
      expect(await orchestrator.execute('agent', 'x')).toMatchObject({
        ...{ output: 'at once!', cached: false, attempts: 0, costUsd: 0.5, usage: { inputTokens: 1 } },
        messages: [{ content: 'x' }, { content: 'at once!' }],
      });
    }
    expect(requests).toEqual([]);
  });

  test('may take its time: the call can be cancelled and pass its deadline meanwhile, without a permit', async () => {
    const clock = new FakeClock();
    const signals: AbortSignal[] = [];
    const hooks: Hooks = {
      before: ({ task, signal }) => {
        signals.push(signal);
        return task === 'slow' ? new Promise(() => {}) : undefined;
      },
    };
    const orchestrator = open({ agents: { echo }, hooks, clock, maxConcurrent: 1 });
    const controller = new AbortController();
    const cancelled = rejection(orchestrator.execute('echo', 'slow', { signal: controller.signal }));
    const late = rejection(orchestrator.execute('echo', 'slow', { deadlineMs: 100 }));
    expect(await orchestrator.execute('echo', 'quick')).toMatchObject({ output: '<quick>' });
    controller.abort();
    expect(await cancelled).toMatchObject({ code: 'TUTTI_CANCELLED' });
    await clock.advance(100);
    expect(await late).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'deadline' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
  });

  test.each([
    ['a string', 'redacted', /expected an object \{ task, model, params \}.*got a string/],
    ['an unknown field', { taks: 'x' }, /unknown field "taks"\. Did you mean "task"\?/],
    ['another agent', { agent: 'other' }, /unknown field "agent"/],
    ['a task that is none', { task: 42 }, /task: expected a string/],
    ['a model that is none', { model: '' }, /model: expected a non-empty string/],
    ['parameters that are none', { params: [] }, /params: expected an object/],
    ['a reply without text', { output: 1 }, /output: expected a string; got 1/],
    ['an unknown field of a reply', { output: 'a', cost: 1 }, /unknown field "cost"/],
  ])('that returns %s ends the call with a HookError', async (_what, returned, message) => {
    const orchestrator = open({ agents: [agent], hooks: { before: () => returned as never } });
    expect(await rejection(orchestrator.execute('agent', 'x'))).toMatchObject({
      ...{ code: 'TUTTI_HOOK', name: 'HookError', hook: 'before', agent: 'agent', retryable: false },
      message: expect.stringMatching(message),
    });
    expect(requests).toEqual([]);
  });

  test.each([
    [
      'throws',
      (): never => {
        throw new TypeError('broken');
      },
    ],
    [
      'rejects',
      async (): Promise<never> => {
        throw new TypeError('broken');
      },
    ],
  ])('that %s ends the call with a HookError, in a run too', async (_how, before) => {
    const orchestrator = open({ agents: [agent], hooks: { before } });
    const error = {
      code: 'TUTTI_HOOK',
      message: 'The before hook of agent "agent" failed: broken',
      cause: expect.any(TypeError),
    };
    expect(await rejection(orchestrator.execute('agent', 'x'))).toMatchObject(error);
    expect(await orchestrator.executeMultiple([['agent', 'x']])).toMatchObject([{ success: false, error }]);
    expect(orchestrator.stats()).toMatchObject({ failed: 2, attempts: 0 });
  });

  test('cannot change what it was given', async () => {
    const hooks: Hooks = {
      before: (request) => {
        (request as { task: string }).task = 'changed';
        return undefined;
      },
    };
    const outcome = rejection(open({ agents: [agent], hooks }).execute('agent', 'x'));
    expect(await outcome).toMatchObject({ code: 'TUTTI_HOOK', cause: expect.any(TypeError) });
  });
});

describe('after', () => {
  test('replaces fields of the result, not whose it is, and the turns follow', async () => {
    const hooks: Hooks = {
      after: (result) => ({
        ...result,
        agent: 'other',
        callId: 'other',
        success: false as never,
        output: 'new',
        data: 1,
        metadata: { m: 1 },
      }),
    };
    const orchestrator = open({ agents: { echo }, hooks });
    const result = await orchestrator.execute('echo', { text: 'x' });
    expect(result).toMatchObject({
      success: true,
      agent: 'echo',
      output: 'new',
      data: 1,
      metadata: { m: 1 },
    });
    expect(result.callId).not.toBe('other');
    expect(result.messages).toEqual([
      { role: 'user', content: 'x' },
      { role: 'assistant', content: 'new' },
    ]);
    const own: Hooks = { after: () => ({ messages: [] }) };
    expect(await open({ agents: { echo }, hooks: own }).execute('echo', { text: 'x' })).toMatchObject({
      messages: [],
    });
  });

  test('gets each call that shares an answer, and what one changes no other sees', async () => {
    const hooks: Hooks = {
      after: (result, { metadata }) => {
        (result.data as { by?: unknown }).by = metadata?.id;
        return undefined;
      },
    };
    const agent = async () => ({ output: '{}', data: {} });
    const orchestrator = open({ agents: { agent }, cache: true, hooks });
    const ask = (id: number) => orchestrator.execute('agent', 'x', { metadata: { id } });
    const both = await Promise.all([ask(1), ask(2)]);
    expect(both.map(({ data }) => data)).toEqual([{ by: 1 }, { by: 2 }]);
  });

  test('holds a stream back: its reader gets one piece, as it was replaced', async () => {
    async function* agent() {
      yield 'a secret ';
      yield 'in pieces';
    }
    const orchestrator = open({
      agents: { agent },
      cache: true,
      hooks: { after: () => ({ output: 'nothing' }) },
    });
    for (const cached of [false, 'memory']) {
      const stream = orchestrator.stream('agent', 'x');
      const events: StreamEvent[] = [];
      for await (const event of stream) events.push(event);
      expect(events).toEqual([
        { type: 'text-delta', text: 'nothing' },
        { type: 'finish', finishReason: 'stop' },
      ]);
      expect(await stream.result).toMatchObject({ output: 'nothing', cached });
    }
  });

  test('lets a stream flow where there is only a before hook', async () => {
    async function* agent(task: string) {
      yield task;
      yield '!';
    }
    const orchestrator = open({ agents: { agent }, hooks: { before: () => ({ task: 'y' }) } });
    const pieces: string[] = [];
    for await (const text of orchestrator.stream('agent', 'x').text) pieces.push(text);
    expect(pieces).toEqual(['y', '!']);
  });

  const paid = async () => ({ output: 'ok', usage: { inputTokens: 3, outputTokens: 4 }, costUsd: 0.25 });
  const spent = { usage: { inputTokens: 3, outputTokens: 4 }, costUsd: 0.25 };

  test.each([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
      /failed: broken/,
    ],
    ['returns a string', () => 'new', /expected an object with what it replaces.*got a string/],
    ['returns an unknown field', () => ({ ouput: 'new' }), /unknown field "ouput"\. Did you mean "output"\?/],
    ['returns an output that is none', () => ({ output: 1 }), /output: expected a string; got 1/],
  ])(
    'that %s ends the call with a HookError, and what the answer cost is told',
    async (_what, after, message) => {
      const orchestrator = open({ agents: { paid }, hooks: { after: after as never } });
      const [outcome] = await orchestrator.executeMultiple([['paid', 'x']]);
      expect(outcome).toMatchObject({
        ...{ success: false, attempts: 1, ...spent },
        error: { code: 'TUTTI_HOOK', hook: 'after', message: expect.stringMatching(message) },
      });
      expect(orchestrator.stats()).toMatchObject({ failed: 1, costUsd: 0.25 });
    },
  );

  test('may take its time: the call can be cancelled meanwhile, and its permit is free', async () => {
    const results: AgentResult[] = [];
    const hooks: Hooks = {
      after: (result) => {
        results.push(result);
        return result.metadata === undefined ? undefined : new Promise(() => {});
      },
    };
    const orchestrator = open({ agents: { paid }, hooks, maxConcurrent: 1 });
    const controller = new AbortController();
    const call = orchestrator.executeMultiple([{ agent: 'paid', task: 'x', metadata: { slow: true } }], {
      signal: controller.signal,
    });
    while (results.length === 0) await turn();
    expect(await orchestrator.execute('paid', 'y')).toMatchObject({ output: 'ok' });
    controller.abort();
    expect(await call).toMatchObject([{ success: false, error: { code: 'TUTTI_CANCELLED' }, ...spent }]);
  });

  test('is not asked about a call that has failed', async () => {
    let asked = 0;
    const hooks: Hooks = {
      after: () => {
        asked += 1;
      },
    };
    const agent = () => {
      throw new Error('broken');
    };
    expect(await rejection(open({ agents: { agent }, hooks }).execute('agent', 'x'))).toMatchObject({
      code: 'TUTTI_AGENT_FAILED',
    });
    expect(asked).toBe(0);
  });
});

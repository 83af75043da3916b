// Covers: src/providers/model/run-tool.ts
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { StreamEvent } from '../../../src/contracts/stream-event.js';
import type { ToolSet } from '../../../src/contracts/tool.js';
import { type Logger, silentLogger } from '../../../src/logging/logger.js';
import type { ModelStep, ModelStepRequest } from '../../../src/providers/model/model-step.js';
import type { ToolLoopOptions } from '../../../src/providers/model/tool-conversation.js';
import { resolveMaxSteps, runToolLoop, streamToolLoop } from '../../../src/providers/model/tool-loop.js';
import { prepareTools } from '../../../src/providers/model/tool-set.js';

const answer = (text: string, more: Partial<ModelStep> = {}): ModelStep => ({
  text,
  toolCalls: [],
  usage: {},
  finishReason: 'stop',
  ...more,
});
const call = (name: string, input: unknown, id = `id-${name}`) => ({ id, name, input });
const asking = (...toolCalls: ModelStep['toolCalls']): ModelStep =>
  answer('', { toolCalls, finishReason: 'tool-calls' });

/** A model that answers one after the other, and keeps a copy of what it was sent. */
function model(...steps: ModelStep[]) {
  const requests: ModelStepRequest[] = [];
  const next = (request: ModelStepRequest) => {
    requests.push({ ...request, messages: [...request.messages] });
    return steps[requests.length - 1] as ModelStep;
  };
  return {
    requests,
    step: async (request: ModelStepRequest) => next(request),
    async *streamStep(request: ModelStepRequest): AsyncGenerator<StreamEvent, ModelStep, undefined> {
      const step = next(request);
      for (const char of step.text) yield { type: 'text-delta', text: char };
      for (const toolCall of step.toolCalls) yield { type: 'tool-call', ...toolCall };
      if (step.usage.inputTokens !== undefined)
        yield { type: 'usage', usage: { inputTokens: step.usage.inputTokens } };
      yield { type: 'finish', finishReason: step.finishReason };
      return step;
    },
  };
}

const weather: ToolSet = {
  weather: {
    description: 'Tells the weather',
    input: z.object({ city: z.string() }),
    run: (input) => ({ sky: `blue over ${(input as { city: string }).city}` }),
  },
};

const options = (tools: ToolSet | undefined, more: Partial<ToolLoopOptions> = {}): ToolLoopOptions => ({
  agent: 'helper',
  callId: 'call-1',
  api: 'test/chat',
  task: 'the task',
  tools: prepareTools(tools),
  maxSteps: 8,
  signal: new AbortController().signal,
  logger: silentLogger,
  ...more,
});

describe('runToolLoop', () => {
  test('tells what all steps have used so far, so that a later failure loses none of it', async () => {
    const told: unknown[] = [];
    const failing = async (request: ModelStepRequest): Promise<ModelStep> => {
      if (request.messages.length > 4) throw new Error('the third step fails');
      return { ...asking(call('weather', { city: 'Rome' })), usage: { inputTokens: 10, outputTokens: 2 } };
    };
    const onUsage = (usage: unknown) => told.push(usage);
    await expect(runToolLoop(failing, options(weather, { onUsage }))).rejects.toThrow('third');
    expect(told).toEqual([
      { inputTokens: 10, outputTokens: 2 },
      { inputTokens: 20, outputTokens: 4 },
    ]);
  });

  test('is one step without tools', async () => {
    const { step, requests } = model(answer('hello', { usage: { inputTokens: 3 }, model: 'm-1' }));
    expect(await runToolLoop(step, options(undefined))).toEqual({
      text: 'hello',
      usage: { inputTokens: 3 },
      finishReason: 'stop',
      model: 'm-1',
      steps: undefined,
    });
    expect(requests[0]).toMatchObject({ messages: [{ role: 'user', text: 'the task' }], tools: [] });
  });

  test('runs a tool, tells the model its result, and gives every step', async () => {
    const raw = { signed: 'block' };
    const first = {
      ...asking(call('weather', { city: 'Ulm' })),
      usage: { inputTokens: 5, outputTokens: 1 },
      raw,
    };
    const { step, requests } = model(first, answer('Blue.', { usage: { inputTokens: 9, outputTokens: 2 } }));
    const reply = await runToolLoop(step, options(weather));
    expect(reply).toMatchObject({
      text: 'Blue.',
      usage: { inputTokens: 14, outputTokens: 3 },
      finishReason: 'stop',
    });
    const output = '{"sky":"blue over Ulm"}';
    expect(reply.steps).toEqual([
      {
        text: '',
        toolCalls: [{ ...call('weather', { city: 'Ulm' }), output, isError: false }],
        usage: { inputTokens: 5, outputTokens: 1 },
        finishReason: 'tool-calls',
      },
      { text: 'Blue.', toolCalls: [], usage: { inputTokens: 9, outputTokens: 2 }, finishReason: 'stop' },
    ]);
    expect(requests[0]?.tools).toEqual([
      {
        name: 'weather',
        description: 'Tells the weather',
        inputSchema: expect.objectContaining({ type: 'object', required: ['city'] }),
      },
    ]);
    expect(requests[1]?.messages.slice(1)).toEqual([
      { role: 'assistant', text: '', toolCalls: [call('weather', { city: 'Ulm' })], raw },
      { role: 'tool', results: [{ id: 'id-weather', name: 'weather', output, isError: false }] },
    ]);
  });

  test('runs tools of one step side by side, and answers in the order of the model', async () => {
    let started = 0;
    let bothStarted: () => void = () => {};
    const meeting = new Promise<void>((resolve) => {
      bothStarted = resolve;
    });
    const tools: ToolSet = {
      meet: {
        input: z.object({ id: z.number() }),
        // Neither ends before both have started.
        run: async (input) => {
          started += 1;
          if (started === 2) bothStarted();
          await meeting;
          return `met ${(input as { id: number }).id}`;
        },
      },
    };
    const { step, requests } = model(
      asking(call('meet', { id: 1 }, 'a'), call('meet', { id: 2 }, 'b')),
      answer('ok'),
    );
    await runToolLoop(step, options(tools));
    expect(requests[1]?.messages.at(-1)).toMatchObject({
      results: [
        { id: 'a', output: 'met 1' },
        { id: 'b', output: 'met 2' },
      ],
    });
  });

  test.each([
    [
      'an unknown tool',
      call('wether', {}),
      /There is no tool "wether"\. The tools are: weather, broken, silent/,
    ],
    ['a name that every object has', call('constructor', {}), /There is no tool/],
    ['input that does not match', call('weather', { city: 7 }), /input is invalid: city: /],
    ['input that is no JSON', call('weather', '{"city":'), /input is invalid/],
    ['a tool that throws', call('broken', {}), /^Error: the disk is on fire$/],
    ['a tool that throws no error', call('broken', { text: true }), /^Error: just text$/],
    ['a result that JSON cannot say', call('broken', { bigint: true }), /BigInt/],
  ])('tells the model about %s, and goes on', async (_what, toolCall, message) => {
    const tools: ToolSet = {
      ...weather,
      broken: {
        input: z.object({ text: z.boolean().optional(), bigint: z.boolean().optional() }),
        run: (input) => {
          const { text, bigint } = input as { text?: boolean; bigint?: boolean };
          if (bigint === true) return { n: 1n };
          throw text === true ? 'just text' : new Error('the disk is on fire');
        },
      },
      silent: { input: z.object({}), run: () => undefined },
    };
    const { step, requests } = model(asking(toolCall, call('silent', {})), answer('Sorry.'));
    const reply = await runToolLoop(step, options(tools));
    expect(reply.text).toBe('Sorry.');
    const [first, second] = reply.steps?.[0]?.toolCalls ?? [];
    expect(first).toMatchObject({ isError: true, output: expect.stringMatching(message) });
    expect(second).toMatchObject({ isError: false, output: 'done' });
    expect(requests[1]?.messages.at(-1)).toMatchObject({ results: [{ isError: true }, { isError: false }] });
  });

  test('stops at the step limit without running tools whose results nobody would read', async () => {
    let runs = 0;
    const tools: ToolSet = { again: { input: z.object({}), run: () => `run ${++runs}` } };
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message ?? '') };
    const { step, requests } = model(
      ...Array(5).fill({ ...asking(call('again', {})), usage: { inputTokens: 1 } }),
    );
    const reply = await runToolLoop(step, options(tools, { maxSteps: 3, logger }));
    expect(requests).toHaveLength(3);
    expect(runs).toBe(2);
    expect(reply).toMatchObject({ finishReason: 'tool-calls', usage: { inputTokens: 3 } });
    expect(reply.steps?.[2]?.toolCalls).toEqual([call('again', {})]);
    expect(warnings).toEqual([expect.stringContaining('step limit')]);
  });

  test.each(['length', 'content-filter', 'refusal'] as const)(
    'does not run a tool call cut off by %s',
    async (finishReason) => {
      const { step, requests } = model({ ...asking(call('weather', { city: 'U' })), finishReason });
      const reply = await runToolLoop(step, options(weather));
      expect(requests).toHaveLength(1);
      expect(reply.finishReason).toBe(finishReason);
    },
  );

  test('runs tools of servers that say "stop" beside them', async () => {
    const { step } = model(
      { ...asking(call('weather', { city: 'Ulm' })), finishReason: 'stop' },
      answer('ok'),
    );
    expect((await runToolLoop(step, options(weather))).text).toBe('ok');
  });

  test('goes on after answers that were rejected', async () => {
    const { step, requests } = model(answer('{}'));
    await runToolLoop(step, options(undefined, { rejected: [{ output: 'no', problem: 'it is no JSON' }] }));
    expect(requests[0]?.messages).toEqual([
      { role: 'user', text: 'the task' },
      { role: 'assistant', text: 'no', toolCalls: [] },
      { role: 'user', text: expect.stringContaining('it is no JSON') },
    ]);
  });

  test('gives every tool the signal, and waits for tools that are running when it is aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let settled = false;
    const tools: ToolSet = {
      slow: {
        input: z.object({}),
        run: async (_input, { signal, toolCallId }) => {
          expect(signal.aborted).toBe(false);
          expect(toolCallId).toBe('id-slow');
          controller.abort(reason);
          expect(signal.reason).toBe(reason);
          await new Promise((resolve) => setImmediate(resolve));
          settled = true;
          throw signal.reason;
        },
      },
    };
    const { step, requests } = model(asking(call('slow', {})), answer('never'));
    await expect(runToolLoop(step, options(tools, { signal: controller.signal }))).rejects.toBe(reason);
    expect(settled).toBe(true);
    expect(requests).toHaveLength(1);
  });

  test('asks nothing when it is aborted already', async () => {
    const controller = new AbortController();
    const reason = new Error('too late');
    controller.abort(reason);
    const { step, requests } = model(answer('never'));
    await expect(runToolLoop(step, options(undefined, { signal: controller.signal }))).rejects.toBe(reason);
    expect(requests).toHaveLength(0);
  });
});

describe('streamToolLoop', () => {
  test('gives the deltas of every step, the usage so far, and one finish', async () => {
    const { streamStep } = model(
      { ...asking(call('weather', { city: 'Ulm' })), usage: { inputTokens: 5, outputTokens: 1 } },
      answer('Hi', { usage: { inputTokens: 9, outputTokens: 2 } }),
    );
    const events: StreamEvent[] = [];
    for await (const event of streamToolLoop(streamStep, options(weather))) events.push(event);
    expect(events).toEqual([
      { type: 'tool-call', ...call('weather', { city: 'Ulm' }) },
      { type: 'usage', usage: { inputTokens: 5 } },
      { type: 'usage', usage: { inputTokens: 5, outputTokens: 1 } },
      {
        type: 'tool-result',
        id: 'id-weather',
        name: 'weather',
        output: '{"sky":"blue over Ulm"}',
        isError: false,
      },
      { type: 'text-delta', text: 'H' },
      { type: 'text-delta', text: 'i' },
      { type: 'usage', usage: { inputTokens: 14, outputTokens: 1 } },
      { type: 'usage', usage: { inputTokens: 14, outputTokens: 3 } },
      { type: 'finish', finishReason: 'stop' },
    ]);
  });

  test('returns the whole reply', async () => {
    const { streamStep } = model(answer('Hi', { model: 'm-1' }));
    const stream = streamToolLoop(streamStep, options(undefined));
    let next = await stream.next();
    while (next.done !== true) next = await stream.next();
    expect(next.value).toMatchObject({ text: 'Hi', model: 'm-1', steps: undefined });
  });

  test('ends the step when the reader leaves', async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<StreamEvent, ModelStep, undefined> {
      try {
        for (;;) yield { type: 'text-delta', text: 'x' };
      } finally {
        closed = true;
      }
    }
    for await (const _ of streamToolLoop(endless, options(undefined))) break;
    expect(closed).toBe(true);
  });

  test('passes on what a step throws', async () => {
    const error = new Error('cut');
    // biome-ignore lint/correctness/useYield: it fails before it yields
    async function* broken(): AsyncGenerator<StreamEvent, ModelStep, undefined> {
      throw error;
    }
    const read = async () => {
      for await (const _ of streamToolLoop(broken, options(undefined))) void _;
    };
    await expect(read()).rejects.toBe(error);
  });
});

describe('prepareTools', () => {
  const tool = { input: z.object({}), run: () => '' };

  test('is nothing when there are no tools', () => {
    expect(prepareTools(undefined)).toBeUndefined();
    expect(prepareTools({})).toBeUndefined();
  });

  test.each([
    [[tool], 'options.tools'],
    ['weather', 'options.tools'],
    [null, 'options.tools'],
    [{ 'bad name': tool }, 'options.tools.bad name'],
    [{ a: { input: z.object({}) } }, 'options.tools.a.run'],
    [{ a: null }, 'options.tools.a.run'],
    [{ a: { ...tool, input: { type: 'object' } } }, 'options.tools.a.input'],
    [{ a: { ...tool, input: undefined } }, 'options.tools.a.input'],
    [{ a: { ...tool, input: z.string() } }, 'options.tools.a.input'],
    [{ a: { ...tool, input: z.object({ at: z.date() }) } }, 'options.tools.a.input'],
  ])('refuses bad tools %#', (tools, field) => {
    expect(() => prepareTools(tools as unknown as ToolSet)).toThrow(
      expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }),
    );
  });
});

describe('resolveMaxSteps', () => {
  test('is 8 unless it is given', () => {
    expect(resolveMaxSteps(undefined)).toBe(8);
    expect(resolveMaxSteps(1)).toBe(1);
  });

  test.each([0, -1, 1.5, 1_001, Number.NaN, '3' as never])('refuses %s', (value) => {
    expect(() => resolveMaxSteps(value)).toThrow(expect.objectContaining({ field: 'options.maxSteps' }));
  });
});

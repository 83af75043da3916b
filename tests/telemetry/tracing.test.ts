// Covers: src/telemetry/tracing/open-telemetry.ts, src/telemetry/tracing/call-spans.ts
// Covers: src/telemetry/tracing/otel-api.ts, src/telemetry/tracing/names.ts
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { context, type HrTime, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { Provider } from '../../src/contracts/provider.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { openTelemetry } from '../../src/telemetry/tracing/open-telemetry.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = tracerProvider.getTracer('user');
const cleanUps: Array<() => unknown> = [];

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(async () => {
  context.disable();
  await tracerProvider.shutdown();
});
beforeEach(() => exporter.reset());
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function trackOf(orchestrator: AsyncOrchestrator<never> | object, recordContent = false): void {
  const opened = orchestrator as AsyncOrchestrator;
  cleanUps.push(() => opened.close(), openTelemetry(opened, { tracerProvider, recordContent }));
}

/** A span with those below it, in the order in which they started. */
interface Tree {
  name: string;
  below?: Tree[];
}

function byStart(a: ReadableSpan, b: ReadableSpan): number {
  const [first, second]: [HrTime, HrTime] = [a.startTime, b.startTime];
  return first[0] - second[0] || first[1] - second[1];
}

function trees(): Tree[] {
  const spans = exporter.getFinishedSpans();
  const ids = new Map(spans.map((span) => [span, span.spanContext().spanId]));
  const below = (parent: string | undefined): Tree[] =>
    spans
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
      .sort(byStart)
      .map((span) => {
        const inner = below(ids.get(span));
        return inner.length === 0 ? { name: span.name } : { name: span.name, below: inner };
      });
  return below(undefined);
}

function spanNamed(name: string): ReadableSpan {
  const found = exporter.getFinishedSpans().find((span) => span.name === name);
  if (found === undefined) throw new Error(`There is no span ${name}.`);
  return found;
}

/** Does something within a span of the user. */
async function within<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
}

function modelOf(answers: ReadonlyArray<string | Error>): Provider {
  let asked = 0;
  return {
    specificationVersion: 1,
    name: 'acme',
    generate: async () => {
      const answer = answers[Math.min(asked, answers.length - 1)] as string | Error;
      asked += 1;
      if (typeof answer !== 'string') throw answer;
      return {
        output: answer,
        model: 'big-1-2026',
        usage: { inputTokens: 7, outputTokens: 5 },
        costUsd: 0.5,
      };
    },
  };
}

const overloaded = () => Object.assign(new Error('busy'), { status: 529, retryable: true });

describe('openTelemetry()', () => {
  test('makes one span a call, with one below it for each attempt, below the span around the call', async () => {
    const agent = { name: 'writer', model: 'big-1', provider: modelOf([overloaded(), 'done']) };
    const orchestrator = new AsyncOrchestrator({ agents: [agent], retry: { minDelayMs: 1, jitter: 'none' } });
    trackOf(orchestrator);
    await within('request', () => orchestrator.execute('writer', 'hello', { tenant: 'acme-inc' }));
    const attempt = { name: 'chat big-1' };
    expect(trees()).toEqual([
      { name: 'request', below: [{ name: 'invoke_agent writer', below: [attempt, attempt] }] },
    ]);
    expect(spanNamed('invoke_agent writer').attributes).toMatchObject({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'writer',
      'gen_ai.provider.name': 'acme',
      'gen_ai.request.model': 'big-1',
      'gen_ai.response.model': 'big-1-2026',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 5,
      'tutti.call.attempts': 2,
      'tutti.cost.usd': 0.5,
      'tutti.tenant': 'acme-inc',
    });
    const attempts = exporter.getFinishedSpans().filter(({ name }) => name === 'chat big-1');
    expect(attempts.map(({ attributes }) => attributes['tutti.attempt.kind'])).toEqual(['first', 'retry']);
    expect(attempts[0]?.attributes['error.type']).toBe('TUTTI_AGENT_FAILED');
    expect(attempts[0]?.status.code).toBe(2);
    expect(spanNamed('invoke_agent writer').events.map(({ name }) => name)).toContain('tutti.retry');
  });

  test('has every call of executeMultiple below the span around it, whichever run frees the permit', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 2,
      agents: {
        slow: async (task: string) => {
          await new Promise((resolve) => {
            setTimeout(resolve, 2);
          });
          return task;
        },
      },
    });
    trackOf(orchestrator);
    const tasks = ['a', 'b', 'c', 'd', 'e'].map((task) => ['slow', task] as const);
    await Promise.all(
      ['run 1', 'run 2'].map((name) => within(name, () => orchestrator.executeMultiple(tasks))),
    );
    const call = { name: 'invoke_agent slow', below: [{ name: 'attempt slow' }] };
    const below = Array.from({ length: 5 }, () => call);
    expect(trees()).toEqual([
      { name: 'run 1', below },
      { name: 'run 2', below },
    ]);
  });

  test('has what agents do below the span of their attempt: spans of their own, and calls of other agents', async () => {
    const orchestrator: AsyncOrchestrator = new AsyncOrchestrator({
      agents: {
        lead: async (task: string) => {
          await within('look up', async () => {});
          const { output } = await orchestrator.execute('helper', task);
          return output;
        },
        helper: async (task: string) => task.toUpperCase(),
      },
    });
    trackOf(orchestrator);
    await orchestrator.execute('lead', 'x');
    const helper = { name: 'invoke_agent helper', below: [{ name: 'attempt helper' }] };
    expect(trees()).toEqual([
      {
        name: 'invoke_agent lead',
        below: [{ name: 'attempt lead', below: [{ name: 'look up' }, helper] }],
      },
    ]);
  });

  test('has the second attempt in the context of the call, not of the first attempt', async () => {
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      retry: { minDelayMs: 1, jitter: 'none' },
      agents: {
        flaky: async () => {
          attempts += 1;
          return within(`work ${attempts}`, async () => {
            if (attempts === 1) throw overloaded();
            return 'ok';
          });
        },
      },
    });
    trackOf(orchestrator);
    await orchestrator.execute('flaky', 'x');
    expect(trees()).toEqual([
      {
        name: 'invoke_agent flaky',
        below: [
          { name: 'attempt flaky', below: [{ name: 'work 1' }] },
          { name: 'attempt flaky', below: [{ name: 'work 2' }] },
        ],
      },
    ]);
  });

  test('has fallbacks and hedges as attempts of the one call', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      maxRetries: 0,
      hedge: { afterMs: 50, maxExtraRatio: 1 },
      agents: [
        { name: 'broken', provider: modelOf([overloaded()]), model: 'big-1', fallbacks: ['spare'] },
        {
          name: 'spare',
          run: (task: string) =>
            new Promise<string>((resolve) => {
              asked += 1;
              clock.setTimeout(() => resolve(task), asked === 1 ? 1_000 : 10, undefined);
            }),
        },
      ],
    });
    trackOf(orchestrator);
    const call = orchestrator.execute('broken', 'x');
    await clock.advance(2_000);
    await call;
    expect(trees()).toEqual([
      {
        name: 'invoke_agent broken',
        below: [{ name: 'chat big-1' }, { name: 'attempt spare' }, { name: 'attempt spare' }],
      },
    ]);
    const numberOf = ({ attributes }: ReadableSpan) => Number(attributes['tutti.attempt.number']);
    const kinds = exporter
      .getFinishedSpans()
      .filter((span) => numberOf(span) > 0)
      .sort((a, b) => numberOf(a) - numberOf(b))
      .map(({ attributes }) => attributes['tutti.attempt.kind']);
    expect(kinds).toEqual(['first', 'fallback', 'hedge']);
    const { events, status } = spanNamed('invoke_agent broken');
    expect(events.map(({ name }) => name)).toEqual(expect.arrayContaining(['tutti.fallback', 'tutti.hedge']));
    expect(status.code).toBe(0);
  });

  test('has a span of each call of a tool below the attempt that makes it', async () => {
    const provider: Provider = {
      specificationVersion: 1,
      name: 'acme',
      generate: async ({ toolHost }) => {
        for (const toolCallId of ['1', '2']) {
          const ended = toolHost?.started({ tool: 'search', toolCallId, key: toolCallId });
          ended?.(toolCallId === '2');
        }
        return { output: 'done' };
      },
    };
    const orchestrator = new AsyncOrchestrator({ agents: [{ name: 'writer', provider }] });
    trackOf(orchestrator);
    await orchestrator.execute('writer', 'x');
    const tool = { name: 'execute_tool search' };
    expect(trees()).toEqual([
      { name: 'invoke_agent writer', below: [{ name: 'chat acme', below: [tool, tool] }] },
    ]);
    const tools = exporter.getFinishedSpans().filter(({ name }) => name === tool.name);
    expect(tools.map(({ attributes, status }) => [attributes['gen_ai.tool.call.id'], status.code])).toEqual([
      ['1', 0],
      ['2', 2],
    ]);
  });

  test('says where an answer came from, and counts its tokens once', async () => {
    const agent = { name: 'writer', model: 'big-1', provider: modelOf(['done']) };
    const orchestrator = new AsyncOrchestrator({ agents: [agent], cache: true });
    trackOf(orchestrator);
    await orchestrator.execute('writer', 'x');
    await orchestrator.execute('writer', 'x');
    const calls = exporter.getFinishedSpans().filter(({ name }) => name === 'invoke_agent writer');
    expect(calls.map(({ attributes }) => attributes['tutti.cache.source'])).toEqual([undefined, 'memory']);
    expect(calls.map(({ attributes }) => attributes['gen_ai.usage.input_tokens'])).toEqual([7, undefined]);
    expect(calls[1]?.attributes['tutti.saved.usd']).toBe(0.5);
    expect(exporter.getFinishedSpans().filter(({ name }) => name === 'chat big-1')).toHaveLength(1);
  });

  test('tells failed calls from cancelled ones', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxRetries: 0,
      agents: { broken: () => Promise.reject(new Error('no')) },
    });
    trackOf(orchestrator);
    await orchestrator.execute('broken', 'x').catch(() => {});
    await orchestrator.execute('broken', 'x', { signal: AbortSignal.abort() }).catch(() => {});
    const calls = exporter.getFinishedSpans().filter(({ name }) => name === 'invoke_agent broken');
    expect(calls.map(({ attributes, status }) => [attributes['error.type'], status.code])).toEqual([
      ['TUTTI_AGENT_FAILED', 2],
      ['TUTTI_CANCELLED', 0],
    ]);
  });

  test('holds no task and no answer unless asked to, and then as the hooks have left them', async () => {
    const options = {
      agents: { echo: async (task: string) => `secret ${task}` },
      hooks: {
        before: ({ task }: { task: unknown }) => ({ task: String(task).replace('Ada', '[name]') }),
        after: ({ output }: { output: string }) => ({ output: output.replace('secret', '[secret]') }),
      },
    };
    const silent = new AsyncOrchestrator(options);
    trackOf(silent);
    await silent.execute('echo', 'to Ada');
    expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toMatch(
      /name\]|secret/,
    );
    exporter.reset();
    const open = new AsyncOrchestrator(options);
    trackOf(open, true);
    await open.execute('echo', 'to Ada');
    expect(spanNamed('invoke_agent echo').attributes).toMatchObject({
      'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"to [name]"}]}]',
      'gen_ai.output.messages':
        '[{"role":"assistant","parts":[{"type":"text","content":"[secret] to [name]"}]}]',
    });
  });

  test('makes nothing more once it is stopped, and ends what is open', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        slow: () => new Promise<string>((resolve) => clock.setTimeout(() => resolve('x'), 100, undefined)),
      },
    });
    const stop = openTelemetry(orchestrator, { tracerProvider });
    cleanUps.push(() => orchestrator.close());
    const call = orchestrator.execute('slow', 'x');
    await clock.advance(10);
    stop();
    expect(trees()).toEqual([{ name: 'invoke_agent slow', below: [{ name: 'attempt slow' }] }]);
    await clock.advance(200);
    await call;
    const second = orchestrator.execute('slow', 'y');
    await clock.advance(200);
    await second;
    expect(exporter.getFinishedSpans()).toHaveLength(2);
  });

  test('uses the tracer provider that the application has registered', async () => {
    trace.setGlobalTracerProvider(tracerProvider);
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task: string) => task } });
    cleanUps.push(
      () => trace.disable(),
      () => orchestrator.close(),
      openTelemetry(orchestrator),
    );
    await orchestrator.execute('echo', 'x');
    expect(trees()).toEqual([{ name: 'invoke_agent echo', below: [{ name: 'attempt echo' }] }]);
  });

  test('refuses what is no provider', () => {
    const orchestrator = new AsyncOrchestrator();
    expect(() => openTelemetry(orchestrator, { tracerProvider: {} as never })).toThrow(
      'openTelemetry options: tracerProvider: expected a tracer provider',
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import {
  AgentError,
  AsyncOrchestrator,
  CancelledError,
  ClosedError,
  defineAgent,
  InvalidArgumentError,
  OutputError,
  StreamConsumedError,
} from '../../src/index.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { httpError, rejectionOf, turn, wait } from '../behaviour/scripted-agents.js';
import { counting, eventsOf, textOf, withEvents } from './streams.js';

describe('a stream', () => {
  test('gives its events in order and its result at the end', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { withEvents } });
    const stream = orchestrator.stream('withEvents', 't', { metadata: { row: 1 } });
    const events = await eventsOf(stream);
    expect(events.map((event) => event.type)).toEqual([
      'reasoning-delta',
      'text-delta',
      'text-delta',
      'tool-call',
      'usage',
      'usage',
      'finish',
    ]);
    expect(events[1]).toEqual({ type: 'text-delta', text: 'Hello, ' });
    const result = await stream.result;
    expect(result).toMatchObject({
      success: true,
      output: 'Hello, world',
      usage: { inputTokens: 3, outputTokens: 4, totalTokens: 7 },
      finishReason: 'length',
      metadata: { row: 1 },
      callId: stream.callId,
      attempts: 1,
    });
    expect(result.timings.firstTokenMs).toBeGreaterThanOrEqual(0);
  });

  test('gives the text alone through .text', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { withEvents } });
    const stream = orchestrator.stream('withEvents', 't');
    expect(await textOf(stream.text)).toBe('Hello, world');
    expect((await stream.result).output).toBe('Hello, world');
  });

  test('ends with finish, and gives text and usage, where the agent does not stream', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: {
        whole: async () => ({
          output: 'all at once',
          usage: { outputTokens: 3 },
          finishReason: 'stop' as const,
        }),
        silent: () => '',
      },
    });
    expect(await eventsOf(orchestrator.stream('whole', 't'))).toEqual([
      { type: 'text-delta', text: 'all at once' },
      { type: 'usage', usage: { outputTokens: 3 } },
      { type: 'finish', finishReason: 'stop' },
    ]);
    expect(await eventsOf(orchestrator.stream('silent', 't'))).toEqual([
      { type: 'finish', finishReason: 'stop' },
    ]);
  });

  test('is collected into one answer by execute and executeMultiple', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: { counting: counting(100), late: async () => withEvents('', {} as never) as unknown as string },
    });
    const result = await orchestrator.execute('counting', 't');
    expect(result.output.split(' ')).toHaveLength(101);
    expect((await orchestrator.execute('late', 't')).output).toBe('Hello, world');
    expect((await orchestrator.executeMultiple([['counting', 't']]))[0]).toMatchObject({
      output: result.output,
    });
  });

  test('starts at once, before anybody reads', async () => {
    let isStarted = false;
    const orchestrator = new AsyncOrchestrator({
      agents: {
        eager: async function* () {
          isStarted = true;
          yield 'x';
        },
      },
    });
    const stream = orchestrator.stream('eager', 't');
    await turn();
    expect(isStarted).toBe(true);
    expect(await textOf(stream.text)).toBe('x');
  });

  test('holds its agent back while nobody reads', async () => {
    let made = 0;
    const orchestrator = new AsyncOrchestrator({
      agents: {
        fast: async function* () {
          for (; made < 1_000; ) {
            made += 1;
            yield 'x';
          }
        },
      },
    });
    const stream = orchestrator.stream('fast', 't');
    await turn();
    await turn();
    expect(made).toBe(16);
    let read = 0;
    for await (const event of stream) {
      read += 1;
      expect(made - read).toBeLessThanOrEqual(17);
      if (event.type === 'finish') break;
    }
    expect(made).toBe(1_000);
    expect((await stream.result).output).toHaveLength(1_000);
  });

  test('drops its events when only the result is awaited, however many there are', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { counting: counting(10_000) } });
    const stream = orchestrator.stream('counting', 't');
    const result = await stream.result;
    expect(result.output.split(' ')).toHaveLength(10_001);
    expect(stream.result).toBe(stream.result);
    expect(() => stream[Symbol.asyncIterator]()).toThrow(StreamConsumedError);
  });

  test('gives its events after the result too, where they were few enough to be kept', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { counting: counting(5) } });
    const stream = orchestrator.stream('counting', 't');
    await stream.result;
    expect(await textOf(stream.text)).toBe('1 2 3 4 5 ');
  });

  test('may be read and awaited at the same time', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { counting: counting(500) } });
    const first = orchestrator.stream('counting', 't');
    const [result, text] = await Promise.all([first.result, textOf(first.text)]);
    expect(text).toBe(result.output);
    const second = orchestrator.stream('counting', 't');
    const [other, again] = await Promise.all([textOf(second.text), second.result]);
    expect(other).toBe(again.output);
  });

  test('can be read once', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { counting: counting(3) } });
    const stream = orchestrator.stream('counting', 't');
    await eventsOf(stream);
    const error = await rejectionOf(StreamConsumedError, eventsOf(stream));
    expect(error).toMatchObject({ code: 'TUTTI_STREAM_CONSUMED', retryable: false });
    expect(() => stream.text).toThrow(StreamConsumedError);
  });

  test('is cancelled when its reader leaves, and its generator cleans up', async () => {
    let isCleanedUp = false;
    let aborted: unknown;
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      agents: {
        endless: async function* (_task, { signal }) {
          signal.addEventListener('abort', () => {
            aborted = signal.reason;
          });
          try {
            for (;;) yield 'x';
          } finally {
            isCleanedUp = true;
          }
        },
      },
    });
    const stream = orchestrator.stream('endless', 't');
    for await (const event of stream) {
      expect(event).toEqual({ type: 'text-delta', text: 'x' });
      break;
    }
    expect((await rejectionOf(CancelledError, stream.result)).message).toContain('reader left');
    await turn();
    expect(isCleanedUp).toBe(true);
    expect((aborted as CancelledError).code).toBe('TUTTI_CANCELLED');
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, cancelled: 1 });

    const words = orchestrator.stream('endless', 't');
    for await (const _word of words.text) break;
    await rejectionOf(CancelledError, words.result);

    const unread = orchestrator.stream('endless', 't');
    const texts = unread.text[Symbol.asyncIterator]();
    expect(await texts.return?.()).toEqual({ done: true, value: undefined });
    await rejectionOf(CancelledError, unread.result);
    expect(await texts.next()).toEqual({ done: true, value: undefined });
  });

  test('that still waits for its permit ends for a reader that leaves it like any other', async () => {
    const orchestrator = new AsyncOrchestrator({
      maxConcurrent: 1,
      agents: { hang: () => new Promise<string>(() => {}) },
    });
    const running = orchestrator.stream('hang', 't');
    await turn();
    const waiting = orchestrator.stream('hang', 't');
    await turn();
    const events = waiting[Symbol.asyncIterator]();
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await rejectionOf(CancelledError, waiting.result);
    running.cancel();
    await rejectionOf(CancelledError, running.result);
  });

  test.each([
    'before anybody reads',
    'while its reader is behind',
    'by its signal',
    'by a deadline',
    'by using',
  ])(
    'frees its permit at once when it is cancelled %s: its generator is told, not abandoned',
    async (how) => {
      const clock = new FakeClock();
      let isCleanedUp = false;
      const orchestrator = new AsyncOrchestrator({
        clock,
        agents: {
          endless: async function* () {
            try {
              for (;;) yield 'x';
            } finally {
              isCleanedUp = true;
            }
          },
        },
      });
      const controller = new AbortController();
      const stream = orchestrator.stream('endless', 't', { signal: controller.signal, deadlineMs: 1_000 });
      const reader = stream[Symbol.asyncIterator]();
      if (how === 'while its reader is behind') await reader.next();
      await turn();
      expect(orchestrator.stats().running).toBe(1);
      if (how === 'by its signal') controller.abort();
      else if (how === 'by a deadline') await clock.advance(1_000);
      else if (how === 'by using') await stream[Symbol.asyncDispose]();
      else stream.cancel('enough');
      await turn();
      expect(isCleanedUp).toBe(true);
      expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0, abandoned: 0 });
      expect(clock.pendingTimers).toBe(0);
      await expect(stream.result).rejects.toMatchObject({
        code: how === 'by a deadline' ? 'TUTTI_TIMEOUT' : 'TUTTI_CANCELLED',
      });
    },
  );

  test('keeps its permit until its generator has cleaned up', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        slowToStop: async function* () {
          try {
            for (;;) yield 'x';
          } finally {
            await wait(clock, 500);
          }
        },
      },
    });
    const stream = orchestrator.stream('slowToStop', 't');
    await turn();
    stream.cancel();
    await rejectionOf(CancelledError, stream.result);
    await clock.advance(499);
    expect(orchestrator.stats().running).toBe(1);
    await clock.advance(1);
    expect(orchestrator.stats()).toMatchObject({ running: 0, abandoned: 0 });
  });

  test('tells its reader why it was cancelled', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        slow: async function* () {
          yield 'first';
          await wait(clock, 1_000);
          yield 'second';
        },
      },
    });
    const stream = orchestrator.stream('slow', 't');
    const reader = stream[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual({ type: 'text-delta', text: 'first' });
    const next = rejectionOf(CancelledError, reader.next());
    stream.cancel('changed my mind');
    expect((await next).cause).toBe('changed my mind');
    stream.cancel('again');
    await clock.advance(10_000);
    expect(orchestrator.stats()).toMatchObject({ running: 0, abandoned: 0 });
  });

  test('that fails in the middle gives what it had, then the error, and is not tried again', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        breaks: async function* () {
          attempts += 1;
          yield 'one';
          yield 'two';
          throw httpError(503);
        },
      },
    });
    const stream = orchestrator.stream('breaks', 't');
    const seen: string[] = [];
    const error = await rejectionOf(
      AgentError,
      (async () => {
        for await (const piece of stream.text) seen.push(piece);
      })(),
    );
    expect(seen).toEqual(['one', 'two']);
    expect(error).toMatchObject({ status: 503 });
    expect(await rejectionOf(AgentError, stream.result)).toBe(error);
    await clock.advance(1_000_000);
    expect(attempts).toBe(1);
  });

  test('that fails before its first event is tried again', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        flaky: async function* () {
          attempts += 1;
          if (attempts < 3) throw httpError(503);
          yield 'at last';
        },
      },
    });
    const stream = orchestrator.stream('flaky', 't');
    const text = textOf(stream.text);
    await clock.advance(100_000);
    expect(await text).toBe('at last');
    expect((await stream.result).attempts).toBe(3);
  });

  test('is tried again in the middle by execute, which has given nothing out', async () => {
    const clock = new FakeClock();
    let attempts = 0;
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        breaksOnce: async function* () {
          attempts += 1;
          yield `attempt ${attempts}`;
          if (attempts === 1) throw httpError(503);
        },
      },
    });
    const call = orchestrator.execute('breaksOnce', 't');
    await clock.advance(100_000);
    expect(await call).toMatchObject({ output: 'attempt 2', attempts: 2 });
  });

  test('never mixes the events of a timed-out attempt into the next one', async () => {
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      timeoutMs: 100,
      retry: { minDelayMs: 1, jitter: 'none' },
      agents: {
        slowFirst: async function* (_task, { attempt }) {
          if (attempt === 1) await wait(clock, 150);
          yield `from ${attempt}`;
        },
      },
    });
    const stream = orchestrator.stream('slowFirst', 't');
    const text = textOf(stream.text);
    await clock.advance(1_000);
    expect(await text).toBe('from 2');
  });

  test.each([[42], [undefined], [null], [{ text: 'no type' }], [['x']]])(
    'is refused when it yields %p, and its generator cleans up',
    async (item) => {
      let isCleanedUp = false;
      const orchestrator = new AsyncOrchestrator({
        agents: {
          odd: async function* () {
            try {
              yield 'fine';
              yield item as unknown as string;
            } finally {
              isCleanedUp = true;
            }
          },
        },
      });
      const stream = orchestrator.stream('odd', 't');
      await rejectionOf(OutputError, eventsOf(stream));
      await turn();
      expect(isCleanedUp).toBe(true);
      expect(orchestrator.stats()).toMatchObject({ running: 0, failed: 1 });
    },
  );

  test('is refused when a text-delta has no text', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: {
        odd: async function* () {
          yield { type: 'text-delta' } as unknown as string;
        },
      },
    });
    await rejectionOf(OutputError, orchestrator.execute('odd', 't'));
  });

  test('validates its text against the output schema', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: [
        defineAgent({
          name: 'json',
          output: {
            safeParse: (value: unknown) => ({ success: true as const, data: value as { n: number } }),
          },
          run: async function* (task) {
            yield '{"n":';
            yield `${task}}`;
          },
        }),
      ],
    });
    expect((await orchestrator.stream('json', '7').result).data).toEqual({ n: 7 });
    await rejectionOf(OutputError, orchestrator.stream('json', 'seven').result);
  });

  test('throws at once what is wrong at the door', async () => {
    const orchestrator = new AsyncOrchestrator({ agents: { counting: counting(1) } });
    expect(() => orchestrator.stream('nope\n' as string, 't')).toThrow(InvalidArgumentError);
    expect(() => orchestrator.stream('counting', '')).toThrow(InvalidArgumentError);
    expect(() => orchestrator.stream('counting', 't', { timeoutMs: -1 })).toThrow(InvalidArgumentError);
    await orchestrator.close();
    expect(() => orchestrator.stream('counting', 't')).toThrow(ClosedError);
  });

  test('whose failure nobody looks at breaks nothing', async () => {
    const orchestrator = new AsyncOrchestrator({
      agents: {
        bad: () => {
          throw new Error('x');
        },
      },
    });
    void orchestrator.stream('bad', 't').result.catch(() => {});
    orchestrator.stream('bad', 't');
    await turn();
    expect(orchestrator.stats()).toMatchObject({ failed: 2, inFlight: 0 });
  });

  test('takes streams that cannot be closed, or fail to', async () => {
    const step = { done: false, value: 'x' } as const;
    const clock = new FakeClock();
    const orchestrator = new AsyncOrchestrator({
      clock,
      agents: {
        noReturn: () => ({ [Symbol.asyncIterator]: () => ({ next: async () => step }) }),
        badReturn: () => ({
          [Symbol.asyncIterator]: () => ({
            next: async () => step,
            return: () => {
              throw new Error('in return');
            },
          }),
        }),
        rejectingReturn: () => ({
          [Symbol.asyncIterator]: () => ({
            next: async () => step,
            return: () => Promise.reject(new Error('in return')),
          }),
        }),
      },
    });
    for (const agent of ['noReturn', 'badReturn', 'rejectingReturn'] as const) {
      for await (const _event of orchestrator.stream(agent, 't')) break;
      await turn();
      expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 0 });
    }
  });
});

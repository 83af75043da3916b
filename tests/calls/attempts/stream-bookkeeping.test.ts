import { describe, expect, test } from '@jest/globals';
import type { Provider, ProviderRequest } from '../../../src/contracts/provider.js';
import type { StreamEvent } from '../../../src/contracts/stream-event.js';
import { AsyncOrchestrator, TimeoutError } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { rejectionOf, wait } from '../../behaviour/scripted-agents.js';

/** One thing that a stream brings after a pause: an event, an activity, or a failure. */
type Step = readonly [pauseMs: number, what: StreamEvent | 'output' | 'keep-alive' | Error];

const usage: StreamEvent = { type: 'usage', usage: { inputTokens: 5 } };
const text = (piece: string): StreamEvent => ({ type: 'text-delta', text: piece });
const finish: StreamEvent = { type: 'finish', finishReason: 'stop' };
const overloaded = Object.assign(new Error('busy'), { status: 529 });

function providerOf(clock: FakeClock, attempts: readonly (readonly Step[])[]): Provider {
  let attempt = 0;
  return {
    specificationVersion: 1,
    name: 'scripted',
    generate: () => Promise.reject(new Error('not streamed')),
    async *stream({ onActivity, signal }: ProviderRequest) {
      const steps = attempts[attempt] ?? [];
      attempt += 1;
      for (const [pauseMs, what] of steps) {
        if (pauseMs > 0) await wait(clock, pauseMs);
        signal.throwIfAborted();
        if (what instanceof Error) throw what;
        if (typeof what === 'string') onActivity?.(what);
        else yield what;
      }
    },
  };
}

function run(attempts: readonly (readonly Step[])[], timeouts: object = {}, maxRetries = 2) {
  const clock = new FakeClock();
  const orchestrator = new AsyncOrchestrator({
    clock,
    timeouts,
    maxRetries,
    retry: { minDelayMs: 1, jitter: 'none' },
    agents: { a: { name: 'a', provider: providerOf(clock, attempts) } },
  });
  const stream = orchestrator.stream('a', 't');
  const events: StreamEvent[] = [];
  const reading = (async () => {
    for await (const event of stream) events.push(event);
  })();
  reading.catch(() => {});
  return { clock, events, reading, result: stream.result, orchestrator };
}

describe('bookkeeping of a stream', () => {
  test.each([
    ['usage', [[0, usage]]],
    ['pings', [[0, 'keep-alive']]],
    ['a part of a tool call', [[0, 'output']]],
    [
      'deltas without text',
      [
        [0, text('')],
        [0, { type: 'reasoning-delta', text: '' }],
      ],
    ],
  ] as ReadonlyArray<[string, Step[]]>)(
    '%s do not keep a call from being tried again',
    async (_what, before) => {
      const { clock, events, result } = run([
        [...before, [0, overloaded]],
        [
          [0, usage],
          [0, text('yes')],
          [0, finish],
        ],
      ]);
      await clock.advance(1_000);
      expect(await result).toMatchObject({ output: 'yes', attempts: 2 });
      expect(events).toEqual([usage, text('yes'), finish]);
    },
  );

  test('text does', async () => {
    const { clock, reading } = run([
      [
        [0, usage],
        [0, text('half')],
        [0, overloaded],
      ],
    ]);
    await clock.advance(1_000);
    await expect(reading).rejects.toMatchObject({ details: { endedBecause: 'stream-started' } });
  });

  test.each([
    ['text', text('x'), 400],
    ['reasoning', { type: 'reasoning-delta', text: 'x' }, 400],
    ['a part of a tool call', 'output', 400],
  ] as const)(
    '%s is the first token, usage and pings before it are not',
    async (_what, first, firstTokenMs) => {
      const { clock, result } = run([
        [
          [0, usage],
          [200, 'keep-alive'],
          [200, first],
          [100, text('x')],
          [0, finish],
        ],
      ]);
      await clock.advance(1_000);
      expect((await result).timings.firstTokenMs).toBe(firstTokenMs);
    },
  );

  test.each([
    ['pings', [usage, 'keep-alive', 'keep-alive', 'keep-alive', 'keep-alive']],
    ['usage', [usage, usage, usage, usage, usage]],
  ] as const)('%s do not put off firstTokenMs', async (_what, steps) => {
    const { clock, result } = run([steps.map((step) => [60, step] as const)], { firstTokenMs: 200 }, 0);
    const failed = rejectionOf(TimeoutError, result);
    await clock.advance(20_000);
    expect(await failed).toMatchObject({ scope: 'first-token', timeoutMs: 200 });
  });

  test.each([
    ['pings', 'keep-alive'],
    ['parts of a tool call', 'output'],
    ['usage', usage],
    ['deltas without text', text('')],
  ] as const)('%s are no silence', async (_what, step) => {
    const steps = Array.from({ length: 10 }, () => [60, step] as const);
    const { clock, result, orchestrator } = run([[[0, text('x')], ...steps, [60, finish]]], { idleMs: 100 });
    await clock.advance(5_000);
    expect(await result).toMatchObject({ output: 'x', attempts: 1 });
    await orchestrator.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('silence after the last ping ends the stream', async () => {
    const { clock, result } = run(
      [
        [
          [0, text('x')],
          [60, 'keep-alive'],
          [500, finish],
        ],
      ],
      { idleMs: 100 },
    );
    const failed = rejectionOf(TimeoutError, result);
    await clock.advance(5_000);
    expect(await failed).toMatchObject({ scope: 'idle', timeoutMs: 100 });
  });
});

import { describe, expect, test } from '@jest/globals';
import type { AgentDefinition } from '../../../src/contracts/agent.js';
import type { StreamEvent } from '../../../src/contracts/stream-event.js';
import { AsyncOrchestrator } from '../../../src/orchestrator/async-orchestrator.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { rejection } from '../../behaviour/scripted-agents.js';

async function* threeWords(): AsyncGenerator<string> {
  yield 'one ';
  yield 'two ';
  yield 'three';
}

/** An orchestrator with a stream in its cache. */
async function open(more: Partial<AgentDefinition> = {}) {
  const clock = new FakeClock();
  const orchestrator = new AsyncOrchestrator({
    agents: [{ name: 'counter', run: threeWords, ...more }],
    cache: true,
    clock,
  });
  const first = orchestrator.stream('counter', 'count');
  for await (const _event of first);
  return { clock, orchestrator, pending: clock.pendingTimers };
}

/** Reads along; what has come so far is in the list. */
function follow(events: AsyncIterable<StreamEvent>): StreamEvent[] {
  const read: StreamEvent[] = [];
  void (async () => {
    try {
      for await (const event of events) read.push(event);
    } catch {
      // What ends the stream is asked of its result.
    }
  })();
  return read;
}

const paced = { cache: { replay: 'paced' } } as const;

describe('a stored stream', () => {
  test('is given again at once', async () => {
    const { clock, orchestrator } = await open();
    const stream = orchestrator.stream('counter', 'count', { cache: { replay: 'instant' } });
    const read = follow(stream);
    await clock.advance(0);
    expect(read.at(-1)).toEqual({ type: 'finish', finishReason: 'stop' });
    expect(await stream.result).toMatchObject({ cached: 'memory', output: 'one two three' });
  });

  test.each([
    ['by its call', {}, paced],
    ['by its agent', paced, {}],
  ])('is given again piece by piece where it is asked for %s', async (_by, agent, call) => {
    const { clock, orchestrator } = await open(agent);
    const stream = orchestrator.stream('counter', 'count', call);
    const read = follow(stream);
    await clock.advance(0);
    const seen = [read.length];
    for (let step = 0; step < 3; step += 1) {
      await clock.advance(20);
      seen.push(read.length);
    }
    // The end comes with the last word.
    expect(seen).toEqual([1, 2, 4, 4]);
    expect(read.map((event) => event.type)).toEqual(['text-delta', 'text-delta', 'text-delta', 'finish']);
    expect(await stream.result).toMatchObject({ cached: 'memory', timings: { totalMs: 40 } });
  });

  test('follows the call rather than its agent', async () => {
    const { clock, orchestrator } = await open(paced);
    const read = follow(orchestrator.stream('counter', 'count', { cache: { replay: 'instant' } }));
    await clock.advance(0);
    expect(read).toHaveLength(4);
  });

  test('stops at once when it is cancelled or left, without a timer', async () => {
    const { clock, orchestrator, pending } = await open();
    const cancelled = orchestrator.stream('counter', 'count', paced);
    const read = follow(cancelled);
    await clock.advance(20);
    cancelled.cancel();
    expect(await rejection(cancelled.result)).toMatchObject({ code: 'TUTTI_CANCELLED' });
    for await (const _event of orchestrator.stream('counter', 'count', paced)) break;
    expect(clock.pendingTimers).toBe(pending);
    await clock.advance(1_000);
    expect(read).toHaveLength(2);
  });

  test('keeps the deadline of its call', async () => {
    const { clock, orchestrator, pending } = await open();
    const stream = orchestrator.stream('counter', 'count', { ...paced, deadlineMs: 30 });
    follow(stream);
    const failed = rejection(stream.result);
    await clock.advance(30);
    expect(await failed).toMatchObject({ code: 'TUTTI_TIMEOUT', scope: 'deadline' });
    expect(clock.pendingTimers).toBe(pending);
  });

  test('is paced for a stream alone: an answer is there at once', async () => {
    const { orchestrator } = await open();
    expect(await orchestrator.execute('counter', 'count', paced)).toMatchObject({ cached: 'memory' });
  });

  test('is refused at a pace that nobody knows', async () => {
    const { orchestrator } = await open();
    const cache = { replay: 'slow' as 'paced' };
    expect(await rejection(orchestrator.execute('counter', 'count', { cache }))).toMatchObject({
      code: 'TUTTI_INVALID_ARGUMENT',
      field: 'cache.replay',
    });
    const agents = [{ name: 'counter', run: threeWords, cache }];
    expect(() => new AsyncOrchestrator({ agents })).toThrow('replay');
  });
});

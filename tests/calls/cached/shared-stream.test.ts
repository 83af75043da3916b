import { describe, expect, test } from '@jest/globals';
import type { StreamEvent } from '../../../src/contracts/stream-event.js';
import {
  eventsOf,
  HeldAgent,
  HeldStream,
  httpError,
  rejection,
  textOf,
  turn,
} from '../../behaviour/held-agent.js';
import { openingOrchestrators } from '../../behaviour/opened-orchestrators.js';

const open = openingOrchestrators();

const EVENTS: StreamEvent[] = [
  { type: 'reasoning-delta', text: 'hm' },
  { type: 'text-delta', text: 'Grüße, ' },
  { type: 'text-delta', text: '世界 ' },
  { type: 'text-delta', text: '🎻\n\u0000"\\' },
  { type: 'usage', usage: { inputTokens: 3, outputTokens: 4 } },
  { type: 'finish', finishReason: 'stop' },
];
const TEXT = 'Grüße, 世界 🎻\n\u0000"\\';

/** More than a reader may leave unread, less than that and what the agent may be ahead. */
async function* twentyFivePieces(): AsyncGenerator<string | StreamEvent> {
  for (let n = 0; n < 25; n += 1) yield `${n} `;
  yield { type: 'usage', usage: { inputTokens: 7, outputTokens: 1 } };
}

describe('identical streams at the same time', () => {
  test('are one stream of the agent: 50 readers, early and late, get identical text', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const join = (): Promise<string> => textOf(orchestrator.stream('agent', 'q'));
    const texts: Promise<string>[] = [];
    for (const event of EVENTS) {
      for (let joined = 0; joined < 8; joined += 1) texts.push(join());
      await turn();
      agent.give(event);
    }
    await turn();
    texts.push(join(), join());
    await turn();
    agent.end();
    const all = await Promise.all(texts);
    expect(all).toHaveLength(50);
    expect(new Set(all)).toEqual(new Set([TEXT]));
    expect(agent.started).toBe(1);
    expect(orchestrator.stats()).toMatchObject({ attempts: 1, succeeded: 50, inputTokens: 3 });
  });

  test('give late joiners the events before, then those that come', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const early = eventsOf(orchestrator.stream('agent', 'q'));
    await turn();
    agent.give(...EVENTS.slice(0, 3));
    await turn();
    const late = orchestrator.stream('agent', 'q')[Symbol.asyncIterator]();
    for (const expected of EVENTS.slice(0, 3)) expect((await late.next()).value).toEqual(expected);
    const next = late.next();
    agent.give(EVENTS[3] as StreamEvent);
    expect((await next).value).toEqual(EVENTS[3]);
    agent.give(...EVENTS.slice(4));
    agent.end();
    expect(await early).toEqual(EVENTS);
  });

  test('go on when 49 of 50 leave, and end at once when the last one does', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const streams = Array.from({ length: 50 }, () => orchestrator.stream('agent', 'q'));
    const reads = streams.map((stream) => rejection(textOf(stream)));
    await turn();
    agent.give('some ');
    await turn();
    for (const stream of streams.slice(0, 49)) stream.cancel();
    await turn();
    expect(agent.aborted).toHaveLength(0);
    const startedMs = performance.now();
    streams[49]?.cancel();
    expect(agent.aborted).toHaveLength(1);
    expect(performance.now() - startedMs).toBeLessThan(100);
    const errors = await Promise.all(reads);
    expect(errors.every(({ code }) => code === 'TUTTI_CANCELLED')).toBe(true);
    await turn();
    expect(orchestrator.stats()).toMatchObject({ running: 0, cancelled: 50 });
  });

  test('go on when the one who asked first leaves its loop', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const first = orchestrator.stream('agent', 'q');
    const second = textOf(orchestrator.stream('agent', 'q'));
    await turn();
    agent.give('a');
    for await (const event of first) if (event.type === 'text-delta') break;
    expect((await rejection(first.result)).code).toBe('TUTTI_CANCELLED');
    agent.give('b');
    agent.end();
    expect(await second).toBe('ab');
  });

  test('let a slow reader be slow and a fast one be fast', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const slow = orchestrator.stream('agent', 'q');
    const slowly = slow[Symbol.asyncIterator]();
    const fast = orchestrator.stream('agent', 'q');
    const fastText = textOf(fast);
    await turn();
    const pieces = Array.from({ length: 200 }, (_, n) => `${n} `);
    agent.give(...pieces);
    agent.end();
    expect(await fastText).toBe(pieces.join(''));
    const fastResult = await fast.result;
    expect(orchestrator.stats()).toMatchObject({ inFlight: 1, succeeded: 1 });
    let text = '';
    for (let step = await slowly.next(); step.done !== true; step = await slowly.next()) {
      if (step.value.type === 'text-delta') text += step.value.text;
      if (text.length % 7 === 0) await turn(1);
    }
    expect(text).toBe(pieces.join(''));
    const slowResult = await slow.result;
    expect([fastResult.cached, slowResult.cached]).toEqual([false, 'shared']);
  });

  test('book what was spent when every reader leaves after the work was done', async () => {
    const { orchestrator } = open({ agents: { agent: twentyFivePieces } });
    const readers = [1, 2].map(() => orchestrator.stream('agent', 'q'));
    for (const reader of readers) await reader[Symbol.asyncIterator]().next();
    await turn();
    // The agent is done, but what it gave still waits for both readers.
    expect(orchestrator.stats()).toMatchObject({ running: 0, inFlight: 2, inputTokens: 0 });
    readers[0]?.cancel();
    expect(orchestrator.stats().inputTokens).toBe(0);
    readers[1]?.cancel();
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, inputTokens: 7, succeeded: 0, cancelled: 2 });
  });

  test('are paid by the reader who stayed when the other left after the work was done', async () => {
    const { orchestrator } = open({ agents: { agent: twentyFivePieces } });
    const left = orchestrator.stream('agent', 'q');
    const stayed = orchestrator.stream('agent', 'q');
    const events = stayed[Symbol.asyncIterator]();
    for (const iterator of [left[Symbol.asyncIterator](), events]) await iterator.next();
    await turn();
    left.cancel();
    while ((await events.next()).done !== true);
    expect(await stayed.result).toMatchObject({ cached: false, usage: { inputTokens: 7 } });
    expect(orchestrator.stats()).toMatchObject({ inputTokens: 7, succeeded: 1, cancelled: 1 });
  });

  test('fail for all who read, and for those who wait for the result', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const reader = rejection(textOf(orchestrator.stream('agent', 'q')));
    const waiting = rejection(orchestrator.stream('agent', 'q').result);
    await turn();
    agent.give('a');
    await turn();
    agent.fail(httpError(503));
    expect((await reader).status).toBe(503);
    expect((await waiting).status).toBe(503);
    expect(orchestrator.stats()).toMatchObject({ attempts: 1, failed: 2 });
  });

  test('are retried once for all before their first event', async () => {
    let started = 0;
    const { orchestrator, clock } = open({
      agents: {
        async *agent() {
          started += 1;
          if (started === 1) throw httpError(503);
          yield 'second ';
          yield 'try';
        },
      },
      retry: { minDelayMs: 10, jitter: 'none' },
    });
    const texts = [1, 2, 3].map(() => textOf(orchestrator.stream('agent', 'q')));
    await clock.advance(10);
    expect(await Promise.all(texts)).toEqual(['second try', 'second try', 'second try']);
    expect(started).toBe(2);
  });

  test('end with their deadline for one reader alone', async () => {
    const agent = new HeldStream();
    const { orchestrator, clock } = open({ agents: { agent: agent.run } });
    const short = rejection(textOf(orchestrator.stream('agent', 'q', { deadlineMs: 100 })));
    const long = textOf(orchestrator.stream('agent', 'q'));
    await turn();
    agent.give('a');
    await clock.advance(100);
    expect(await short).toMatchObject({ scope: 'deadline', timeoutMs: 100 });
    agent.give('b');
    agent.end();
    expect(await long).toBe('ab');
  });

  test('show every reader the event as the agent gave it, whatever is done to it afterwards', async () => {
    const { orchestrator } = open({
      agents: {
        async *agent() {
          const event: StreamEvent = { type: 'text-delta', text: '' };
          for (const text of ['a', 'b', 'c']) {
            event.text = text;
            yield event;
          }
          yield { type: 'tool-call', id: '1', name: 'tool', input: { list: [1] } };
          yield { type: 'usage', usage: { inputTokens: 1 } };
        },
      },
    });
    const first = orchestrator.stream('agent', 'q');
    const second = orchestrator.stream('agent', 'q');
    const [events, text] = await Promise.all([eventsOf(first), textOf(second)]);
    expect(text).toBe('abc');
    expect(events.slice(0, 4)).toEqual([
      { type: 'text-delta', text: 'a' },
      { type: 'text-delta', text: 'b' },
      { type: 'text-delta', text: 'c' },
      { type: 'tool-call', id: '1', name: 'tool', input: { list: [1] } },
    ]);
    expect(() => Object.assign(events[0] as object, { text: 'changed' })).toThrow(TypeError);
    expect(await eventsOf(orchestrator.stream('agent', 'q'))).toEqual(events);
  });
});

describe('streams and whole answers together', () => {
  test('an execute joins a stream and does not hold it back', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const stream = textOf(orchestrator.stream('agent', 'q'));
    await turn();
    agent.give('a');
    const whole = orchestrator.execute('agent', 'q');
    const pieces = Array.from({ length: 100 }, () => 'b');
    agent.give(...pieces);
    agent.end();
    expect((await whole).output).toBe(`a${pieces.join('')}`);
    expect(await stream).toBe(`a${pieces.join('')}`);
    expect(agent.started).toBe(1);
  });

  test('an execute that stays behind gets the whole answer of a stream whose reader left', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const stream = orchestrator.stream('agent', 'q');
    const whole = orchestrator.execute('agent', 'q');
    await turn();
    agent.give('a');
    stream.cancel();
    agent.give(...Array.from({ length: 50 }, () => 'b'));
    agent.end();
    expect(await whole).toMatchObject({ output: `a${'b'.repeat(50)}`, cached: false });
  });

  test('a stream joins an execute and gets its answer as one piece', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const whole = orchestrator.execute('agent', 'q');
    const stream = orchestrator.stream('agent', 'q');
    const events = eventsOf(stream);
    await turn();
    agent.at(0).answer({ output: 'all of it', usage: { inputTokens: 1, outputTokens: 2 } });
    expect(await events).toEqual([
      { type: 'text-delta', text: 'all of it' },
      { type: 'usage', usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } },
      { type: 'finish', finishReason: 'stop' },
    ]);
    expect([(await whole).cached, (await stream.result).cached]).toEqual([false, 'shared']);
    expect(agent.runs).toHaveLength(1);
  });
});

describe('a stored stream', () => {
  test('is replayed as the same events and the same text', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const live = orchestrator.stream('agent', 'q');
    const liveEvents = eventsOf(live);
    await turn();
    agent.give(...EVENTS);
    agent.end();
    expect(await liveEvents).toEqual(EVENTS);
    const fresh = await live.result;
    const replay = orchestrator.stream('agent', 'q');
    expect(await eventsOf(replay)).toEqual(EVENTS);
    const hit = await replay.result;
    expect(hit).toMatchObject({ cached: 'memory', output: TEXT, attempts: 0, usage: fresh.usage });
    expect(Buffer.from(hit.output)).toEqual(Buffer.from(fresh.output));
    expect(Object.keys(hit).sort()).toEqual(Object.keys(fresh).sort());
    expect((await orchestrator.execute('agent', 'q')).output).toBe(TEXT);
    expect(agent.started).toBe(1);
  });

  test('is given as one piece where the answer was not a stream', async () => {
    const agent = new HeldAgent();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const whole = orchestrator.execute('agent', 'q');
    await turn();
    agent.at(0).answer('whole');
    await whole;
    expect(await textOf(orchestrator.stream('agent', 'q'))).toBe('whole');
  });

  test('waits for its reader, and can be left', async () => {
    const agent = new HeldStream();
    const { orchestrator, clock } = open({ agents: { agent: agent.run } });
    const live = textOf(orchestrator.stream('agent', 'q'));
    await turn();
    agent.give(...Array.from({ length: 40 }, () => 'x'));
    agent.end();
    await live;
    const left = orchestrator.stream('agent', 'q');
    const late = orchestrator.stream('agent', 'q', { deadlineMs: 100 });
    await left[Symbol.asyncIterator]().next();
    await late[Symbol.asyncIterator]().next();
    await turn();
    left.cancel();
    expect((await rejection(left.result)).code).toBe('TUTTI_CANCELLED');
    await clock.advance(100);
    expect(await rejection(late.result)).toMatchObject({ scope: 'deadline', attempt: 0 });
  });

  test('is not stored when the stream broke or was left', async () => {
    const agent = new HeldStream();
    const { orchestrator } = open({ agents: { agent: agent.run } });
    const broken = rejection(textOf(orchestrator.stream('agent', 'q')));
    await turn();
    agent.give('half');
    agent.fail(new Error('line cut'));
    await broken;
    const left = orchestrator.stream('agent', 'q');
    const read = rejection(textOf(left));
    await turn();
    agent.give('half');
    await turn();
    left.cancel();
    await read;
    await turn();
    const whole = textOf(orchestrator.stream('agent', 'q'));
    await turn();
    agent.give('whole');
    agent.end();
    expect(await whole).toBe('whole');
    expect(agent.started).toBe(3);
  });
});

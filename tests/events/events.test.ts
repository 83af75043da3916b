// Covers: src/events/call-listener.ts
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AsyncChannel } from '../../src/events/async-channel.js';
import { TypedEmitter } from '../../src/events/typed-emitter.js';

describe('AsyncChannel', () => {
  test('gives every item in order, whatever is written and read in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 200 }),
        fc.integer({ min: 1, max: 8 }),
        async (steps, capacity) => {
          const channel = new AsyncChannel<number>(capacity);
          let written = 0;
          const read: number[] = [];
          for (const isWrite of steps) {
            if (isWrite) {
              const behind = channel.write(written++);
              expect(behind !== undefined).toBe(channel.size >= capacity);
            } else if (channel.size > 0) read.push((await channel.read()).value as number);
          }
          channel.end();
          for (let next = await channel.read(); next.done !== true; next = await channel.read())
            read.push(next.value);
          expect(read).toEqual(Array.from({ length: written }, (_, index) => index));
        },
      ),
    );
  });

  test('lets a writer that waits go on when its reader catches up, clears or ends', async () => {
    for (const how of ['read', 'clear', 'end'] as const) {
      const channel = new AsyncChannel<number>(1);
      const behind = channel.write(1) as Promise<void>;
      let isFree = false;
      void behind.then(() => {
        isFree = true;
      });
      await Promise.resolve();
      expect(isFree).toBe(false);
      if (how === 'read') await channel.read();
      else channel[how]();
      await behind;
    }
  });

  test('wakes a reader that waits, with an item, the end or an error', async () => {
    const channel = new AsyncChannel<number>(1);
    const first = channel.read();
    void channel.write(1);
    expect(await first).toEqual({ done: false, value: 1 });
    const end = channel.read();
    channel.end();
    channel.end(new Error('too late'));
    expect(await end).toEqual({ done: true, value: undefined });
    const failing = new AsyncChannel<number>(1);
    const broken = failing.read();
    failing.end(new Error('broken'));
    await expect(broken).rejects.toThrow('broken');
  });

  test('stays quick with a hundred thousand items unread', async () => {
    const channel = new AsyncChannel<number>(Number.POSITIVE_INFINITY);
    for (let item = 0; item < 100_000; item += 1) void channel.write(item);
    for (let item = 0; item < 100_000; item += 1)
      if ((await channel.read()).value !== item) throw new Error(`out of order at ${item}`);
    expect(channel.size).toBe(0);
  });
});

interface Events {
  one: { n: number };
  two: { text: string };
}

describe('TypedEmitter', () => {
  const emitter = (errors: unknown[] = []): TypedEmitter<Events> =>
    new TypedEmitter<Events>('test-emitter', ['one', 'two'], (error, event) => errors.push([error, event]));

  test('knows its events and whether anybody wants them', () => {
    const events = emitter();
    expect([events.knows('one'), events.knows('three'), events.names()]).toEqual([
      true,
      false,
      ['one', 'two'],
    ]);
    expect(events.wants('one')).toBe(false);
    const leave = events.on('one', () => {});
    expect([events.wants('one'), events.wants('two')]).toEqual([true, false]);
    leave();
    expect(events.wants('one')).toBe(false);
    events.emit('one', { n: 1 });
  });

  test('lets listeners come and go while an event is handed out', () => {
    const events = emitter();
    const order: string[] = [];
    const leaveSecond: Array<() => void> = [];
    events.on('one', () => {
      order.push('first');
      leaveSecond[0]?.();
      events.on('one', () => order.push('new'));
    });
    leaveSecond.push(events.on('one', () => order.push('second')));
    events.emit('one', { n: 1 });
    expect(order).toEqual(['first', 'second']);
    events.emit('one', { n: 2 });
    expect(order).toEqual(['first', 'second', 'first', 'new']);
  });

  test('takes the same function twice as two subscriptions', () => {
    const events = emitter();
    let calls = 0;
    const listener = (): void => {
      calls += 1;
    };
    const leave = events.on('one', listener);
    events.on('one', listener);
    events.emit('one', { n: 1 });
    leave();
    events.emit('one', { n: 1 });
    expect(calls).toBe(3);
  });

  test('reports what listeners throw and reject with, and goes on', async () => {
    const errors: unknown[] = [];
    const events = emitter(errors);
    events.on('two', () => {
      throw new Error('thrown');
    });
    events.on('two', async () => {
      throw new Error('rejected');
    });
    events.on('two', async () => 'fine');
    events.emit('two', { text: 'x' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([
      [new Error('thrown'), 'two'],
      [new Error('rejected'), 'two'],
    ]);
  });

  test('publishes to the channel of the event’s name', () => {
    const events = emitter();
    const seen: unknown[] = [];
    const listener = (payload: unknown): void => {
      seen.push(payload);
    };
    subscribe('test-emitter:two', listener);
    expect(events.wants('two')).toBe(true);
    events.emit('two', { text: 'x' });
    unsubscribe('test-emitter:two', listener);
    expect(seen).toEqual([{ text: 'x' }]);
    expect(events.wants('two')).toBe(false);
  });
});

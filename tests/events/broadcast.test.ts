import { describe, expect, test } from '@jest/globals';
import { StreamLaggedError } from '../../src/errors/stream-errors.js';
import { Broadcast } from '../../src/events/broadcast.js';

/** A source whose items are let through one by one. */
function gatedSource(items: number) {
  let allow = () => {};
  let gate = Promise.resolve();
  const state = { started: 0, given: 0, stopped: false, signal: undefined as AbortSignal | undefined };
  async function* source(signal: AbortSignal): AsyncGenerator<string> {
    state.started += 1;
    state.signal = signal;
    try {
      for (let index = 0; index < items; index += 1) {
        await gate;
        state.given += 1;
        yield `item ${index}`;
      }
    } finally {
      state.stopped = true;
    }
  }
  const close = () => {
    gate = new Promise((resolve) => {
      allow = resolve;
    });
  };
  return { source, state, close, open: () => allow() };
}

async function readAll<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

async function take<T>(stream: AsyncIterator<T>, count: number): Promise<T[]> {
  const items: T[] = [];
  while (items.length < count) {
    const step = await stream.next();
    if (step.done === true) break;
    items.push(step.value);
  }
  return items;
}

const KEEP_ALL = { maxKeptItems: Number.MAX_SAFE_INTEGER };

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Broadcast', () => {
  test('fifty readers cause one stream and get the same items', async () => {
    const { source, state } = gatedSource(200);
    const stream = new Broadcast(source, KEEP_ALL);
    const all = await Promise.all(Array.from({ length: 50 }, () => readAll(stream.subscribe())));
    expect(state.started).toBe(1);
    expect(new Set(all.map((items) => items.join()))).toEqual(
      new Set([Array.from({ length: 200 }, (_, index) => `item ${index}`).join()]),
    );
  });

  test('a late reader gets the earlier items, then the new ones', async () => {
    const { source, close, open } = gatedSource(6);
    const stream = new Broadcast(source, KEEP_ALL);
    const early = stream.subscribe();
    expect(await take(early, 3)).toHaveLength(3);
    close();
    const late = readAll(stream.subscribe());
    await settle();
    open();
    expect(await late).toEqual(['item 0', 'item 1', 'item 2', 'item 3', 'item 4', 'item 5']);
    expect(await readAll(early)).toEqual(['item 3', 'item 4', 'item 5']);
  });

  test('a reader that joins after the end gets everything', async () => {
    const stream = new Broadcast(gatedSource(3).source, KEEP_ALL);
    await readAll(stream.subscribe());
    expect(await readAll(stream.subscribe())).toHaveLength(3);
  });

  test('asks the source for no more than the fastest reader wants', async () => {
    const { source, state } = gatedSource(100);
    const stream = new Broadcast(source, KEEP_ALL);
    const [fast, slow] = [stream.subscribe(), stream.subscribe()];
    await take(fast, 5);
    await settle();
    expect(state.given).toBe(5);
    expect(await take(slow, 5)).toHaveLength(5);
    expect(state.given).toBe(5);
  });

  test('readers that leave do not stop it, the last one does', async () => {
    const { source, state } = gatedSource(100);
    const stream = new Broadcast(source, KEEP_ALL);
    const readers = Array.from({ length: 50 }, () => stream.subscribe());
    for (const reader of readers) await reader.next();
    for (const reader of readers.slice(1)) await reader.return?.();
    await settle();
    expect(state.stopped).toBe(false);
    await readers[0]?.return?.();
    await settle();
    expect([state.stopped, state.signal?.aborted]).toEqual([true, true]);
  });

  test('a failing source fails every reader after what came before', async () => {
    async function* source() {
      yield 'first';
      throw new Error('broken');
    }
    const stream = new Broadcast(source, KEEP_ALL);
    const readers = [stream.subscribe(), stream.subscribe()];
    for (const reader of readers) {
      expect(await reader.next()).toEqual({ done: false, value: 'first' });
      await expect(reader.next()).rejects.toThrow('broken');
      expect(await reader.next()).toEqual({ done: true, value: undefined });
    }
  });

  test('fails a reader that is too far behind, and one that joins too late for the first item', async () => {
    const stream = new Broadcast(gatedSource(100).source, { maxKeptItems: 16 });
    const [fast, slow] = [stream.subscribe(), stream.subscribe()];
    await slow.next();
    expect(await readAll(fast)).toHaveLength(100);
    await expect(stream.subscribe().next()).rejects.toThrow(StreamLaggedError);
    await expect(slow.next()).rejects.toThrow(StreamLaggedError);
  });

  test('a reader within the limit loses nothing', async () => {
    const stream = new Broadcast(gatedSource(100).source, { maxKeptItems: 16 });
    const [fast, slow] = [stream.subscribe(), stream.subscribe()];
    const slowItems: string[] = [];
    for (let index = 0; index < 100; index += 8) {
      await take(fast, 8);
      slowItems.push(...(await take(slow, 8)));
    }
    expect(slowItems).toEqual(Array.from({ length: 100 }, (_, index) => `item ${index}`));
  });

  test('answers several waiting reads of one reader in order', async () => {
    const reader = new Broadcast(gatedSource(2).source, KEEP_ALL).subscribe();
    const steps = await Promise.all([reader.next(), reader.next(), reader.next()]);
    expect(steps.map(({ value }) => value)).toEqual(['item 0', 'item 1', undefined]);
  });

  test('a source that fails while it is stopped causes no unhandled rejection', async () => {
    async function* source() {
      try {
        yield 1;
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: a source that misbehaves is what is tested
        throw new Error('late');
      }
    }
    const stream = new Broadcast(source, KEEP_ALL);
    const reader = stream.subscribe();
    await reader.next();
    await reader.return?.();
    await settle();
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });
});

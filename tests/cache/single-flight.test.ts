import { describe, expect, test } from '@jest/globals';
import { type Flight, SingleFlight } from '../../src/cache/single-flight.js';
import { CancelledError } from '../../src/errors/execution-errors.js';

function pending() {
  let settle = { resolve: (_: string) => {}, reject: (_: unknown) => {} };
  let flight: Flight | undefined;
  let started = 0;
  const compute = (given: Flight) => {
    flight = given;
    started += 1;
    return new Promise<string>((resolve, reject) => {
      settle = { resolve, reject };
    });
  };
  return {
    compute,
    started: () => started,
    flight: () => flight as Flight,
    resolve: (value: string) => settle.resolve(value),
    reject: (error: unknown) => settle.reject(error),
  };
}

describe('SingleFlight', () => {
  test('runs the work of a thousand callers once', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    const all = Array.from({ length: 1_000 }, () => flights.run('key', work.compute));
    expect([work.started(), flights.size, flights.has('key')]).toEqual([1, 1, true]);
    work.resolve('answer');
    expect(new Set(await Promise.all(all))).toEqual(new Set(['answer']));
    expect(flights.size).toBe(0);
  });

  test('keeps keys apart and starts anew when the work is done', async () => {
    const flights = new SingleFlight<string>();
    let runs = 0;
    const compute = async () => `${++runs}`;
    expect(await Promise.all([flights.run('a', compute), flights.run('b', compute)])).toEqual(['1', '2']);
    expect(await flights.run('a', compute)).toBe('3');
  });

  test('gives the failure to all who wait, and forgets it', async () => {
    const flights = new SingleFlight<string>();
    const failing = () => Promise.reject(new Error('no'));
    const outcomes = await Promise.allSettled([flights.run('key', failing), flights.run('key', failing)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await flights.run('key', async () => 'fine')).toBe('fine');
  });

  test('takes work that throws at once like work that rejects', async () => {
    const flights = new SingleFlight<string>();
    const throwing = () => {
      throw new Error('at once');
    };
    await expect(flights.run('key', throwing)).rejects.toThrow('at once');
    expect(flights.size).toBe(0);
  });

  test('a caller who leaves does not stop the others', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    const leaver = new AbortController();
    const left = flights.run('key', work.compute, { signal: leaver.signal, agent: 'expert' });
    const stayed = flights.run('key', work.compute, { signal: new AbortController().signal });
    leaver.abort(new Error('enough'));
    await expect(left).rejects.toMatchObject({ code: 'TUTTI_CANCELLED', agent: 'expert' });
    expect(work.flight().signal.aborted).toBe(false);
    work.resolve('answer');
    expect(await stayed).toBe('answer');
  });

  test('the last one to leave stops the work', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    const callers = Array.from({ length: 50 }, () => new AbortController());
    const all = callers.map(({ signal }) => flights.run('key', work.compute, { signal }));
    const outcomes = Promise.allSettled(all);
    for (const caller of callers.slice(1)) caller.abort();
    expect(work.flight().signal.aborted).toBe(false);
    callers[0]?.abort();
    expect(work.flight().signal.aborted).toBe(true);
    expect(work.flight().isCurrent()).toBe(false);
    expect(flights.has('key')).toBe(false);
    expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true);
    work.reject(new Error('stopped'));
  });

  test('a signal asked for after the last one left is aborted', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    const caller = new AbortController();
    const left = flights.run('key', work.compute, { signal: caller.signal });
    caller.abort();
    await expect(left).rejects.toBeInstanceOf(CancelledError);
    expect(work.flight().signal.aborted).toBe(true);
  });

  test('a caller without a signal keeps the work going', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    const caller = new AbortController();
    const left = flights.run('key', work.compute, { signal: caller.signal });
    const stays = flights.run('key', work.compute);
    caller.abort();
    await expect(left).rejects.toThrow(CancelledError);
    expect(work.flight().signal.aborted).toBe(false);
    work.resolve('answer');
    expect(await stays).toBe('answer');
  });

  test('a caller who has left before starts nothing', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    await expect(flights.run('key', work.compute, { signal: AbortSignal.abort() })).rejects.toThrow(
      CancelledError,
    );
    expect(work.started()).toBe(0);
  });

  test('leaves no listener on a signal once the work is done', async () => {
    const flights = new SingleFlight<string>();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    await flights.run('key', async () => 'answer', { signal });
    await flights.run('key', () => Promise.reject(new Error('no')), { signal }).catch(() => {});
    expect(listeners).toBe(0);
  });

  test('an invalidated key is worked on anew while those who wait still get their answer', async () => {
    const flights = new SingleFlight<string>();
    const [before, after] = [pending(), pending()];
    const old = flights.run('key', before.compute);
    flights.forget('key');
    const fresh = flights.run('key', after.compute);
    expect([before.flight().isCurrent(), after.flight().isCurrent()]).toEqual([false, true]);
    before.resolve('old');
    expect(await old).toBe('old');
    expect(flights.has('key')).toBe(true);
    flights.forgetAll();
    expect(after.flight().isCurrent()).toBe(false);
    after.resolve('fresh');
    expect(await fresh).toBe('fresh');
  });

  test('aborts everything when asked to', async () => {
    const flights = new SingleFlight<string>();
    const work = pending();
    const waiting = flights.run('key', work.compute);
    flights.abortAll();
    expect(work.flight().signal.aborted).toBe(true);
    work.reject(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
  });
});

import { describe, expect, jest, test } from '@jest/globals';
import Keyv from 'keyv';
import { batch } from '../../src/cache/batch.js';
import { cached } from '../../src/cache/cached.js';
import { getDefaultCache, setDefaultCache } from '../../src/cache/default-cache.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { CACHE_TTL_MS } from '../../src/cache/ttl-presets.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

describe('cached', () => {
  test.each([
    [undefined],
    [null],
    [false],
    [0],
    [''],
    ['123'],
    ['null'],
    ['undefined'],
    [123],
    [{ a: [1, null] }],
    [[]],
  ])('keeps %j as it is and does not run again', async (result) => {
    let runs = 0;
    const fn = cached(() => {
      runs += 1;
      return result;
    });
    expect([await fn(), await fn()]).toEqual([result, result]);
    expect(runs).toBe(1);
  });

  test('different arguments have different results, the same ones share', async () => {
    const add = jest.fn(async (a: { n: number }, b?: number) => a.n + (b ?? 0));
    const fn = cached(add);
    expect([
      await fn({ n: 1 }),
      await fn({ n: 2 }),
      await fn({ n: 1 }),
      await fn({ n: 1 }, undefined),
      await fn({ n: 1 }, 5),
    ]).toEqual([1, 2, 1, 1, 6]);
    expect(add).toHaveBeenCalledTimes(3);
  });

  test.each([
    [new Map()],
    [() => 1],
    [1n],
    [Symbol('x')],
    [new Date(0)],
    [Number.NaN],
    [new (class Thing {})()],
  ])('rejects an argument that is not JSON', async (argument) => {
    const fn = cached((_: unknown) => 1);
    await expect(fn(argument)).rejects.toThrow(InvalidArgumentError);
  });

  test('rejects a result that is not JSON', async () => {
    await expect(cached(() => new Map())()).rejects.toThrow(/result/);
  });

  test('each caller gets a copy', async () => {
    const fn = cached(async () => ({ list: [1] }));
    for (const one of [await fn(), await fn(), ...(await Promise.all([fn(), fn()]))]) {
      expect(one).toEqual({ list: [1] });
      one.list.push(2);
    }
  });

  test('fifty calls at once run it once', async () => {
    const run = jest.fn(async () => 'x');
    const fn = cached(run);
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => fn())))).toEqual(new Set(['x']));
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('what it throws is not kept', async () => {
    let runs = 0;
    const fn = cached(() => {
      runs += 1;
      if (runs === 1) throw new Error('no');
      return runs;
    });
    await expect(fn()).rejects.toThrow('no');
    expect(await fn()).toBe(2);
  });

  test('a hundred calls within the time run it as often as the time passes', async () => {
    const clock = new FakeClock();
    const read = jest.fn(() => 'status');
    const fn = cached(read, { ttlMs: 15_000, cache: new ResponseCache({ clock }) });
    for (let count = 0; count < 100; count += 1) {
      await fn();
      await clock.advance(600);
    }
    expect(read).toHaveBeenCalledTimes(4);
  });

  test('invalidate forgets one call, clear all of this function and of no other', async () => {
    const cache = new ResponseCache();
    const runs = { status: 0, detail: 0 };
    const status = cached((id: number) => [id, ++runs.status], { cache, name: 'get_status' });
    const detail = cached((id: number) => [id, ++runs.detail], { cache, name: 'get_status_detail' });
    await Promise.all([status(1), status(2), detail(1)]);
    expect([await status.invalidate(1), await status.invalidate(9)]).toEqual([true, false]);
    expect([await status(1), await status(2), await detail(1)]).toEqual([
      [1, 3],
      [2, 2],
      [1, 1],
    ]);
    expect(await status.clear()).toBe(2);
    expect([await status(2), await detail(1)]).toEqual([
      [2, 4],
      [1, 1],
    ]);
  });

  test('functions of the same name do not share results', async () => {
    const cache = new ResponseCache();
    const make = (value: string) =>
      cached(
        function same() {
          return value;
        },
        { cache },
      );
    const [a, b] = [make('a'), make('b')];
    expect([await a(), await b()]).toEqual(['a', 'b']);
    const anonymous = [
      cached(() => 1, { cache, key: () => 'k' }),
      cached(() => 2, { cache, key: () => 'k' }),
    ];
    expect(await Promise.all(anonymous.map((fn) => fn()))).toEqual([1, 2]);
  });

  test('a key of your own decides what is the same call', async () => {
    const run = jest.fn((user: { id: number; seen: Date }) => user.id);
    const fn = cached(run, { key: ({ id }) => id });
    await fn({ id: 1, seen: new Date(1) });
    await fn({ id: 1, seen: new Date(2) });
    expect(run).toHaveBeenCalledTimes(1);
    await expect(cached(() => 1, { key: () => new Map() })()).rejects.toThrow(InvalidArgumentError);
  });

  test('carries tags', async () => {
    const fn = cached(() => 1, { tags: ['numbers'] });
    await fn();
    expect(await fn.cache.deleteByTag('numbers')).toBe(1);
  });

  test('keeps results in a store under the given name, for the next process too', async () => {
    const data = new Map();
    const secret = 'a secret of enough bytes';
    const run = jest.fn(() => 7);
    for (let process = 0; process < 2; process += 1) {
      const cache = new ResponseCache({ store: new Keyv({ store: data }), secret });
      const fn = cached(run, { name: 'seven', cache });
      expect(await fn()).toBe(7);
      await cache.close();
    }
    expect(run).toHaveBeenCalledTimes(1);
  });

  test('refuses to guess a name where results outlive the process', () => {
    const store = new Keyv();
    expect(() => cached(() => 1, { store })).toThrow(/name: expected a name/);
    const cache = new ResponseCache({ store });
    const named = function named() {};
    cached(named, { cache });
    expect(() => cached(named, { cache })).toThrow(/which another function has/);
    expect(() => cached(named, { cache, name: 'named' })).not.toThrow();
  });

  test('refuses unknown options and a store beside a cache', () => {
    expect(() => cached(() => 1, { ttl: 5 } as object)).toThrow(/ttlMs/);
    expect(() => cached(() => 1, { store: new Keyv(), cache: new ResponseCache() })).toThrow(
      InvalidArgumentError,
    );
  });
});

describe('batch', () => {
  test('keeps order and every outcome, and runs no more at once than allowed', async () => {
    let [running, most] = [0, 0];
    const outcomes = await batch(
      new Set([3, 1, 2]),
      async (item, index) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => setImmediate(resolve));
        running -= 1;
        if (item === 1) throw new Error('no');
        return item * 10 + index;
      },
      { maxConcurrent: 2 },
    );
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: 30 },
      { status: 'rejected', reason: new Error('no') },
      { status: 'fulfilled', value: 22 },
    ]);
    expect(most).toBe(2);
  });

  test('takes a function that throws at once like one that rejects', async () => {
    const throwing = () => {
      throw new Error('at once');
    };
    expect(await batch([1], throwing)).toEqual([{ status: 'rejected', reason: new Error('at once') }]);
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses %d at once', async (maxConcurrent) => {
    await expect(batch([1], () => 1, { maxConcurrent })).rejects.toThrow(InvalidArgumentError);
  });
});

describe('getDefaultCache', () => {
  test('gives one cache to all, which can be replaced', () => {
    const first = getDefaultCache();
    expect(getDefaultCache()).toBe(first);
    const own = new ResponseCache();
    setDefaultCache(own);
    expect(getDefaultCache()).toBe(own);
    setDefaultCache(undefined);
    expect(getDefaultCache()).not.toBe(own);
  });
});

describe('CACHE_TTL_MS', () => {
  test('names seconds and hours in milliseconds', () => {
    expect(CACHE_TTL_MS).toEqual({
      hot: 60_000,
      hotLong: 120_000,
      warm: 900_000,
      warmLong: 1_800_000,
      cold: 3_600_000,
      coldLong: 7_200_000,
      day: 86_400_000,
    });
  });
});

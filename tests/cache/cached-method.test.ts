import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import Keyv from 'keyv';
import ts from 'typescript';
import { type CachedMethodOptions, cachedMethod, invalidateMethod } from '../../src/cache/cached-method.js';
import { ResponseCache } from '../../src/cache/response-cache.js';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

interface Library {
  runs: number;
  load(id: unknown, other?: unknown): Promise<unknown>;
}

interface LibraryClass {
  new (name: string): Library;
  runs: number;
  count(): Promise<number>;
}

const SOURCE = `
  class Library {
    static runs = 0;
    runs = 0;
    constructor(name) { this.name = name; }
    @cachedMethod(options)
    async load(id, other) {
      this.runs += 1;
      if (id === 'broken') throw new Error('down');
      return id === 'nothing' ? undefined : { name: this.name, id, other };
    }
    @cachedMethod(ofStatic)
    static async count() { Library.runs += 1; return Library.runs; }
  }
  return Library;`;

type Options = CachedMethodOptions<{ name: string }, [id: { page: number }]>;

/** The class, compiled as a user's compiler does it. */
function compile(
  experimentalDecorators: boolean,
  options: Partial<Options> = {},
  ofStatic: object = {},
): LibraryClass {
  const { outputText } = ts.transpileModule(SOURCE, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, experimentalDecorators },
  });
  return new Function('cachedMethod', 'options', 'ofStatic', outputText)(
    cachedMethod,
    options,
    ofStatic,
  ) as LibraryClass;
}

describe.each([
  ['decorators of JavaScript', false],
  ['experimentalDecorators', true],
])('cachedMethod with %s', (_, experimental) => {
  test('runs the method once for the same arguments within its time, with its object as this', async () => {
    const clock = new FakeClock();
    const Library = compile(experimental, { ttlMs: 1_000, cache: new ResponseCache({ clock }) });
    const library = new Library('city');
    const first = await library.load(1);
    expect([first, await library.load(1, undefined), library.runs]).toEqual([
      { name: 'city', id: 1 },
      { name: 'city', id: 1 },
      1,
    ]);
    await library.load(2);
    await clock.advance(1_000);
    await library.load(1);
    expect(library.runs).toBe(3);
    expect(library.load.name).toBe('load');
  });

  test('each object has results of its own, and calls at the same time share one run', async () => {
    const Library = compile(experimental);
    const [a, b] = [new Library('a'), new Library('b')];
    const results = await Promise.all([a.load(1), a.load(1), b.load(1)]);
    expect(results).toEqual([
      { name: 'a', id: 1 },
      { name: 'a', id: 1 },
      { name: 'b', id: 1 },
    ]);
    expect([a.runs, b.runs]).toEqual([1, 1]);
  });

  test('keeps undefined, and nothing that is thrown', async () => {
    const library = new (compile(experimental))('x');
    expect([await library.load('nothing'), await library.load('nothing')]).toEqual([undefined, undefined]);
    expect(library.runs).toBe(1);
    await expect(library.load('broken')).rejects.toThrow('down');
    await expect(library.load('broken')).rejects.toThrow('down');
    expect(library.runs).toBe(3);
  });

  test('caches static methods', async () => {
    const Library = compile(experimental);
    expect([await Library.count(), await Library.count()]).toEqual([1, 1]);
  });

  test('key and instanceKey say which calls and objects are the same', async () => {
    const cache = new ResponseCache();
    const options: Options = { key: ({ page }) => page, instanceKey: ({ name }) => name, cache };
    const Library = compile(experimental, options);
    const [a, sameName, b] = [new Library('a'), new Library('a'), new Library('b')];
    await a.load({ page: 1, at: 1 });
    await sameName.load({ page: 1, at: 2 });
    await b.load({ page: 1 });
    expect([a.runs, sameName.runs, b.runs]).toEqual([1, 0, 1]);
  });

  test('invalidateMethod removes the result for these arguments of this object', async () => {
    const Library = compile(experimental);
    const [a, b] = [new Library('a'), new Library('b')];
    for (const library of [a, b]) for (const id of [1, 2]) await library.load(id);
    expect(await invalidateMethod(a, 'load', 1)).toBe(true);
    expect(await invalidateMethod(a, 'load', 1)).toBe(false);
    for (const library of [a, b]) for (const id of [1, 2]) await library.load(id);
    expect([a.runs, b.runs]).toEqual([3, 2]);
  });

  test('results outlive the process where name and instanceKey say whose they are', async () => {
    const store = new Keyv();
    const options: Partial<Options> = { store, name: 'library-load', instanceKey: ({ name }) => name };
    await new (compile(experimental, options))('a').load(1);
    const later = new (compile(experimental, options))('a');
    expect(await later.load(1)).toEqual({ name: 'a', id: 1 });
    expect(later.runs).toBe(0);
  });

  test.each([
    ['name', {}],
    ['instanceKey', { name: 'load' }],
  ])('wants a %s where results outlive the process', async (missing, options) => {
    const directory = mkdtempSync(join(tmpdir(), 'tutti-method-'));
    const cache = new ResponseCache({ directory, secret: 'a secret of enough bytes' });
    const build = () => compile(experimental, { ...options, cache });
    expect(build).toThrow(InvalidArgumentError);
    expect(build).toThrow(`Set the option "${missing}".`);
    await cache.close();
    rmSync(directory, { recursive: true });
  });
});

test('refuses an unknown option, and methods that are not decorated', async () => {
  expect(() => cachedMethod({ ttl: 5 } as never)).toThrow(InvalidArgumentError);
  await expect(invalidateMethod({ load: async () => 1 }, 'load')).rejects.toThrow(InvalidArgumentError);
});

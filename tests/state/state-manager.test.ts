// Covers: src/state/state-file.ts, src/state/state-update.ts, src/state/state-options.ts, src/collections/deep-freeze.ts
import { createHook } from 'node:async_hooks';
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import * as z from 'zod';
import { type StateChange, StateFileError, StateManager } from '../../src/state/index.js';
import { rejection } from '../behaviour/scripted-agents.js';
import { type Counts, counts, temporaryState } from './temporary-state.js';

const place = temporaryState();
const onDisk = async (): Promise<unknown> => JSON.parse(await readFile(place.path, 'utf8'));

describe('a StateManager', () => {
  test('creates a missing file, and its folders, with the default', async () => {
    const path = join(place.folder, 'deep', 'er', 'state.json');
    const state = place.manager({ path, default: () => ({ runs: 7 }) });
    await state.start();
    expect(state.get()).toEqual({ runs: 7 });
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ runs: 7 });
    expect(await readdir(join(place.folder, 'deep', 'er'))).toEqual(['state.json']);
  });

  test('loads the file that is there, and asks for no default then', async () => {
    await writeFile(place.path, '\uFEFF{ "runs": 3 }');
    const fallback = jest.fn(() => ({ runs: 0 }));
    const state = place.manager({ default: fallback });
    await state.start();
    expect(state.get()).toEqual({ runs: 3 });
    expect(fallback).not.toHaveBeenCalled();
  });

  test('reads no file for 10,000 reads of the state', async () => {
    const state = place.manager();
    await state.start();
    let requests = 0;
    const hook = createHook({
      init: (_id, type) => {
        if (type.startsWith('FSREQ')) requests += 1;
      },
    });
    hook.enable();
    await state.reload();
    expect(requests).toBeGreaterThan(0);
    // A read that holds the thread is no request, but has no file here.
    await rm(place.path);
    requests = 0;
    for (let index = 0; index < 10_000; index += 1) expect(state.get().runs).toBe(0);
    hook.disable();
    expect(requests).toBe(0);
  });

  test('hands out a state that its reader cannot change', async () => {
    const state = new StateManager({
      path: place.path,
      schema: z.object({ list: z.array(z.object({ n: z.number() })) }),
      default: { list: [{ n: 1 }] },
      watch: false,
    });
    await state.start();
    const given = { list: [{ n: 2 }] };
    await state.set(given);
    given.list[0] = { n: 3 };
    const got = state.get() as { list: Array<{ n: number }> };
    expect(() => got.list.push({ n: 4 })).toThrow(TypeError);
    expect(() => Object.assign(got.list[0] ?? {}, { n: 5 })).toThrow(TypeError);
    expect(state.get()).toEqual({ list: [{ n: 2 }] });
    await state.close();
  });

  test('knows when it was updated and whether it watches, at every time', async () => {
    const state = place.manager({ watch: true });
    expect([state.lastUpdated, state.watching]).toEqual([undefined, false]);
    const before = Date.now();
    await state.start();
    expect(state.lastUpdated?.getTime()).toBeGreaterThanOrEqual(before);
    expect(state.watching).toBe(true);
    const loadedAt = state.lastUpdated;
    await new Promise((resolve) => setTimeout(resolve, 2));
    await state.update({ runs: 1 });
    expect(Number(state.lastUpdated)).toBeGreaterThan(Number(loadedAt));
    await state.close();
    expect(state.watching).toBe(false);
    expect(state.get()).toEqual({ runs: 1 });
  });

  test('works without a watcher: reload() reads what others have written', async () => {
    const state = place.manager();
    await state.start();
    await writeFile(place.path, '{ "runs": 5 }');
    expect(state.get()).toEqual({ runs: 0 });
    expect(await state.reload()).toEqual({ runs: 5 });
    expect(state.watching).toBe(false);
  });

  test('finds a relative path from the working directory of its making', async () => {
    const state = place.manager({ path: relative(process.cwd(), place.path) });
    await state.update({ runs: 2 });
    expect(state.path).toBe(place.path);
    expect(await onDisk()).toEqual({ runs: 2 });
  });

  test('refuses everything but get() after close(), which can be called again', async () => {
    const state = place.manager();
    await state.start();
    const closed = state.close();
    expect(state.close()).toBe(closed);
    await closed;
    for (const call of [
      () => state.start(),
      () => state.set({}),
      () => state.update({}),
      () => state.reload(),
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'TUTTI_CLOSED' });
    }
  });

  test('writes what was submitted before close()', async () => {
    const state = place.manager();
    const updated = state.update({ runs: 9 });
    await state.close();
    expect(await updated).toEqual({ runs: 9 });
    expect(await onDisk()).toEqual({ runs: 9 });
  });

  test.each([
    [{ path: '' }, 'path'],
    [{ schema: {} }, 'schema'],
    [{ pollMs: 0 }, 'pollMs'],
    [{ wach: true }, 'wach'],
  ])('refuses the options %j and names %s', (options, field) => {
    const make = () => new StateManager({ path: 'x', schema: counts, ...(options as object) });
    expect(make).toThrow(expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }));
  });

  test('says that the state is not loaded before the start', () => {
    expect(() => place.manager().get()).toThrow(/Wait for start\(\) before get\(\)/);
    expect(() => place.manager().on('chang' as 'change', () => {})).toThrow(/Did you mean "change"\?/);
  });
});

describe('updates', () => {
  test('a hundred at once keep all their keys, in memory and on disk', async () => {
    const state = place.manager({ default: {} });
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key, index) => state.update({ [key]: index })));
    const expected = Object.fromEntries(keys.map((key, index) => [key, index]));
    expect(state.get()).toEqual(expected);
    expect(await onDisk()).toEqual(expected);
  });

  test('any sequence ends where plain objects end', async () => {
    const step = fc.oneof(
      fc.record({ set: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer()) }),
      fc.record({ patch: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer()) }),
      fc.record({ add: fc.integer({ min: -5, max: 5 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, atOnce) => {
        await rm(place.path, { force: true });
        const state = place.manager({ default: { a: 0 } });
        let model: Counts = { a: 0 };
        const running: Array<Promise<unknown>> = [];
        for (const one of steps) {
          if ('set' in one) {
            model = one.set;
            running.push(state.set(one.set));
          } else if ('patch' in one) {
            model = { ...model, ...one.patch };
            running.push(state.update(one.patch));
          } else {
            model = { ...model, a: (model.a ?? 0) + one.add };
            running.push(state.update((now) => ({ ...now, a: (now.a ?? 0) + one.add })));
          }
          if (!atOnce) await running.at(-1);
        }
        await Promise.all([state.start(), ...running]);
        expect(state.get()).toEqual(model);
        expect(await onDisk()).toEqual(model);
      }),
      { numRuns: 20 },
    );
  });

  test('of two managers of one file lose nothing', async () => {
    const [one, two] = [place.manager(), place.manager()];
    const add = (state: StateManager<Counts>) =>
      state.update(({ runs = 0, ...rest }) => ({ ...rest, runs: runs + 1 }));
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([add(one), add(two), add(one), add(two)]);
    }
    expect(await onDisk()).toEqual({ runs: 40 });
    expect(await one.reload()).toEqual(await two.reload());
  });

  test('one that fails changes nothing, and the others are kept', async () => {
    const state = place.manager();
    const outcomes = await Promise.allSettled([
      state.update({ a: 1 }),
      state.update(() => {
        throw new RangeError('mine');
      }),
      state.update({ b: 'text' as unknown as number }),
      state.update({ c: Number.NaN }),
      state.update((async () => ({})) as unknown as () => Counts),
      state.update(7 as unknown as Counts),
      state.update({ d: 4 }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      ...Array.from({ length: 5 }, () => 'rejected'),
      'fulfilled',
    ]);
    const reasons = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason as Error);
    expect(reasons[1]).toBeInstanceOf(RangeError);
    expect(reasons[2]).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', field: 'state.b' });
    expect(reasons[4]?.message).toContain('got a promise');
    expect(reasons[5]?.message).toContain('expected an object with the fields to change');
    expect(await onDisk()).toEqual({ runs: 0, a: 1, d: 4 });
  });

  test('refuse what JSON cannot say, whatever the schema lets through', async () => {
    const state = new StateManager({ path: place.path, schema: z.unknown(), default: {}, watch: false });
    for (const value of [{ at: new Date() }, { n: Number.NaN }, { big: 1n }, new Map()]) {
      expect(await rejection(state.set(value))).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT' });
    }
    expect((await rejection(state.set('text').then(() => state.update({ a: 1 })))).message).toContain(
      'has no fields to change',
    );
    await state.close();
  });

  test('write nothing when the state stays the same', async () => {
    const state = place.manager();
    await state.start();
    await writeFile(place.path, '{"runs":0}');
    await state.update((same) => same);
    await state.update({ runs: 0 });
    expect(await readFile(place.path, 'utf8')).toBe('{"runs":0}');
  });

  test('are one change event for each write, with the state before', async () => {
    const state = place.manager({ watch: true, pollMs: 20 });
    await state.start();
    const changes: Array<StateChange<Counts>> = [];
    using _ = state.on('change', (change) => changes.push(change));
    await state.update({ runs: 1 });
    await state.update({ runs: 2 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(changes).toEqual([
      { state: { runs: 1 }, previous: { runs: 0 }, source: 'update', at: expect.any(Number) },
      { state: { runs: 2 }, previous: { runs: 1 }, source: 'update', at: expect.any(Number) },
    ]);
  });

  test('a listener that throws breaks nothing and is reported', async () => {
    const warn = jest.fn();
    const logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
    const state = place.manager({ logger });
    state.on('change', () => {
      throw new Error('in the listener');
    });
    expect(await state.update({ runs: 1 })).toEqual({ runs: 1 });
    expect(warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('in the listener'));
  });

  test('keep the permissions of the file, whatever the umask', async () => {
    await writeFile(place.path, '{}');
    await chmod(place.path, 0o662);
    await place.manager().update({ runs: 1 });
    expect((await stat(place.path)).mode & 0o777).toBe(0o662);
  });

  test('write to the file that a symbolic link leads to, also if it does not exist yet', async () => {
    const real = join(place.folder, 'elsewhere', 'real.json');
    await symlink(real, place.path);
    const state = place.manager();
    await state.update({ runs: 1 });
    expect((await lstat(place.path)).isSymbolicLink()).toBe(true);
    expect(JSON.parse(await readFile(real, 'utf8'))).toEqual({ runs: 1 });
    expect(await readdir(join(place.folder, 'elsewhere'))).toEqual(['real.json']);
  });
});

describe('a file that cannot be used', () => {
  test.each([
    ['', 'not-json', undefined, undefined],
    ['{\n  "runs": 1,\n}', 'not-json', 3, undefined],
    ['{\n  "runs": 1,\n  "other": "text"\n}', 'invalid', 3, 'other'],
    ['[]', 'invalid', 1, ''],
  ])(
    'with the content %j stops the start, is named, and stays as it is',
    async (text, problem, line, field) => {
      await writeFile(place.path, text);
      const error = (await rejection(place.manager().start())) as StateFileError;
      expect(error).toMatchObject({ code: 'TUTTI_STATE_FILE', problem, file: place.path, line, field });
      expect(error.message.startsWith(line === undefined ? place.path : `${place.path}:${line}: `)).toBe(
        true,
      );
      expect(await readFile(place.path, 'utf8')).toBe(text);
    },
  );

  test('of other bytes than UTF-8 is named, and its content is not', async () => {
    await writeFile(place.path, Buffer.from([0x22, 0xff, 0x22]));
    expect((await rejection(place.manager().start())).message).toContain('expected UTF-8');
    await writeFile(place.path, '{ "token": sk-secret-value }');
    expect(JSON.stringify(await rejection(place.manager().start()))).not.toContain('secret-value');
  });

  test('is not overwritten by updates, and copied before set() replaces it', async () => {
    const state = place.manager({ default: { harmony: 0.9 } });
    await state.start();
    await writeFile(place.path, '{ "harmony": ');
    expect(await rejection(state.update({ harmony: 0.5 }))).toMatchObject({ problem: 'not-json' });
    expect(await rejection(state.reload())).toMatchObject({ problem: 'not-json' });
    expect(state.get()).toEqual({ harmony: 0.9 });
    expect(await readFile(place.path, 'utf8')).toBe('{ "harmony": ');
    await Promise.all([state.set({ harmony: 0.7 }), state.update({ runs: 1 })]);
    expect(await onDisk()).toEqual({ harmony: 0.7, runs: 1 });
    const [copy = ''] = (await readdir(place.folder)).filter((name) => name.includes('.broken-'));
    expect(await readFile(join(place.folder, copy), 'utf8')).toBe('{ "harmony": ');
  });

  test('because it is missing is an error without a default; the start can be tried again', async () => {
    const state = place.manager({ default: undefined });
    expect(await rejection(state.start())).toMatchObject({ problem: 'missing' });
    expect(await rejection(state.update({ runs: 1 }))).toMatchObject({ problem: 'missing' });
    await writeFile(place.path, '{ "runs": 1 }');
    await state.start();
    expect(state.get()).toEqual({ runs: 1 });
  });

  test('because it is gone is created again by the next update, from the last state', async () => {
    const state = place.manager({ default: { runs: 1 } });
    await state.start();
    await rm(place.path);
    expect(await rejection(state.reload())).toMatchObject({ problem: 'missing' });
    expect(await state.update({ more: 2 })).toEqual({ runs: 1, more: 2 });
    expect(await onDisk()).toEqual({ runs: 1, more: 2 });
  });

  test('because a folder is in its place says so, and so does one that cannot be written', async () => {
    await mkdir(place.path);
    const state = place.manager();
    expect(await rejection(state.start())).toBeInstanceOf(StateFileError);
    expect(await rejection(state.start())).toMatchObject({ problem: 'unreadable' });
    const inFile = place.manager({ path: join(place.folder, 'file', 'state.json') });
    await writeFile(join(place.folder, 'file'), '');
    expect(await rejection(inFile.start())).toMatchObject({ code: 'TUTTI_STATE_FILE' });
  });

  test('because the default does not match the schema is not created', async () => {
    const state = place.manager({ default: { runs: 'none' as unknown as number } });
    expect(await rejection(state.start())).toMatchObject({
      code: 'TUTTI_INVALID_ARGUMENT',
      field: 'state.runs',
    });
    expect(await readdir(place.folder)).toEqual([]);
  });
});

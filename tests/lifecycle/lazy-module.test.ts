import { describe, expect, test } from '@jest/globals';
import { LazyModule, loadMissing } from '../../src/lifecycle/lazy-module.js';

describe('a module that is loaded when it is needed', () => {
  test('is loaded once, however many ask for it', async () => {
    let loads = 0;
    const lazy = new LazyModule(async () => ({ number: ++loads }));
    expect(lazy.loaded).toBeUndefined();
    expect(loads).toBe(0);
    const [first, second] = await Promise.all([lazy.load(), lazy.load()]);
    expect(first).toBe(second);
    expect(lazy.loaded).toEqual({ number: 1 });
    expect(await lazy.load()).toBe(first);
  });

  test('is tried again after a failure', async () => {
    let tries = 0;
    const lazy = new LazyModule(async () => {
      tries += 1;
      if (tries === 1) throw new Error('EMFILE');
      return 'there';
    });
    await expect(lazy.load()).rejects.toThrow('EMFILE');
    expect(lazy.loaded).toBeUndefined();
    expect(await lazy.load()).toBe('there');
  });

  test('need not be loaded where it was provided', async () => {
    const lazy = new LazyModule<string>(() => Promise.reject(new Error('not to be loaded')));
    lazy.provide('there');
    expect(lazy.loaded).toBe('there');
    expect(await lazy.load()).toBe('there');
  });
});

describe('loadMissing', () => {
  test('loads what is missing, and says so when nothing is', async () => {
    const [there, missing] = [new LazyModule(async () => 1), new LazyModule(async () => 2)];
    await there.load();
    expect(loadMissing([])).toBeUndefined();
    expect(loadMissing([there])).toBeUndefined();
    await loadMissing([there, missing]);
    expect(missing.loaded).toBe(2);
    expect(loadMissing([there, missing])).toBeUndefined();
  });
});

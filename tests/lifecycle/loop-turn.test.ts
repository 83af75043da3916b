import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { LoopTurn } from '../../src/lifecycle/loop-turn.js';
import { burnTurn, turn } from '../behaviour/scripted-agents.js';

describe('a turn of the event loop', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test('is over once it has lasted, and the next one is new', async () => {
    const loop = new LoopTurn();
    expect(loop.isOver).toBe(false);
    burnTurn(loop);
    expect(loop.isOver).toBe(true);
    await turn();
    expect(loop.isOver).toBe(false);
  });

  test('does not count the time between two turns', async () => {
    const loop = new LoopTurn();
    expect(loop.isOver).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(loop.isOver).toBe(false);
  });

  test('runs deferred work in order, no more of it in one turn than fits', async () => {
    const loop = new LoopTurn();
    const turnOf: number[] = [];
    let turns = 0;
    for (let index = 0; index < 5; index += 1) {
      loop.defer(() => {
        turnOf.push(turns);
        burnTurn(loop);
      });
    }
    expect(turnOf).toEqual([]);
    while (loop.deferred > 0) {
      turns += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(turnOf).toEqual([1, 2, 3, 4, 5]);
  });

  test('keeps the asynchronous context of deferred work', async () => {
    const loop = new LoopTurn();
    const storage = new AsyncLocalStorage<number>();
    const seen: Array<number | undefined> = [];
    for (const value of [1, 2, 3]) storage.run(value, () => loop.defer(() => seen.push(storage.getStore())));
    await loop.next();
    expect(seen).toEqual([1, 2, 3]);
  });

  test('runs steps at once if they are short, else over several turns', async () => {
    const loop = new LoopTurn();
    const steps = function* (count: number, work: () => void): Generator<void, number> {
      for (let step = 0; step < count; step += 1) {
        work();
        yield;
      }
      return count;
    };
    expect(loop.runSteps(steps(3, () => {}))).toBe(3);
    const long = loop.runSteps(steps(3, () => burnTurn(loop)));
    expect(long).toBeInstanceOf(Promise);
    expect(await long).toBe(3);
  });

  test('goes on under fake timers', async () => {
    jest.useFakeTimers();
    const loop = new LoopTurn();
    burnTurn(loop);
    expect(loop.isOver).toBe(true);
    await loop.next();
    expect(loop.isOver).toBe(false);
  });
});

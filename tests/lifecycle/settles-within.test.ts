import { describe, expect, test } from '@jest/globals';
import { settlesWithin } from '../../src/lifecycle/settles-within.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

describe('settlesWithin', () => {
  test.each([
    ['a value', () => Promise.resolve(1)],
    ['an error', () => Promise.reject(new Error('no'))],
  ])('is true for work that ends with %s in time, and leaves no timer', async (_, work) => {
    const clock = new FakeClock();
    expect(await settlesWithin(work(), 10, clock)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('is false once the time is over, and a later rejection is handled', async () => {
    const clock = new FakeClock();
    let fail: (error: Error) => void = () => {};
    const work = new Promise((_, reject) => {
      fail = reject;
    });
    const settles = settlesWithin(work, 10, clock);
    await clock.advance(10);
    fail(new Error('late'));
    expect(await settles).toBe(false);
  });

  test('is false at once for no time', async () => {
    expect(await settlesWithin(Promise.resolve(), 0, new FakeClock())).toBe(false);
  });
});

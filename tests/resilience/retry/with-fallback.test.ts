import { describe, expect, jest, test } from '@jest/globals';
import { CancelledError } from '../../../src/errors/execution-errors.js';
import { InvalidArgumentError } from '../../../src/errors/input-errors.js';
import { withFallback } from '../../../src/resilience/retry/with-fallback.js';

const failing = (): never => {
  throw new Error('down');
};

describe('withFallback', () => {
  test('answers as the function does, and counts the calls', async () => {
    const double = withFallback(async (n: number) => 2 * n, 0);
    expect([await double(1), await double(2)]).toEqual([2, 4]);
    expect(double.stats()).toEqual({ calls: 2, failures: 0, fallbacks: 0 });
  });

  test.each([[undefined], [null], [0], [''], [{ rates: [] }]])(
    'answers with the fallback %j where the function fails, and counts the error',
    async (fallback) => {
      const onFallback = jest.fn();
      const rates = withFallback(failing, fallback, { onFallback });
      expect(await rates()).toBe(fallback);
      expect(rates.stats()).toEqual({ calls: 1, failures: 1, fallbacks: 1 });
      expect(onFallback).toHaveBeenCalledWith(expect.objectContaining({ message: 'down' }));
    },
  );

  test('computes the fallback from the error and the arguments', async () => {
    const load = withFallback(
      async (_id: string): Promise<string> => failing(),
      async (error, id) => `${id}: ${(error as Error).message}`,
    );
    expect(await load('a')).toBe('a: down');
  });

  test('rejects with the error of a fallback that fails too, which is no fallback that answered', async () => {
    const load = withFallback(failing, () => {
      throw new Error('down too');
    });
    await expect(load()).rejects.toThrow('down too');
    expect(load.stats()).toEqual({ calls: 1, failures: 1, fallbacks: 0 });
  });

  test('answers only the errors that when names', async () => {
    const load = withFallback(failing, 'x', { when: (error) => (error as Error).message !== 'down' });
    await expect(load()).rejects.toThrow('down');
    expect(load.stats()).toEqual({ calls: 1, failures: 1, fallbacks: 0 });
  });

  test.each([
    [new CancelledError({ agent: 'a', attempt: 1 }, 'because')],
    [new DOMException('aborted', 'AbortError')],
  ])('does not answer a caller that has left: %s', async (error) => {
    const load = withFallback(async () => {
      throw error;
    }, 'x');
    await expect(load()).rejects.toBe(error);
  });

  test.each([
    ['fn', () => withFallback('x' as never, 1)],
    ['when', () => withFallback(failing, 1, { when: 1 as never })],
    ['wen', () => withFallback(failing, 1, { wen: () => true } as never)],
  ])('refuses an invalid argument and names it: %s', (field, build) => {
    expect(build).toThrow(InvalidArgumentError);
    expect(build).toThrow(field);
  });
});

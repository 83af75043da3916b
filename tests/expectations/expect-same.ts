import { expect } from '@jest/globals';

/** `expect(actual).toBe(expected)` for long loops: Jest's own takes some twenty microseconds also where all is well. */
export function expectSame(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) expect(actual).toBe(expected);
}

import { describe, expect, test } from '@jest/globals';
import type { AgentError } from '../../../src/errors/execution-errors.js';
import { classifyFailure } from '../../../src/resilience/retry/classify-failure.js';

const CALL = { agent: 'agent', callId: 'call', attempt: 1 };
const classify = (thrown: unknown): AgentError => classifyFailure(thrown, CALL, 0, undefined) as AgentError;
const failure = (fields: object): Error => Object.assign(new Error('failed'), fields);

describe('classifyFailure', () => {
  test.each([
    [0, 0],
    [0.5, 0.5],
    [1, 1],
    [-1, 2_000],
    [Number.NaN, 2_000],
    [Number.POSITIVE_INFINITY, 2_000],
    ['5', 2_000],
    [undefined, 2_000],
  ])('of retryAfterMs %s and a header of two seconds takes %s ms', (retryAfterMs, expected) => {
    const thrown = failure({ status: 429, retryAfterMs, headers: new Headers({ 'retry-after': '2' }) });
    expect(classify(thrown).retryAfterMs).toBe(expected);
  });

  test('reads the header of the response that the error carries', () => {
    const response = { headers: new Headers({ 'retry-after': '3' }) };
    expect(classify(failure({ response })).retryAfterMs).toBe(3_000);
    expect(classify(failure({})).retryAfterMs).toBeUndefined();
  });

  test.each([
    [399, false],
    [400, false],
    [408, true],
    [409, true],
    [425, true],
    [429, true],
    [499, false],
    [500, true],
    [599, true],
    [600, false],
  ])('of status %s says whether it is retryable: %s', (status, retryable) => {
    for (const fields of [{ status }, { statusCode: status }]) {
      expect(classify(failure(fields))).toMatchObject({ retryable, status });
    }
  });

  test('looks for a network fault in the error and three causes, and in no more', () => {
    const nested = (depth: number): Error => {
      let fault = failure({ code: 'ECONNRESET' });
      for (let level = 0; level < depth; level += 1) fault = new Error('wrapped', { cause: fault });
      return fault;
    };
    expect([0, 1, 3, 4].map((depth) => classify(nested(depth)).retryable)).toEqual([true, true, true, false]);
  });
});

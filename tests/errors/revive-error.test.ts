import { describe, expect, test } from '@jest/globals';
import { AgentFileError } from '../../src/errors/agent-file-error.js';
import { ERROR_CODES, type ErrorCode } from '../../src/errors/codes.js';
import { AgentError, RetriesExhaustedError, TimeoutError } from '../../src/errors/execution-errors.js';
import { ProviderRateLimitedError } from '../../src/errors/provider-errors.js';
import { reviveError, type StoredError, storeError } from '../../src/errors/revive-error.js';
import { TuttiError } from '../../src/errors/tutti-error.js';

const call = { agent: 'a', attempt: 2 };
const throughJson = (error: TuttiError): TuttiError =>
  reviveError(JSON.parse(JSON.stringify(storeError(error))) as StoredError);

describe('reviveError', () => {
  test.each([
    new TimeoutError('idle', 5, call),
    new AgentFileError('agents/a.md', 3, 'is wrong'),
    new AgentError(call, 'busy', { retryable: true, cause: undefined, status: 503, retryAfterMs: 7 }),
    new ProviderRateLimitedError('slow down', { provider: 'p', model: 'm', status: 429, retryable: false }),
  ])('gives $name back with everything that JSON can say', (error) => {
    const revived = throughJson(error);
    expect(revived).toBeInstanceOf(error.constructor as typeof TuttiError);
    expect(TuttiError.isInstance(revived)).toBe(true);
    const { cause: _lost, ...kept } = { ...error } as Record<string, unknown>;
    expect({ ...revived }).toEqual(JSON.parse(JSON.stringify(kept)));
    expect([revived.name, revived.message]).toEqual([error.name, error.message]);
  });

  test('gives the errors of every attempt back, the last as the cause', () => {
    const errors = [new TimeoutError('attempt', 5, call), new TimeoutError('attempt', 6, call)];
    const revived = throughJson(new RetriesExhaustedError('a', errors)) as RetriesExhaustedError;
    expect(revived.errors.map((error) => (error as TimeoutError).timeoutMs)).toEqual([5, 6]);
    expect(revived.cause).toBe(revived.errors[1]);
    expect(revived.attempts).toBe(2);
  });

  test('leaves out what JSON cannot say', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    const error = new TuttiError('TUTTI_CLOSED', 'x', {
      details: { loop, big: 1n, call: String, fine: [1] },
    });
    expect(throughJson(error).details).toEqual({ fine: [1] });
  });

  test('knows a class for every code, and takes a code of a later version all the same', () => {
    const classes = ERROR_CODES.map((code) => throughJson(new TuttiError(code, 'x')).constructor);
    expect(new Set(classes).size).toBe(ERROR_CODES.length);
    const later = throughJson(new TuttiError('TUTTI_LATER' as ErrorCode, 'x', { retryable: true }));
    expect(later).toMatchObject({ code: 'TUTTI_LATER', name: 'TuttiError', retryable: true });
  });
});

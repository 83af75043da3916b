import { describe, expect, test } from '@jest/globals';
import { RequestMemory } from '../../../src/calls/explain/request-memory.js';

const fields = (task: string): never => new Map([['task', task]]) as never;

function memory(most = 10) {
  const requests = new RequestMemory(most);
  const why = (key: string, epochMs = 0) => requests.explain(requests.lookUp(key, 'a', fields(key), epochMs));
  return { requests, why };
}

describe('why there is no answer to a request', () => {
  test('is that nothing was ever stored, or was not stored, and why', () => {
    const { requests, why } = memory();
    expect(why('one')).toEqual({ reason: 'never-seen' });
    expect(why('one').reason).toBe('not-stored');
    requests.gone('one', 'empty' as never);
    expect(why('one')).toMatchObject({ reason: 'not-stored' });
  });

  test.each([
    ['deleted', 'deleted'],
    ['rejected', 'rejected'],
  ] as const)('is that the answer was %s', (gone, reason) => {
    const { requests, why } = memory();
    why('one');
    requests.stored('one', 'a', 1_000);
    requests.gone('one', gone as never);
    expect(why('one')).toEqual({ reason });
  });

  test('is that it expired, or else was evicted', () => {
    const { requests, why } = memory();
    why('one');
    requests.stored('one', 'a', 1_000);
    expect(why('one', 1_000)).toEqual({ reason: 'expired' });
    expect(why('one', 999)).toEqual({ reason: 'evicted' });
    // A hit says nothing of its end.
    requests.stored('one', 'a', undefined);
    expect(why('one', 1_000)).toEqual({ reason: 'expired' });
  });

  test('is that all answers were deleted since', () => {
    const { requests, why } = memory();
    why('one');
    requests.stored('one', 'a', undefined);
    requests.allForgotten();
    expect(why('one')).toEqual({ reason: 'deleted' });
  });

  test('is not known of what was never looked up, or is no longer kept', () => {
    const { requests, why } = memory(2);
    requests.gone('unknown', 'deleted' as never);
    requests.stored('other', 'a', undefined);
    expect(why('other', 5).reason).toBe('evicted');
    for (const key of ['b', 'c', 'd']) why(key);
    expect(why('other').reason).not.toBe('evicted');
  });
});

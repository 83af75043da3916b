import { describe, expect, test } from '@jest/globals';
import { equivalentOf } from '../../src/input/equivalent.js';

const KNOWN = ['maxConcurrent', 'maxRetries', 'timeoutMs', 'params', 'instructions', 'signal'];

describe('what to write in place of an unknown option', () => {
  test.each([
    ['concurrency', 'maxConcurrent'],
    ['retries', 'maxRetries'],
    ['timeout', 'timeoutMs'],
    ['system', 'instructions'],
    ['systemPrompt', 'instructions'],
    ['abortSignal', 'signal'],
    ['maxRetires', 'maxRetries'],
  ])('of %s is %s', (name, suggestion) => {
    expect(equivalentOf(name, KNOWN)).toEqual({ hint: `Did you mean "${suggestion}"?`, suggestion });
  });

  test.each(['temperature', 'topP', 'seed'])('of a parameter of models, %s, is params', (name) => {
    expect(equivalentOf(name, KNOWN)).toEqual({ hint: `Write params: { ${name} }.`, suggestion: 'params' });
    expect(equivalentOf(name, ['maxConcurrent'])?.hint).toMatch(/belongs to an agent or a call.*params/);
  });

  test.each([
    ['system', /It is called instructions and belongs to an agent/],
    ['model', /It belongs to an agent or a call/],
    ['retries', undefined],
  ])('of %s, where its equivalent is not known, is its place, if it has one', (name, hint) => {
    const found = equivalentOf(name, ['maxQueued']);
    if (hint === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject({ hint: expect.stringMatching(hint), suggestion: undefined });
  });

  test('is nothing for what nobody calls an option so', () => {
    expect(equivalentOf('somethingElse', KNOWN)).toBeUndefined();
  });
});

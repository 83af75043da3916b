import { describe, expect, test } from '@jest/globals';
import { aiSdk, anthropic, openai } from '../../../src/providers/index.js';
import { longestAnswer } from '../../../src/providers/model/longest-answer.js';

describe('longestAnswer', () => {
  test('is the largest of the named parameters that are numbers above 0', () => {
    expect(longestAnswer({ maxTokens: 10, max_tokens: 20, other: 30 }, ['maxTokens', 'max_tokens'])).toBe(20);
  });

  test.each([
    [{}],
    [{ maxTokens: 0 }],
    [{ maxTokens: -1 }],
    [{ maxTokens: Number.NaN }],
    [{ maxTokens: '9' }],
  ])('is unknown for %j', (params) => {
    expect(longestAnswer(params, ['maxTokens'])).toBeUndefined();
  });
});

describe("a provider's maxOutputTokens", () => {
  const model = { specificationVersion: 'v3', provider: 'p', modelId: 'm' };
  const languageModel = { ...model, doGenerate: async () => ({}), doStream: async () => ({}) };

  test.each([
    ['anthropic', anthropic({ model: 'm' }), 'max_tokens', 'max_output_tokens'],
    ['openai (chat)', openai({ model: 'm' }), 'max_completion_tokens', 'max_output_tokens'],
    ['openai (chat, older servers)', openai({ model: 'm' }), 'max_tokens', 'max_output_tokens'],
    ['openai (responses)', openai({ model: 'm', api: 'responses' }), 'max_output_tokens', 'max_tokens'],
    ['aiSdk', aiSdk(languageModel), 'maxOutputTokens', 'max_tokens'],
  ])('of %s reads maxTokens and the name of its own API only', (_name, { provider }, own, foreign) => {
    expect(provider?.maxOutputTokens?.('m', { maxTokens: 100 })).toBe(100);
    expect(provider?.maxOutputTokens?.('m', { [own]: 200 })).toBe(200);
    expect(provider?.maxOutputTokens?.('m', { [foreign]: 300 })).toBeUndefined();
  });
});

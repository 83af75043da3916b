import { describe, expect, test } from '@jest/globals';
import { TokenEstimator } from '../../../src/resilience/lane/token-estimate.js';

describe('TokenEstimator', () => {
  test('before any answer guesses from the size, on the high side, and takes maxTokens as it is', () => {
    const estimator = new TokenEstimator();
    expect(estimator.inputTokens(3_500)).toBe(1_000);
    expect(estimator.inputTokens(0)).toBe(1);
    expect(estimator.outputTokens(256)).toBe(256);
    expect(estimator.outputTokens(undefined)).toBe(1_000);
  });

  test('follows the observed ratio within a few answers', () => {
    const estimator = new TokenEstimator();
    for (let index = 0; index < 5; index += 1) estimator.observe(4_000, 2_000, 300);
    expect(estimator.inputTokens(4_000)).toBe(2_000);
    expect(estimator.outputTokens(undefined)).toBe(300);
  });

  test('with answers that vary, most use less than was estimated', () => {
    const estimator = new TokenEstimator();
    let seed = 7;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    let within = 0;
    for (let index = 0; index < 1_000; index += 1) {
      const sizeBytes = 500 + Math.floor(random() * 5_000);
      const tokens = Math.ceil(sizeBytes * (0.2 + 0.1 * random()));
      if (tokens <= estimator.inputTokens(sizeBytes)) within += 1;
      estimator.observe(sizeBytes, tokens, 0);
    }
    expect(within).toBeGreaterThan(950);
    expect(estimator.inputTokens(10_000)).toBeLessThan(3_300);
  });

  test('tells what is sent from what the prompt cache holds', () => {
    const estimator = new TokenEstimator();
    for (let index = 0; index < 200; index += 1) estimator.observe(4_000, 100, 0, 900);
    expect(Math.round(estimator.inputTokens(4_000) / 10)).toBe(10);
    expect(Math.round(estimator.promptTokens(4_000) / 10)).toBe(100);
  });

  test('answers without usage teach nothing', () => {
    const estimator = new TokenEstimator();
    estimator.observe(4_000, 0, 0);
    estimator.observe(0, 10, 0);
    expect(estimator.inputTokens(3_500)).toBe(1_000);
  });
});

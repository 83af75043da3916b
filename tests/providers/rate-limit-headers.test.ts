import { describe, expect, test } from '@jest/globals';
import { rateLimits } from '../../src/providers/rate-limit-headers.js';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const read = (headers: Record<string, string>) => rateLimits(new Headers(headers), NOW);

describe('rateLimits', () => {
  test('reads the headers of Anthropic, whose resets are instants', () => {
    expect(
      read({
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': '49',
        'anthropic-ratelimit-requests-reset': '2026-01-01T12:00:30Z',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-output-tokens-limit': '8000',
        'anthropic-ratelimit-tokens-reset': '2026-01-01T11:00:00Z',
      }),
    ).toEqual({
      requests: { limit: 50, remaining: 49, resetMs: 30_000 },
      inputTokens: { remaining: 0 },
      outputTokens: { limit: 8_000 },
      tokens: { resetMs: 0 },
    });
  });

  test('measures an instant from the answer, not from our clock', () => {
    const limits = read({
      date: 'Thu, 01 Jan 2026 20:00:00 GMT',
      'anthropic-ratelimit-requests-reset': '2026-01-01T20:00:05Z',
    });
    expect(limits?.requests?.resetMs).toBe(5_000);
  });

  test.each([
    ['12ms', 12],
    ['1.5s', 1_500],
    ['6m0s', 360_000],
    ['1h2m3s', 3_723_000],
    ['1d', 86_400_000],
    ['7', 7_000],
    ['soon', undefined],
  ])('reads the length %s of OpenAI as %s ms', (reset, expected) => {
    const limits = read({ 'x-ratelimit-remaining-requests': '1', 'x-ratelimit-reset-requests': reset });
    expect(limits).toEqual({ requests: { remaining: 1, resetMs: expected } });
  });

  test('reads limits of tokens', () => {
    expect(read({ 'x-ratelimit-limit-tokens': '1000', 'x-ratelimit-remaining-tokens': '900' })).toEqual({
      tokens: { limit: 1_000, remaining: 900 },
    });
  });

  test('says nothing where the headers say nothing that can be read', () => {
    expect(read({})).toBeUndefined();
    expect(
      read({ 'x-ratelimit-limit-tokens': 'many', 'anthropic-ratelimit-tokens-reset': 'later' }),
    ).toBeUndefined();
  });
});

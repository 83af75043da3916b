// Covers: src/providers/transport/reset-time.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseRateLimits } from '../../../src/providers/transport/rate-limit-headers.js';
import { responseInfo } from '../../../src/providers/transport/response-info.js';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);

describe('parseRateLimits', () => {
  test('reads the headers of an Anthropic response', () => {
    const headers = new Headers({
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '49',
      'anthropic-ratelimit-requests-reset': '2026-01-01T12:00:01Z',
      'anthropic-ratelimit-input-tokens-limit': '30000',
      'anthropic-ratelimit-input-tokens-remaining': '29000',
      'anthropic-ratelimit-input-tokens-reset': '2026-01-01T12:00:02.500Z',
      'anthropic-ratelimit-output-tokens-limit': '8000',
      'anthropic-ratelimit-output-tokens-remaining': '8000',
      'anthropic-ratelimit-output-tokens-reset': '2026-01-01T14:00:00+02:00',
    });
    expect(parseRateLimits(headers, NOW)).toEqual({
      requests: { limit: 50, remaining: 49, resetMs: 1_000 },
      inputTokens: { limit: 30_000, remaining: 29_000, resetMs: 2_500 },
      outputTokens: { limit: 8_000, remaining: 8_000, resetMs: 0 },
    });
  });

  test('reads the headers of an OpenAI response, whatever the case of their names', () => {
    const headers = {
      'X-RateLimit-Limit-Requests': '5000',
      'X-RateLimit-Remaining-Requests': '4999',
      'X-RateLimit-Reset-Requests': '12ms',
      'x-ratelimit-limit-tokens': 160_000,
      'x-ratelimit-remaining-tokens': '-3',
      'x-ratelimit-reset-tokens': '6m0s',
    };
    expect(parseRateLimits(headers, NOW)).toEqual({
      requests: { limit: 5_000, remaining: 4_999, resetMs: 12 },
      tokens: { limit: 160_000, remaining: 0, resetMs: 360_000 },
    });
  });

  test.each([
    ['1m3s', 63_000],
    ['1h2m3.5s', 3_723_500],
    ['59.5s', 59_500],
    ['1d', 86_400_000],
    ['17', 17_000],
    ['0', 0],
    ['0.25', 250],
    [String(NOW / 1_000 + 5), 5_000],
    [String(NOW + 5_000), 5_000],
    ['2026-01-01T12:00:05Z', 5_000],
    ['soon', undefined],
    ['-3s', undefined],
    ['2026-13-45T99:00:00Z', undefined],
  ])('understands a reset of %s', (text, resetMs) => {
    const headers = { 'x-ratelimit-limit-tokens': '10', 'x-ratelimit-reset-tokens': text };
    expect(parseRateLimits(headers, NOW)?.tokens).toEqual({ limit: 10, remaining: undefined, resetMs });
  });

  test('finds nothing where there is nothing, and leaves out what makes no sense', () => {
    for (const headers of [undefined, null, 'text', 7, {}, new Headers()]) {
      expect(parseRateLimits(headers, NOW)).toBeUndefined();
    }
    expect(
      parseRateLimits({ 'x-ratelimit-limit-tokens': 'many', 'anthropic-ratelimit-tokens-limit': ['1'] }, NOW),
    ).toBeUndefined();
    expect(
      parseRateLimits(
        { 'anthropic-ratelimit-tokens-limit': '9', 'anthropic-ratelimit-tokens-reset': '6m0s' },
        NOW,
      )?.tokens,
    ).toEqual({ limit: 9, remaining: undefined, resetMs: undefined });
  });

  test('reads back every length that it can write', () => {
    const length = fc.record({
      h: fc.nat(30),
      m: fc.nat(59),
      s: fc.nat(59),
      ms: fc.nat(999),
    });
    fc.assert(
      fc.property(length, ({ h, m, s, ms }) => {
        const headers = {
          'x-ratelimit-limit-tokens': '1',
          'x-ratelimit-reset-tokens': `${h}h${m}m${s}s${ms}ms`,
        };
        const expected = ((h * 60 + m) * 60 + s) * 1_000 + ms;
        expect(parseRateLimits(headers, NOW)?.tokens?.resetMs).toBe(expected);
      }),
    );
  });

  test('reads back every instant from now on', () => {
    fc.assert(
      fc.property(fc.nat(1e9), (aheadMs) => {
        const headers = {
          'anthropic-ratelimit-tokens-limit': '1',
          'anthropic-ratelimit-tokens-reset': new Date(NOW + aheadMs).toISOString(),
        };
        expect(parseRateLimits(headers, NOW)?.tokens?.resetMs).toBe(aheadMs);
      }),
    );
  });

  test('gives sane numbers or nothing for any text, and never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (limit, remaining, reset) => {
        const headers = {
          'x-ratelimit-limit-tokens': limit,
          'x-ratelimit-remaining-tokens': remaining,
          'x-ratelimit-reset-tokens': reset,
        };
        for (const value of Object.values(parseRateLimits(headers, NOW)?.tokens ?? {})) {
          if (value !== undefined) expect(value).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});

const limitsOf = (headers: Record<string, string>) =>
  parseRateLimits(new Headers(headers), Date.UTC(2026, 0, 1, 12, 0, 0));

describe('parseRateLimits at a given time', () => {
  test('reads the headers of Anthropic, whose resets are instants', () => {
    expect(
      limitsOf({
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
    const limits = limitsOf({
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
    const limits = limitsOf({ 'x-ratelimit-remaining-requests': '1', 'x-ratelimit-reset-requests': reset });
    expect(limits).toEqual({ requests: { remaining: 1, resetMs: expected } });
  });

  test('reads limits of tokens', () => {
    expect(limitsOf({ 'x-ratelimit-limit-tokens': '1000', 'x-ratelimit-remaining-tokens': '900' })).toEqual({
      tokens: { limit: 1_000, remaining: 900 },
    });
  });

  test('says nothing where the headers say nothing that can be read', () => {
    expect(limitsOf({})).toBeUndefined();
    expect(
      limitsOf({ 'x-ratelimit-limit-tokens': 'many', 'anthropic-ratelimit-tokens-reset': 'later' }),
    ).toBeUndefined();
  });
});

describe('responseInfo', () => {
  test('has the request id, the wait and the limits of a response', () => {
    const headers = new Headers({
      'x-request-id': 'req_1',
      'retry-after-ms': '250',
      'retry-after': '1',
      'x-ratelimit-limit-requests': '50',
    });
    expect(responseInfo('openai', 'm', 429, headers)).toEqual({
      provider: 'openai',
      model: 'm',
      status: 429,
      requestId: 'req_1',
      retryAfterMs: 250,
      limits: { requests: { limit: 50 } },
    });
  });

  test('leaves absent what the headers do not say', () => {
    expect(responseInfo('http', undefined, 200, new Headers())).toEqual({ provider: 'http', status: 200 });
  });
});

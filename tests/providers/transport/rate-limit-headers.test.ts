// Covers: src/providers/transport/reset-time.ts
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RateLimits } from '../../../src/contracts/rate-limits.js';
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
      requests: { limit: 50, remaining: 49, resetMs: 1_000, resetToleranceMs: 1_000 },
      inputTokens: { limit: 30_000, remaining: 29_000, resetMs: 2_500 },
      outputTokens: { limit: 8_000, remaining: 8_000, resetMs: 0, resetToleranceMs: 1_000 },
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
      tokens: { limit: 160_000, remaining: 0, resetMs: 360_000, resetToleranceMs: 1_000 },
    });
  });

  test.each([
    ['1m3s', 63_000, 1_000],
    ['1h2m3.5s', 3_723_500, 100],
    ['1h 2m 3.5s', 3_723_500, 100],
    ['59.5s', 59_500, 100],
    ['7.66s', 7_660, 10],
    ['370ms', 370, undefined],
    ['1.25ms', 1.25, undefined],
    ['500µs', 0.5, undefined],
    ['1d', 86_400_000, 1_000],
    ['17', 17_000, 1_000],
    ['0', 0, 1_000],
    ['0.25', 250, 10],
    ['33011.382867', 33_011_382.867, undefined],
    [String(NOW / 1_000 + 5), 5_000, 1_000],
    [String(NOW + 5_000), 5_000, undefined],
    ['2026-01-01T12:00:05Z', 5_000, 1_000],
    ['2026-01-01T12:00:05.000Z', 5_000, undefined],
    ['Thu, 01 Jan 2026 12:00:05 GMT', 5_000, 1_000],
    ['soon', undefined, undefined],
    ['-3s', undefined, undefined],
    ['2026-13-45T99:00:00Z', undefined, undefined],
  ])('understands a reset of %s', (text, resetMs, resetToleranceMs) => {
    const headers = { 'x-ratelimit-limit-tokens': '10', 'x-ratelimit-reset-tokens': text };
    expect(parseRateLimits(headers, NOW)?.tokens).toEqual({ limit: 10, resetMs, resetToleranceMs });
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
    ).toEqual({ limit: 9, remaining: undefined, resetMs: 360_000, resetToleranceMs: 1_000 });
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
      requests: { limit: 50, remaining: 49, resetMs: 30_000, resetToleranceMs: 1_000 },
      inputTokens: { remaining: 0 },
      outputTokens: { limit: 8_000 },
      tokens: { resetMs: 0, resetToleranceMs: 1_000 },
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
    expect(limits).toMatchObject({ requests: { remaining: 1, resetMs: expected } });
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

describe('parseRateLimits of one provider after another', () => {
  test.each<[string, Record<string, string>, RateLimits | undefined]>([
    [
      'Azure, that does not know its limit of tokens',
      {
        'x-ratelimit-limit-tokens': '-1',
        'x-ratelimit-remaining-tokens': '-1',
        'x-ratelimit-reset-tokens': '0',
        'x-ratelimit-limit-requests': '250',
        'x-ratelimit-remaining-requests': '249',
        'x-ms-region': 'North Central US',
      },
      { requests: { limit: 250, remaining: 249 } },
    ],
    [
      'Azure, that tells what remains only',
      { 'x-ratelimit-remaining-requests': '79', 'x-ratelimit-remaining-tokens': '61353' },
      { requests: { remaining: 79 }, tokens: { remaining: 61_353 } },
    ],
    [
      'GitHub, that tells the length of its windows',
      {
        'x-ratelimit-limit-requests': '1000',
        'x-ratelimit-remaining-requests': '999',
        'x-ratelimit-renewalperiod-requests': '60',
        'x-ratelimit-abusepenalty-active': 'False',
      },
      { requests: { limit: 1_000, remaining: 999, windowMs: 60_000 } },
    ],
    [
      'Groq, that counts requests by the day',
      {
        'x-ratelimit-limit-requests': '14400',
        'x-ratelimit-remaining-requests': '14370',
        'x-ratelimit-reset-requests': '2m59.56s',
        'x-ratelimit-limit-tokens': '18000',
        'x-ratelimit-remaining-tokens': '17997',
        'x-ratelimit-reset-tokens': '7.66s',
      },
      {
        requests: { limit: 14_400, remaining: 14_370, resetMs: 179_560, resetToleranceMs: 10 },
        tokens: { limit: 18_000, remaining: 17_997, resetMs: 7_660, resetToleranceMs: 10 },
      },
    ],
    [
      'Together, that names neither requests nor a window',
      {
        'x-ratelimit-limit': '10',
        'x-ratelimit-remaining': '9',
        'x-ratelimit-reset': '1',
        'x-tokenlimit-limit': '3000',
        'x-tokenlimit-remaining': '2876',
      },
      {
        requests: { limit: 10, remaining: 9, resetMs: 1_000, resetToleranceMs: 1_000 },
        tokens: { limit: 3_000, remaining: 2_876 },
      },
    ],
    [
      'OpenRouter, whose reset is in epoch milliseconds',
      { 'X-RateLimit-Limit': '20', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(NOW + 42_000) },
      { requests: { limit: 20, remaining: 0, resetMs: 42_000 } },
    ],
    [
      'Mistral, by the minute',
      {
        'x-ratelimit-limit-req-minute': '720',
        'x-ratelimit-remaining-req-minute': '717',
        'x-ratelimit-limit-tokens-minute': '5000000',
        'x-ratelimit-remaining-tokens-minute': '4999911',
        'x-ratelimit-tokens-query-cost': '52',
      },
      {
        requests: { limit: 720, remaining: 717, windowMs: 60_000 },
        tokens: { limit: 5_000_000, remaining: 4_999_911, windowMs: 60_000 },
      },
    ],
    [
      'Mistral, by size, of which the minute has less left than the month',
      {
        'x-ratelimitbysize-limit-minute': '500000',
        'x-ratelimitbysize-remaining-minute': '499000',
        'x-ratelimitbysize-limit-month': '1000000000',
        'x-ratelimitbysize-remaining-month': '999000000',
      },
      { tokens: { limit: 500_000, remaining: 499_000, windowMs: 60_000 } },
    ],
    [
      'Mistral, by size, without a window',
      {
        'ratelimitbysize-limit': '500000',
        'ratelimitbysize-remaining': '499900',
        'ratelimitbysize-reset': '59',
        'ratelimitbysize-query-cost': '100',
      },
      { tokens: { limit: 500_000, remaining: 499_900, resetMs: 59_000, resetToleranceMs: 1_000 } },
    ],
    [
      'Cerebras, of whose day less is left than of the minute',
      {
        'x-ratelimit-limit-requests-minute': '30',
        'x-ratelimit-remaining-requests-minute': '29',
        'x-ratelimit-limit-requests-day': '14400',
        'x-ratelimit-remaining-requests-day': '7',
        'x-ratelimit-reset-requests-day': '33011.382867',
      },
      { requests: { limit: 14_400, remaining: 7, resetMs: 33_011_382.867, windowMs: 86_400_000 } },
    ],
    [
      'Fireworks, by the side of a request',
      { 'x-ratelimit-limit-tokens-prompt': '21600000', 'x-ratelimit-limit-tokens-generated': '216000' },
      { inputTokens: { limit: 21_600_000 }, outputTokens: { limit: 216_000 } },
    ],
    [
      'the draft of the IETF, with lists and windows',
      { 'RateLimit-Limit': '100, 100;w=60', 'RateLimit-Remaining': '42', 'RateLimit-Reset': '6' },
      { requests: { limit: 100, remaining: 42, resetMs: 6_000, resetToleranceMs: 1_000 } },
    ],
    [
      'gateways that have no limit',
      {
        'x-ratelimit-limit-requests': '0',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-limit-tokens': 'None',
        'x-ratelimit-remaining-tokens': '-1',
      },
      undefined,
    ],
    [
      'headers that are about something else',
      {
        'anthropic-ratelimit-unified-status': 'allowed',
        'x-ratelimit-limit-tokens_usage_based': '160000',
        'x-ratelimit-limit-project-tokens': '5',
        'ratelimit-policy': '100;w=60',
        'content-limit': '5',
      },
      undefined,
    ],
  ])('reads %s', (_provider, headers, limits) => {
    expect(parseRateLimits(new Headers(headers), NOW)).toEqual(limits);
  });

  test('trusts our clock to the millisecond while it agrees with the date, and the date to a second', () => {
    const reset = '2026-01-01T12:00:05.250Z';
    const headers = (date: string) => ({ date, 'anthropic-ratelimit-requests-reset': reset });
    expect(parseRateLimits(headers('Thu, 01 Jan 2026 11:59:59 GMT'), NOW)).toEqual({
      requests: { resetMs: 5_250 },
    });
    expect(parseRateLimits(headers('Thu, 01 Jan 2026 11:00:00 GMT'), NOW)).toEqual({
      requests: { resetMs: 3_605_250, resetToleranceMs: 1_000 },
    });
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

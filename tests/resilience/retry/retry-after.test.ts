import { describe, expect, test } from '@jest/globals';
import { parseRetryAfterMs } from '../../../src/resilience/retry/retry-after.js';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const read = (headers: Record<string, string>) => parseRetryAfterMs(new Headers(headers), NOW);

describe('parseRetryAfterMs', () => {
  test.each<[string, Record<string, string>, number | undefined]>([
    ['whole seconds', { 'retry-after': '2' }, 2_000],
    ['fractions of seconds', { 'retry-after': '0.25' }, 250],
    ['no wait at all', { 'retry-after': '0' }, 0],
    ['milliseconds', { 'retry-after-ms': '1500' }, 1_500],
    ['milliseconds before seconds', { 'retry-after-ms': '10', 'retry-after': '9' }, 10],
    ['seconds where the milliseconds are nonsense', { 'retry-after-ms': 'soon', 'retry-after': '9' }, 9_000],
    ['an HTTP date', { 'retry-after': 'Thu, 01 Jan 2026 12:00:03 GMT' }, 3_000],
    ['an HTTP date in the past', { 'retry-after': 'Thu, 01 Jan 2026 11:00:00 GMT' }, 0],
    [
      'an HTTP date by the clock of its sender',
      { 'retry-after': 'Thu, 01 Jan 2026 15:00:03 GMT', date: 'Thu, 01 Jan 2026 15:00:00 GMT' },
      3_000,
    ],
    ['nothing', {}, undefined],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['a negative number', { 'retry-after': '-1' }, undefined],
  ])('reads %s', (_name, headers, expected) => {
    expect(read(headers)).toBe(expected);
  });

  test('uses the system clock by default', () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    const waitMs = parseRetryAfterMs(new Headers({ 'retry-after': at })) ?? 0;
    expect(waitMs).toBeGreaterThan(50_000);
    expect(waitMs).toBeLessThanOrEqual(60_000);
  });
});

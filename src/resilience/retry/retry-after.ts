import { fieldOf } from '../../errors/foreign.js';
import { systemClock } from '../../time/clock.js';

/** The part of a `Headers` object that is read. */
export interface HeaderSource {
  get(name: string): string | null;
}

/**
 * How long a response asks to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds (fractions
 * too) or as an HTTP date (RFC 9110, section 10.2.3). A date is measured from the answer's own `date` header, so
 * that a wrong clock on either side does no harm. `undefined` where it asks for nothing or makes no sense.
 *
 * @param headers A `Headers` object or a plain record of headers, names in any case.
 * @param epochMs Now, milliseconds since the Unix epoch.
 */
export function parseRetryAfterMs(headers: unknown, epochMs = systemClock.epochMs()): number | undefined {
  const milliseconds = nonNegative(headerOf(headers, 'retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const value = headerOf(headers, 'retry-after');
  const seconds = nonNegative(value);
  if (seconds !== undefined) return seconds * 1_000;
  const untilEpochMs = instantOf(value);
  return untilEpochMs === undefined ? undefined : Math.max(0, untilEpochMs - answeredAt(headers, epochMs));
}

/** When an answer was made: by its sender's clock where it says so, else `epochMs`. Milliseconds since the Unix epoch. */
export function answeredAt(headers: unknown, epochMs: number): number {
  return instantOf(headerOf(headers, 'date')) ?? epochMs;
}

function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  try {
    const get = fieldOf(headers, 'get');
    if (typeof get === 'function') return text(get.call(headers, name));
    const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
    return key === undefined ? undefined : text(fieldOf(headers, key));
  } catch {
    // Headers that cannot be read ask for nothing.
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.trim() : undefined;
}

function nonNegative(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+(\.\d+)?$/.test(value)) return undefined;
  return Number(value);
}

/** Only what has letters: `Date.parse` takes numbers such as -1 for years and months. */
function instantOf(value: string | undefined): number | undefined {
  if (value === undefined || !/[a-z]/i.test(value)) return undefined;
  const epochMs = Date.parse(value);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

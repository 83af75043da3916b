import { fieldOf } from '../../errors/foreign.js';
import { systemClock } from '../../time/clock.js';

/** The part of `Headers` that is needed. */
export interface HeaderSource {
  get(name: string): string | null;
}

/**
 * How long a response asks to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds (fractions
 * allowed) or as an HTTP date (RFC 9110, section 10.2.3). A date is compared with the response's own `date` header, so
 * that a wrong clock on either side does not matter. `undefined` if both headers are absent or invalid.
 *
 * @param headers A `Headers` object or a plain record of headers; the case of names is ignored.
 * @param epochMs Now, in milliseconds since the Unix epoch.
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

/** When a response was sent, by its `date` header, else `epochMs`. In milliseconds since the Unix epoch. */
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
    // Headers that cannot be read count as absent.
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

/** Requires a letter, because `Date.parse` reads numbers such as -1 as years or months. */
function instantOf(value: string | undefined): number | undefined {
  if (value === undefined || !/[a-z]/i.test(value)) return undefined;
  const epochMs = Date.parse(value);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

import { fieldOf } from '../errors/foreign.js';

/**
 * How long a response asks to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds (fractions
 * too) or as an HTTP date (RFC 9110, section 10.2.3). `undefined` where it asks for nothing or makes no sense.
 *
 * @param headers A `Headers` object or a plain record of headers, names in any case.
 * @param epochMs Now, milliseconds since the Unix epoch.
 */
export function parseRetryAfterMs(headers: unknown, epochMs: number): number | undefined {
  const milliseconds = nonNegative(headerOf(headers, 'retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const value = headerOf(headers, 'retry-after');
  const seconds = nonNegative(value);
  if (seconds !== undefined) return seconds * 1_000;
  const date = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - epochMs);
}

function headerOf(headers: unknown, name: string): string | undefined {
  const get = fieldOf(headers, 'get');
  if (typeof get === 'function') return text(get.call(headers, name));
  if (typeof headers !== 'object' || headers === null) return undefined;
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  return key === undefined ? undefined : text(fieldOf(headers, key));
}

function text(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.trim() : undefined;
}

function nonNegative(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d+(\.\d+)?$/.test(value)) return undefined;
  return Number(value);
}

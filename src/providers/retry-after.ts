import { systemClock } from '../time/clock.js';

/** The part of `Headers` that is read. */
export interface HeaderSource {
  get(name: string): string | null;
}

/**
 * How long an answer asks to wait, in milliseconds: `retry-after-ms`, else `retry-after` in seconds (fractions
 * too) or as an HTTP date. A date is measured from the answer's own `date` header, so that a wrong clock on
 * either side does no harm. Nothing, or nonsense, is `undefined`.
 */
export function retryAfterMs(headers: HeaderSource, epochMs = systemClock.epochMs()): number | undefined {
  const exact = nonNegative(headers.get('retry-after-ms'));
  if (exact !== undefined) return exact;
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = nonNegative(value);
  if (seconds !== undefined) return seconds * 1_000;
  const untilEpochMs = Date.parse(value);
  if (Number.isNaN(untilEpochMs) || !/[a-z]/i.test(value)) return undefined;
  return Math.max(0, untilEpochMs - answeredAt(headers, epochMs));
}

/** When the answer was made by its sender's clock, else ours. Milliseconds since the Unix epoch. */
export function answeredAt(headers: HeaderSource, epochMs: number): number {
  const sentAt = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(sentAt) ? epochMs : sentAt;
}

function nonNegative(text: string | null): number | undefined {
  if (text === null || !/^\s*\d+(\.\d+)?\s*$/.test(text)) return undefined;
  return Number(text);
}

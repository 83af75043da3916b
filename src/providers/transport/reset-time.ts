/** When a limit is reset, as a header says it. */
export interface ResetTime {
  /** Milliseconds from now; 0 if that was in the past. */
  readonly ms: number;
  /** How far off that may be because of how it was written, in milliseconds. */
  readonly toleranceMs: number;
  /** Whether it was written as an instant, not as a duration. */
  readonly isInstant: boolean;
}

const SECOND_MS = 1_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: SECOND_MS,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const LENGTH = /(\d+(?:\.(\d+))?)\s*(ns|us|µs|ms|s|m|h|d)\s*/g;
const LENGTHS = /^(\d+(\.\d+)?\s*(ns|us|µs|ms|s|m|h|d)\s*)+$/;
/** Plain numbers above this are instants: in epoch seconds, or, above a thousand times it, in epoch milliseconds. */
const FIRST_EPOCH_SECONDS = 1_000_000_000;

/**
 * Reads `12ms`, `1m3s`, `6m0s`, `1h2m3.5s`, plain seconds, an instant in epoch seconds or milliseconds, in RFC 3339 or
 * as an HTTP date; `undefined` for anything else.
 *
 * @param epochMs Now, milliseconds since the Unix epoch.
 */
export function parseReset(text: string, epochMs: number): ResetTime | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return parseNumber(text, epochMs);
  const lower = text.toLowerCase();
  return LENGTHS.test(lower) ? parseLengths(lower) : parseInstant(text, epochMs);
}

function parseNumber(text: string, epochMs: number): ResetTime {
  const value = Number(text);
  const decimals = text.split('.')[1]?.length ?? 0;
  const toleranceMs = SECOND_MS / 10 ** decimals;
  if (value < FIRST_EPOCH_SECONDS) return { ms: value * SECOND_MS, toleranceMs, isInstant: false };
  if (value < FIRST_EPOCH_SECONDS * SECOND_MS) return instantAt(value * SECOND_MS, toleranceMs, epochMs);
  return instantAt(value, 1, epochMs);
}

/** Lengths are as exact as their last digit, and at least as exact as a second. */
function parseLengths(text: string): ResetTime {
  let ms = 0;
  let toleranceMs = SECOND_MS;
  for (const [, length, decimals = '', unit] of text.matchAll(LENGTH)) {
    const unitMs = UNIT_MS[unit as string] as number;
    ms += Number(length) * unitMs;
    toleranceMs = Math.min(toleranceMs, unitMs / 10 ** decimals.length);
  }
  return { ms, toleranceMs, isInstant: false };
}

function parseInstant(text: string, epochMs: number): ResetTime | undefined {
  if (!/\d\d:\d\d:\d\d/.test(text) || !/^(\d{4}-\d\d-\d\d[Tt ]|[A-Z][a-z]{2},? )/.test(text))
    return undefined;
  const instantMs = Date.parse(text);
  if (Number.isNaN(instantMs)) return undefined;
  return instantAt(instantMs, /:\d\d\.\d/.test(text) ? 1 : SECOND_MS, epochMs);
}

function instantAt(instantMs: number, toleranceMs: number, epochMs: number): ResetTime {
  return { ms: Math.max(0, instantMs - epochMs), toleranceMs, isInstant: true };
}

import type { RateLimits, RateLimitWindow } from '../contracts/rate-limits.js';
import { answeredAt, type HeaderSource } from '../resilience/retry-after.js';
import { systemClock } from '../time/clock.js';

const ANTHROPIC: ReadonlyArray<[keyof RateLimits, string]> = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
  ['inputTokens', 'input-tokens'],
  ['outputTokens', 'output-tokens'],
];
const OPENAI: ReadonlyArray<[keyof RateLimits, string]> = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
];

/**
 * The limits that an answer's headers tell, in one shape: `anthropic-ratelimit-*` (resets are instants) and
 * `x-ratelimit-*` (resets are lengths such as `6m0s`). `undefined` when they say nothing.
 */
export function rateLimits(headers: HeaderSource, epochMs = systemClock.epochMs()): RateLimits | undefined {
  const limits: { -readonly [Kind in keyof RateLimits]: RateLimits[Kind] } = {};
  const now = answeredAt(headers, epochMs);
  for (const [kind, name] of OPENAI) {
    const read = (what: string) => headers.get(`x-ratelimit-${what}-${name}`);
    const found = allowance(read('limit'), read('remaining'), lengthMs(read('reset')));
    if (found !== undefined) limits[kind] = found;
  }
  for (const [kind, name] of ANTHROPIC) {
    const read = (what: string) => headers.get(`anthropic-ratelimit-${name}-${what}`);
    const found = allowance(read('limit'), read('remaining'), untilMs(read('reset'), now));
    if (found !== undefined) limits[kind] = found;
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

function allowance(
  limit: string | null,
  remaining: string | null,
  resetMs: number | undefined,
): RateLimitWindow | undefined {
  const found = { limit: count(limit), remaining: count(remaining), resetMs };
  return found.limit === undefined && found.remaining === undefined && resetMs === undefined
    ? undefined
    : found;
}

function count(text: string | null): number | undefined {
  return text !== null && /^\s*\d+\s*$/.test(text) ? Number(text) : undefined;
}

function untilMs(instant: string | null, now: number): number | undefined {
  const at = Date.parse(instant ?? '');
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `12ms`, `1.5s`, `6m0s`, `1h2m3s`; a bare number counts seconds. */
function lengthMs(text: string | null): number | undefined {
  const value = text?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1_000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (UNIT_MS[unit as string] as number);
  }
  return total;
}

import type { LimitedQuantity, RateLimits, RateLimitWindow } from '../../contracts/rate-limits.js';
import { fieldOf } from '../../errors/foreign.js';
import { answeredAt } from '../../resilience/retry/retry-after.js';
import { systemClock } from '../../time/clock.js';

/** How a family of headers is named, and how its resets are written. */
interface HeaderFamily {
  readonly names: ReadonlyArray<readonly [LimitedQuantity, string]>;
  nameOf(kind: 'limit' | 'remaining' | 'reset', name: string): string;
  resetMs(text: string, epochMs: number): number | undefined;
}

const ANTHROPIC: HeaderFamily = {
  names: [
    ['requests', 'requests'],
    ['tokens', 'tokens'],
    ['inputTokens', 'input-tokens'],
    ['outputTokens', 'output-tokens'],
  ],
  nameOf: (kind, name) => `anthropic-ratelimit-${name}-${kind}`,
  resetMs: parseInstant,
};

const OPENAI: HeaderFamily = {
  names: [
    ['requests', 'requests'],
    ['tokens', 'tokens'],
  ],
  nameOf: (kind, name) => `x-ratelimit-${kind}-${name}`,
  resetMs: parseReset,
};

/** Every provider reads all of them: a gateway passes on the headers of whichever service it asked. */
const FAMILIES: readonly HeaderFamily[] = [ANTHROPIC, OPENAI];

/**
 * The limits in a response's headers: `anthropic-ratelimit-*` (resets as RFC 3339 instants) and `x-ratelimit-*`
 * (resets as durations such as `12ms`, `1m3s`, `6m0s`, or seconds). Missing and malformed values are left out;
 * `undefined` if nothing is left. Instants are measured from the response's own `date`, so that a wrong clock on
 * either side does no harm.
 *
 * @param headers A `Headers` object or a plain record of headers, names in any case.
 * @param epochMs Now, milliseconds since the Unix epoch.
 */
export function parseRateLimits(headers: unknown, epochMs = systemClock.epochMs()): RateLimits | undefined {
  const read = headerReader(headers);
  if (read === undefined) return undefined;
  const answeredAtMs = answeredAt(headers, epochMs);
  let limits: { -readonly [Quantity in LimitedQuantity]?: RateLimitWindow } | undefined;
  for (const family of FAMILIES) {
    for (const [quantity, name] of family.names) {
      const found = readWindow(family, name, read, answeredAtMs);
      if (found === undefined) continue;
      limits ??= {};
      limits[quantity] = found;
    }
  }
  return limits;
}

type HeaderReader = (name: string) => string | undefined;

function readWindow(
  family: HeaderFamily,
  name: string,
  read: HeaderReader,
  epochMs: number,
): RateLimitWindow | undefined {
  const limit = wholeNumber(read(family.nameOf('limit', name)));
  const remaining = wholeNumber(read(family.nameOf('remaining', name)));
  const reset = read(family.nameOf('reset', name));
  const resetMs = reset === undefined ? undefined : family.resetMs(reset, epochMs);
  return (limit ?? remaining ?? resetMs) === undefined ? undefined : { limit, remaining, resetMs };
}

/** Some providers report an overdrawn limit as a negative number, which means that nothing is left. */
function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,15}(\.\d+)?$/.test(text)) return undefined;
  return Math.max(0, Math.floor(Number(text)));
}

/** Milliseconds from now until an RFC 3339 instant. */
function parseInstant(text: string, epochMs: number): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d/.test(text)) return undefined;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : Math.max(0, instant - epochMs);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Plain numbers above this are instants: in epoch seconds, or, above a thousand times it, in epoch milliseconds. */
const FIRST_EPOCH_SECONDS = 1_000_000_000;

/** `12ms`, `1m3s`, `6m0s`, `1h2m3.5s`, plain seconds, an instant in epoch seconds or milliseconds, or RFC 3339. */
function parseReset(text: string, epochMs: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return parsePlainReset(Number(text), epochMs);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return parseInstant(text, epochMs);
  let totalMs = 0;
  for (const [, length, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(length) * (UNIT_MS[unit as string] as number);
  }
  return totalMs;
}

function parsePlainReset(value: number, epochMs: number): number {
  if (value < FIRST_EPOCH_SECONDS) return value * 1_000;
  const instantMs = value < FIRST_EPOCH_SECONDS * 1_000 ? value * 1_000 : value;
  return Math.max(0, instantMs - epochMs);
}

function headerReader(headers: unknown): HeaderReader | undefined {
  const get = fieldOf(headers, 'get');
  if (typeof get === 'function') return (name) => textOf(get.call(headers, name));
  if (typeof headers !== 'object' || headers === null) return undefined;
  const lowered = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => textOf(lowered.get(name));
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.trim() : undefined;
}

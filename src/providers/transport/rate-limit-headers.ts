import type { LimitedQuantity, RateLimits, RateLimitWindow } from '../../contracts/rate-limits.js';
import { fieldOf } from '../../errors/foreign.js';
import { answeredAt } from '../../resilience/retry/retry-after.js';
import { systemClock } from '../../time/clock.js';
import { parseReset } from './reset-time.js';

/**
 * What the names of limit headers begin with, and the quantity if the rest names none. Every provider reads all of
 * them: a gateway passes on the headers of whichever service it asked.
 */
const FAMILIES: ReadonlyArray<readonly [prefix: string, quantity: LimitedQuantity]> = [
  ['anthropic-ratelimit-', 'requests'],
  ['x-ratelimit-', 'requests'],
  ['x-rate-limit-', 'requests'],
  ['x-tokenlimit-', 'tokens'],
  ['x-ratelimitbysize-', 'tokens'],
  ['ratelimitbysize-', 'tokens'],
  ['ratelimit-', 'requests'],
];

/** The words after the prefix, in any order. A header with any other word is about something else. */
const KINDS: ReadonlySet<string> = new Set(['limit', 'remaining', 'reset', 'renewalperiod']);
const QUANTITIES: Readonly<Record<string, LimitedQuantity>> = {
  request: 'requests',
  requests: 'requests',
  req: 'requests',
  token: 'tokens',
  tokens: 'tokens',
  input: 'inputTokens',
  prompt: 'inputTokens',
  output: 'outputTokens',
  generated: 'outputTokens',
};
const WINDOWS_MS: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 30 * 86_400_000,
};

/** What one header is about. */
interface LimitHeader {
  readonly quantity: LimitedQuantity;
  readonly kind: string;
  readonly windowMs: number | undefined;
}

/** The texts of one limit's headers. */
interface LimitTexts {
  readonly quantity: LimitedQuantity;
  readonly windowMs: number | undefined;
  readonly texts: Map<string, string>;
}

/**
 * The limits in a response's headers: of Anthropic (`anthropic-ratelimit-requests-limit`), OpenAI, Azure and Groq
 * (`x-ratelimit-limit-requests`), Together (`x-ratelimit-limit`, `x-tokenlimit-limit`), OpenRouter
 * (`x-ratelimit-limit`), Mistral (`x-ratelimit-limit-req-minute`, `x-ratelimitbysize-limit-minute`) and others that are
 * named alike. Missing and malformed values are left out, and so is a limit of 0 or less, which means none;
 * `undefined` if nothing is left. Where a quantity has several windows, the one with the least left counts. Instants
 * are measured from the response's own `date` if our clock differs from it, so that a wrong clock on either side does
 * no harm.
 *
 * @param headers A `Headers` object or a plain record of headers, names of any case.
 * @param epochMs Now, milliseconds since the Unix epoch.
 */
export function parseRateLimits(headers: unknown, epochMs = systemClock.epochMs()): RateLimits | undefined {
  const found = new Map<string, LimitTexts>();
  for (const [name, value] of entriesOf(headers)) {
    const text = textOf(value);
    const header = text === undefined ? undefined : limitHeaderOf(name.toLowerCase());
    if (header === undefined) continue;
    const { quantity, kind, windowMs } = header;
    const key = `${quantity} ${windowMs}`;
    const limit = found.get(key) ?? { quantity, windowMs, texts: new Map<string, string>() };
    found.set(key, limit);
    limit.texts.set(kind, text as string);
  }
  if (found.size === 0) return undefined;
  return limitsOf(found.values(), clockOf(headers, epochMs));
}

function limitHeaderOf(name: string): LimitHeader | undefined {
  if (!name.includes('limit')) return undefined;
  const family = FAMILIES.find(([prefix]) => name.startsWith(prefix));
  if (family === undefined) return undefined;
  const [prefix, ofFamily] = family;
  let kind: string | undefined;
  let quantity: LimitedQuantity | undefined;
  let windowMs: number | undefined;
  for (const word of name.slice(prefix.length).split('-')) {
    if (KINDS.has(word)) kind = word;
    else if (Object.hasOwn(WINDOWS_MS, word)) windowMs = WINDOWS_MS[word];
    else if (!Object.hasOwn(QUANTITIES, word)) return undefined;
    // Input tokens are tokens too.
    else if (quantity === undefined || quantity === 'tokens') quantity = QUANTITIES[word];
  }
  return kind === undefined ? undefined : { quantity: quantity ?? ofFamily, kind, windowMs };
}

/** How instants are read: `epochMs` is now by the provider's clock, known as exactly as `toleranceMs`. */
interface ProviderClock {
  readonly epochMs: number;
  readonly toleranceMs: number;
}

/** A `date` is in whole seconds, so that our clock is the better one if the two agree. */
const CLOCKS_AGREE_MS = 3_000;

function clockOf(headers: unknown, epochMs: number): ProviderClock {
  const answeredAtMs = answeredAt(headers, epochMs);
  const isAgreed = Math.abs(epochMs - answeredAtMs) <= CLOCKS_AGREE_MS;
  return isAgreed ? { epochMs, toleranceMs: 0 } : { epochMs: answeredAtMs, toleranceMs: 1_000 };
}

function limitsOf(found: Iterable<LimitTexts>, clock: ProviderClock): RateLimits | undefined {
  const limits: { -readonly [Quantity in LimitedQuantity]?: RateLimitWindow } = {};
  let isEmpty = true;
  for (const texts of found) {
    const window = windowOf(texts, clock);
    const other = limits[texts.quantity];
    if (window === undefined || (other !== undefined && leftOf(other) <= leftOf(window))) continue;
    limits[texts.quantity] = window;
    isEmpty = false;
  }
  return isEmpty ? undefined : limits;
}

function windowOf({ windowMs, texts }: LimitTexts, clock: ProviderClock): RateLimitWindow | undefined {
  const limit = numberOf(texts.get('limit'));
  // Gateways write 0 or -1 where there is no limit, and Azure where it does not know.
  if (limit !== undefined && limit <= 0) return undefined;
  const remaining = numberOf(texts.get('remaining'));
  const isLeft = remaining !== undefined && (remaining >= 0 || limit !== undefined);
  const resetText = texts.get('reset');
  const reset = resetText === undefined ? undefined : parseReset(resetText, clock.epochMs);
  const renewal = numberOf(texts.get('renewalperiod'));
  const lengthMs = renewal !== undefined && renewal > 0 ? renewal * 1_000 : windowMs;
  if (limit === undefined && !isLeft && reset === undefined) return undefined;
  const toleranceMs =
    reset?.isInstant === true ? Math.max(reset.toleranceMs, clock.toleranceMs) : reset?.toleranceMs;
  return {
    limit,
    // Some providers report an overdrawn limit as a negative number, which means that nothing is left.
    remaining: isLeft ? Math.max(0, remaining) : undefined,
    resetMs: reset?.ms,
    ...(toleranceMs !== undefined && toleranceMs > 1 && { resetToleranceMs: toleranceMs }),
    ...(lengthMs !== undefined && { windowMs: lengthMs }),
  };
}

function leftOf({ limit, remaining }: RateLimitWindow): number {
  return remaining ?? limit ?? Number.POSITIVE_INFINITY;
}

/** A whole number, rounded down. Of a list, as in `100, 100;w=60`, the first counts. */
function numberOf(text: string | undefined): number | undefined {
  const first = text?.split(/[,;]/, 1)[0]?.trim();
  if (first === undefined || !/^-?\d{1,15}(\.\d+)?$/.test(first)) return undefined;
  return Math.floor(Number(first));
}

function entriesOf(headers: unknown): Iterable<readonly [string, unknown]> {
  if (typeof headers !== 'object' || headers === null) return [];
  const entries = fieldOf(headers, 'entries');
  if (typeof entries !== 'function') return Object.entries(headers);
  return entries.call(headers) as Iterable<[string, unknown]>;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.trim() : undefined;
}

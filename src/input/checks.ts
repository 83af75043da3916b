import { InvalidArgumentError } from '../errors/input-errors.js';
import { MAX_TIMER_MS } from '../time/clock.js';
import { describeValue } from './describe-value.js';

// Checks by hand, for what runs on every call, where a schema would cost more than the work.

/** Returns what a value must be if it is something else; `undefined` if the value is valid. */
export type Check = (value: unknown) => string | undefined;

/** The error for a value that failed its check: `<field>: expected <expected>; got <value>.` */
export function mismatch(field: string, expected: string, value: unknown): InvalidArgumentError {
  return new InvalidArgumentError(field, `${field}: expected ${expected}; got ${describeValue(value)}.`);
}

export const expectText: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a non-empty string';

export const expectBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

export const expectFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function');

export const expectObject: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'an object';

export const expectSignal: Check = (value) =>
  typeof (value as AbortSignal | null)?.addEventListener === 'function'
    ? undefined
    : 'an AbortSignal (of an AbortController: its signal)';

export const expectFinite: Check = (value) => (Number.isFinite(value) ? undefined : 'a finite number');

export const expectCount: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'a whole number of at least 0';

export const expectDuration: Check = (value) =>
  typeof value === 'number' && value > 0 && value <= MAX_TIMER_MS
    ? undefined
    : `milliseconds above 0 and at most ${MAX_TIMER_MS} (24.8 days)`;

/** A check for whole numbers in a range, both ends included. */
export function expectWholeNumber(minimum: number, maximum: number): Check {
  return (value) =>
    Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
      ? undefined
      : `a whole number from ${minimum} to ${maximum}`;
}

/** A check for one of a few strings. */
export function expectOneOf(...allowed: readonly string[]): Check {
  const quoted = allowed.map((one) => `"${one}"`);
  const last = quoted.pop();
  return (value) =>
    allowed.includes(value as string)
      ? undefined
      : quoted.length === 0
        ? last
        : `${quoted.join(', ')} or ${last}`;
}

export const expectUrl: Check = (value) =>
  typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)
    ? undefined
    : 'a URL that starts with http:// or https://';

/** For headers and the like. */
export const expectStrings: Check = (value) =>
  expectObject(value) === undefined &&
  Object.values(value as object).every((text) => typeof text === 'string')
    ? undefined
    : 'an object of strings';

import { types } from 'node:util';
import { TuttiError } from './tutti-error.js';

/**
 * Whether a value is an error of any realm: `instanceof Error` is false for errors of another realm (a test runner's
 * sandbox, a `vm` context), and DOMExceptions are native errors only on newer Node versions.
 */
export function isErrorLike(value: unknown): value is Error {
  try {
    return (
      types.isNativeError(value) ||
      value instanceof Error ||
      Object.prototype.toString.call(value) === '[object DOMException]'
    );
  } catch {
    // A Proxy may throw at every access.
    return false;
  }
}

/** The value itself if it is an error, else a new error with the value as its cause. */
export function asError(thrown: unknown): Error {
  return isErrorLike(thrown) || TuttiError.isInstance(thrown)
    ? thrown
    : new Error(messageOf(thrown), { cause: thrown });
}

/** A message for any thrown value. Never throws. */
export function messageOf(thrown: unknown): string {
  const message = fieldOf(thrown, 'message');
  if (typeof message === 'string' && message !== '') return message;
  if (typeof thrown === 'string') return thrown === '' ? 'an empty string was thrown' : thrown;
  const name = fieldOf(thrown, 'name');
  if (typeof name === 'string' && name !== '') return name;
  if (typeof thrown === 'object' && thrown !== null) return 'an object without a message was thrown';
  if (typeof thrown === 'function') return 'a function was thrown';
  return `${String(thrown)} was thrown`;
}

/** A field of a thrown value; `undefined` if it has none or reading it throws. */
export function fieldOf(thrown: unknown, field: string): unknown {
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return undefined;
  try {
    return (thrown as Record<string, unknown>)[field];
  } catch {
    return undefined;
  }
}

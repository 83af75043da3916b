import { type ObjectOf, object, Schema, type Shape } from './schema.js';

// Each message completes "<field>: <message>; got <value>."

/** An object of options; a key that is not in the shape is an error. @internal */
export function optionsObject<Parts extends Shape>(
  shape: Parts,
  message = 'expected an object',
): Schema<ObjectOf<Parts>> {
  return object(shape, message);
}

/** A string. @internal */
export const text = (expected = 'a string'): Schema<string> =>
  thing<string>((value) => typeof value === 'string', expected);

/** A string with something in it. @internal */
export const filledText = (expected: string): Schema<string> =>
  text(expected).refine((value) => value !== '', `expected ${expected}`);

/** `true` or `false`. @internal */
export const flag = (): Schema<boolean> =>
  thing<boolean>((value) => typeof value === 'boolean', 'true or false');

/** Anything that passes the check. @internal */
export const thing = <Value>(passes: (value: unknown) => boolean, expected: string): Schema<Value> =>
  valueThat<Value>(passes, `expected ${expected}`, true);

/** Anything that passes the check, with the whole message; in a union it is of another kind where it does not. @internal */
export function valueThat<Value>(
  passes: (value: unknown) => boolean,
  message: string,
  isOtherKind: boolean,
): Schema<Value> {
  return new Schema((value, path, issues) => {
    if (!passes(value)) issues.push({ path, message, value, isOtherKind });
    return value as Value;
  });
}

/** One of a few words. @internal */
export function oneOf<const Words extends readonly string[]>(...words: Words): Schema<Words[number]> {
  const quoted = words.map((word) => `"${word}"`);
  const last = quoted.pop();
  return thing<Words[number]>(
    (value) => words.includes(value as string),
    quoted.length === 0 ? `${last}` : `${quoted.join(', ')} or ${last}`,
  );
}

/**
 * An object with a value under each of any names, copied; `wrong` says what a value should have been, where it is not that.
 *
 * @internal
 */
export const mapping = <Value>(
  wrong: (value: unknown, name: string) => string | undefined,
  message = 'expected an object',
): Schema<Record<string, Value>> =>
  new Schema((given, path, issues) => {
    if (!isPlainObject(given)) {
      issues.push({ path, message, value: given, isOtherKind: true });
      return {};
    }
    for (const [name, value] of Object.entries(given)) {
      const message = wrong(value, name);
      if (message !== undefined) issues.push({ path: [...path, name], message, value, isOtherKind: false });
    }
    return { ...given };
  });

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of another realm too.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

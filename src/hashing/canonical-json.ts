import { InvalidArgumentError } from '../errors/input-errors.js';

/** How deep arrays and objects may nest. Far beyond any real request, far below what the stack holds. */
const MAX_DEPTH = 500;

/** Thrown and caught in this file only: the fast pass found something that is not JSON. */
const UNSUPPORTED = Symbol('unsayable');

/**
 * One JSON string for one value: the same value always yields the same string, different values different strings.
 *
 * - Keys are sorted by their UTF-16 code units; there is no white space.
 * - A property whose value is `undefined` is left out, as `JSON.stringify` and every wire format do: `{ a: undefined }`
 *   and `{}` are the same request.
 * - `-0` is written as `0`.
 * - Lone surrogates are escaped, so they stay distinct from each other and from U+FFFD when the text becomes UTF-8.
 * - Everything else that is not JSON is rejected rather than guessed: `undefined` and holes in arrays, functions,
 *   symbols (also as keys), BigInt, NaN, infinities, dates, maps, sets, buffers and other instances of classes,
 *   cycles, and more than 500 levels.
 *
 * @param value What to write.
 * @param field What the value is called in the error message.
 * @throws {@link InvalidArgumentError} naming the path of the first part that is not JSON.
 */
export function canonicalJson(value: unknown, field = 'value'): string {
  try {
    return write(value, 0);
  } catch (thrown) {
    if (thrown !== UNSUPPORTED) throw thrown;
    // Paths are worked out only now: building them on the way would cost every good call.
    throw refusal(value, field);
  }
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      if (!Number.isFinite(value)) throw UNSUPPORTED;
      return `${value}`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= MAX_DEPTH) throw UNSUPPORTED;
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value, depth + 1);
    default:
      throw UNSUPPORTED;
  }
}

// Quote, backslash, control characters and all surrogates: a pair needs no escape, but telling it from a lone half does.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what JSON escapes
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;

/** Most strings need no escaping, and finding that out is cheaper than having them written. */
function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function writeArray(items: readonly unknown[], depth: number): string {
  if (items.length === 0) return '[]';
  let text = `[${write(items[0], depth)}`;
  for (let index = 1; index < items.length; index++) text += `,${write(items[index], depth)}`;
  return `${text}]`;
}

function writeObject(object: object, depth: number): string {
  if (!isPlain(object)) throw UNSUPPORTED;
  const record = object as Record<string, unknown>;
  let text = '{';
  for (const key of sortedKeys(record)) {
    const value = record[key];
    if (value === undefined) continue;
    text += `${text.length === 1 ? '' : ','}${quote(key)}:${write(value, depth)}`;
  }
  return `${text}}`;
}

/** Insertion sort: requests have a handful of keys, most often already in one fixed order. */
function sortedKeys(record: Record<string, unknown>): string[] {
  const keys = Object.keys(record);
  if (keys.length > 16) return keys.sort();
  for (let end = 1; end < keys.length; end++) {
    const key = keys[end] as string;
    let at = end;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}

/** Plain in this realm or another: test runners and `vm` contexts have their own `Object.prototype`. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null && !isForeignObjectPrototype(prototype))
    return false;
  return Object.getOwnPropertySymbols(object).length === 0;
}

function isForeignObjectPrototype(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

function refusal(value: unknown, field: string): InvalidArgumentError {
  const found = findUnsupported(value, field, []) ?? {
    path: field,
    what: 'something that changes while it is read',
  };
  return new InvalidArgumentError(
    found.path,
    `${found.path}: expected a JSON value (string, finite number, boolean, null, array, plain object), got ` +
      `${found.what}. Convert it first, or leave it out.`,
    { details: { got: found.what } },
  );
}

interface Unsupported {
  path: string;
  what: string;
}

function findUnsupported(value: unknown, path: string, ancestors: object[]): Unsupported | undefined {
  if (typeof value !== 'object' || value === null) {
    const what = describePrimitive(value);
    return what === undefined ? undefined : { path, what };
  }
  if (ancestors.includes(value)) return { path, what: 'an object that contains itself' };
  if (ancestors.length >= MAX_DEPTH) return { path, what: `more than ${MAX_DEPTH} levels` };
  if (!Array.isArray(value) && !isPlain(value)) return { path, what: describeInstance(value) };
  ancestors.push(value);
  const found = findInChildren(value, path, ancestors);
  ancestors.pop();
  return found;
}

function findInChildren(value: object, path: string, ancestors: object[]): Unsupported | undefined {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = findUnsupported(value[index], `${path}[${index}]`, ancestors);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const record = value as Record<string, unknown>;
  for (const key of sortedKeys(record)) {
    if (record[key] === undefined) continue;
    const found = findUnsupported(record[key], `${path}.${key}`, ancestors);
    if (found !== undefined) return found;
  }
  return undefined;
}

function describePrimitive(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'string':
    case 'boolean':
    case 'object':
      return undefined;
    case 'undefined':
      return 'undefined';
    default:
      return `a ${typeof value}`;
  }
}

function describeInstance(value: object): string {
  if (Object.getOwnPropertySymbols(value).length > 0) return 'an object with a symbol as key';
  const maker: unknown = (value as { constructor?: unknown }).constructor;
  const name = typeof maker === 'function' ? maker.name : '';
  return name === '' || name === 'Object'
    ? 'an object with a prototype of its own'
    : `an instance of ${name}`;
}

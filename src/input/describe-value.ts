/** Longer strings are not repeated. */
const MAX_TEXT_CHARS = 40;

/** A short description of any value, for "expected …; got …" messages. Never throws, and never has more than one line. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_TEXT_CHARS ? `a string of ${value.length} characters` : JSON.stringify(value);
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      if (value === null) return 'null';
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
  }
}

/** As {@link describeValue}, for values that may be secret: the text of a string is never shown. */
export function describeKind(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return describeValue(value);
}

/**
 * The input of a tool call, however a server writes it: the parsed JSON, also where it is JSON within a JSON string; an
 * object as it is; an empty object for nothing. Text that is not JSON stays as it is, so that the tool's schema rejects
 * it.
 */
export function parseToolInput(written: unknown): unknown {
  if (written === undefined || written === null) return {};
  if (typeof written !== 'string') return written;
  if (written.trim() === '') return {};
  const value = tryParse(written);
  if (value === null) return {};
  if (typeof value !== 'string') return value ?? written;
  const inner = tryParse(value);
  return isObject(inner) ? inner : value;
}

/** The input as an object, which servers require of calls in the history; an empty one for everything else. */
export function objectInput(input: unknown): Readonly<Record<string, unknown>> {
  const value = parseToolInput(input);
  return isObject(value) ? value : {};
}

/** The input as the text of a JSON object. Text that is one already stays as the model wrote it. */
export function objectText(input: unknown): string {
  return typeof input === 'string' && isObject(tryParse(input)) ? input : JSON.stringify(objectInput(input));
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

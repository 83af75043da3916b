import type { z } from 'zod';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { describeValue } from './describe-value.js';
import { unknownKeyError } from './unknown-key.js';

/**
 * Checks options against a strict zod schema and fills in its defaults.
 *
 * @param what What the options are called in messages, for instance `AsyncOrchestrator options`.
 * @throws {@link InvalidArgumentError} for the first problem, with its field, what was expected and what came.
 */
export function parseOptions<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw toArgumentError(parsed.error.issues[0] as z.core.$ZodIssue, schema, input, what);
}

function toArgumentError(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  input: unknown,
  what: string,
): InvalidArgumentError {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return unknownKeyError(path.join('.'), issue.keys[0] as string, keysAt(schema, path));
  }
  const field = path.join('.');
  const came = describeValue(valueAt(input, issue.path));
  const subject = field === '' ? what : `${what}: ${field}`;
  return new InvalidArgumentError(field === '' ? what : field, `${subject}: ${issue.message}; got ${came}.`);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** The keys an object schema knows at a path; wrappers such as optional and default are looked through. */
function keysAt(schema: z.ZodType, path: readonly string[]): string[] {
  let here: unknown = schema;
  for (const key of path) here = shapeOf(here)[key];
  return Object.keys(shapeOf(here));
}

function shapeOf(schema: unknown): Record<string, unknown> {
  let here = schema as { shape?: Record<string, unknown>; unwrap?: () => unknown } | undefined;
  while (here !== undefined && here.shape === undefined && typeof here.unwrap === 'function') {
    here = here.unwrap() as typeof here;
  }
  return here?.shape ?? {};
}

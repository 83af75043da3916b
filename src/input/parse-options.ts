import { InvalidArgumentError } from '../errors/input-errors.js';
import { describeValue } from './describe-value.js';
import { unknownKeyError } from './unknown-key.js';

/** A schema, as far as checking options needs it; any zod schema is one. */
interface OptionsSchema<Output> {
  safeParse(
    value: unknown,
    context: { readonly jitless: boolean },
  ): { success: true; data: Output } | { success: false; error: { issues: readonly OptionsIssue[] } };
}

/** What comes of options that the schema accepts. */
type Checked<Schema> = Schema extends OptionsSchema<infer Output> ? Output : never;

/** One thing that is wrong with options. */
interface OptionsIssue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The keys of an object that are not known to its schema. */
  readonly keys?: readonly string[];
}

/** Options with those filled in that their schema has a default for. */
export type WithDefaults<Options, Defaulted extends keyof Options> = Readonly<
  Omit<Options, Defaulted> & { [Key in Defaulted]-?: Exclude<Options[Key], undefined> }
>;

/**
 * Checks options against a strict zod schema and fills in its defaults.
 *
 * @param what What the options are called in messages, for instance `AsyncOrchestrator options`.
 * @throws {@link InvalidArgumentError} for the first problem, with its field, what was expected and what came.
 */
export function parseOptions<Schema extends OptionsSchema<unknown>>(
  schema: Schema,
  input: unknown,
  what: string,
): Checked<Schema> {
  // Options are checked once: compiling the schema to a function, as zod does by default, takes longer than it saves.
  const parsed = schema.safeParse(input, { jitless: true });
  if (parsed.success) return parsed.data as Checked<Schema>;
  throw toArgumentError(parsed.error.issues[0] as OptionsIssue, schema, input, what);
}

function toArgumentError(
  issue: OptionsIssue,
  schema: unknown,
  input: unknown,
  what: string,
): InvalidArgumentError {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return unknownKeyError(path.join('.'), issue.keys?.[0] as string, keysAt(schema, path));
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
function keysAt(schema: unknown, path: readonly string[]): string[] {
  let here: unknown = schema;
  for (const key of path) here = shapeOf(here)[key];
  return Object.keys(shapeOf(here));
}

interface SchemaDefinition {
  readonly shape?: Record<string, unknown>;
  readonly innerType?: { readonly def: SchemaDefinition };
}

function shapeOf(schema: unknown): Record<string, unknown> {
  let definition = (schema as { def: SchemaDefinition } | undefined)?.def;
  while (definition?.innerType !== undefined) definition = definition.innerType.def;
  return definition?.shape ?? {};
}

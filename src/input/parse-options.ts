import { InvalidArgumentError } from '../errors/input-errors.js';
import { describeValue } from './describe-value.js';
import type { Issue, Schema } from './schema.js';
import { unknownKeyError } from './unknown-key.js';

/** Options with those filled in that their schema has a default for. */
export type WithDefaults<Options, Defaulted extends keyof Options> = Readonly<
  Omit<Options, Defaulted> & { [Key in Defaulted]-?: Exclude<Options[Key], undefined> }
>;

/**
 * Checks options against a schema and fills in its defaults.
 *
 * @param what What the options are called in messages, for instance `AsyncOrchestrator options`.
 * @throws {@link InvalidArgumentError} for the first problem, with its field, what was expected and what came.
 */
export function parseOptions<Output>(schema: Schema<Output>, input: unknown, what: string): Output {
  const issues: Issue[] = [];
  const output = schema.read(input, [], issues);
  const [issue] = issues;
  if (issue !== undefined) throw toArgumentError(issue, what);
  return output;
}

function toArgumentError({ path, message, value, knownKeys }: Issue, what: string): InvalidArgumentError {
  if (knownKeys !== undefined) {
    return unknownKeyError(path.slice(0, -1).join('.'), path.at(-1) as string, knownKeys);
  }
  const field = path.join('.');
  const subject = field === '' ? what : `${what}: ${field}`;
  return new InvalidArgumentError(
    field === '' ? what : field,
    `${subject}: ${message}; got ${describeValue(value)}.`,
  );
}

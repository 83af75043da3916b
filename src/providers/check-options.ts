import { InvalidArgumentError } from '../errors/input-errors.js';
import type { Check } from '../input/checks.js';
import { describeKind } from '../input/describe-value.js';
import { nearestName } from '../input/nearest-name.js';

/** Every option by name, with its check; `true` for values that are checked where they are used. */
export type OptionChecks = Readonly<Record<string, Check | true>>;

/**
 * Checks a provider's options. Strings are not repeated in messages: one of them may be a key.
 *
 * @param where The provider function, for messages.
 * @throws {@link InvalidArgumentError} for the first option that is unknown or has an invalid value.
 */
export function checkOptions(where: string, options: unknown, checks: OptionChecks): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(
      'options',
      `${where} takes an object of options; got ${describeKind(options)}.`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) throw unknownOption(where, name, Object.keys(checks));
    const expected = check === true || value === undefined ? undefined : check(value);
    if (expected !== undefined) {
      throw new InvalidArgumentError(
        `options.${name}`,
        `${where}: ${name} must be ${expected}; got ${describeKind(value)}.`,
      );
    }
  }
}

function unknownOption(where: string, name: string, known: readonly string[]): InvalidArgumentError {
  const suggestion = nearestName(name, known);
  const hint =
    suggestion === undefined
      ? `Known options: ${[...known].sort().join(', ')}.`
      : `Did you mean "${suggestion}"?`;
  return new InvalidArgumentError(`options.${name}`, `${where} has no option "${name}". ${hint}`);
}

import leven from 'leven';
import { InvalidArgumentError } from '../errors/input-errors.js';

/** Says what a value must be when it is not, or nothing. */
export type OptionCheck = (value: unknown) => string | undefined;

/** Every option by name, with its check; `true` leaves the checking to whoever takes the value. */
export type OptionChecks = Readonly<Record<string, OptionCheck | true>>;

/** Checks a provider's options at the door: unknown names with the nearest known one, then the values. */
export function checkOptions(where: string, options: unknown, checks: OptionChecks): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError('options', `${where} takes an object of options; got ${kindOf(options)}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) throw unknownOption(where, name, Object.keys(checks));
    const problem = check === true || value === undefined ? undefined : check(value);
    if (problem !== undefined) {
      throw new InvalidArgumentError(
        `options.${name}`,
        `${where}: ${name} must be ${problem}; got ${kindOf(value)}.`,
      );
    }
  }
}

function unknownOption(where: string, name: string, known: readonly string[]): InvalidArgumentError {
  const nearest = known.reduce((best, candidate) =>
    leven(name, candidate) < leven(name, best) ? candidate : best,
  );
  const isClose = leven(name, nearest) <= Math.max(2, name.length / 3);
  const hint = isClose ? `Did you mean "${nearest}"?` : `Known options: ${[...known].sort().join(', ')}.`;
  return new InvalidArgumentError(`options.${name}`, `${where} has no option "${name}". ${hint}`);
}

/** What a value is, for messages; a text is never shown, for it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === '' ? 'an empty string' : typeof value;
}

export const aText: OptionCheck = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a non-empty string';

export const aFlag: OptionCheck = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

export const anObject: OptionCheck = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'an object';

export const aUrl: OptionCheck = (value) =>
  typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)
    ? undefined
    : 'a URL that starts with http:// or https://';

export const headerRecord: OptionCheck = (value) =>
  anObject(value) === undefined &&
  Object.values(value as object).every((header) => typeof header === 'string')
    ? undefined
    : 'an object of strings';

export function aWholeNumber(minimum: number, maximum: number): OptionCheck {
  return (value) =>
    Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
      ? undefined
      : `a whole number from ${minimum} to ${maximum}`;
}

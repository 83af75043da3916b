import { InvalidArgumentError } from '../errors/input-errors.js';
import type { Check } from '../input/checks.js';
import { describeKind } from '../input/describe-value.js';
import { equivalentOf } from '../input/equivalent.js';

/** Longer addresses are not repeated in full. */
const MAX_ADDRESS_CHARS = 200;

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
        `${where}: ${name} must be ${expected}; got ${name === 'baseURL' ? describeAddress(value) : describeKind(value)}.`,
      );
    }
  }
}

/** An address may be shown, but not what stands in front of an "@" or behind a "?": it may be a key. */
export function describeAddress(value: unknown): string {
  if (typeof value !== 'string') return describeKind(value);
  const shown = value.replace(/^(\w+:\/\/)?[^/]*@/, '$1…@').replace(/[?#].*$/s, '');
  const isHost = /^[\w.-]+(:\d+)?(\/|$)/.test(shown);
  return `"${shown.slice(0, MAX_ADDRESS_CHARS)}"${isHost ? `; write "http://${shown.slice(0, MAX_ADDRESS_CHARS)}"` : ''}`;
}

function unknownOption(where: string, name: string, known: readonly string[]): InvalidArgumentError {
  const hint = equivalentOf(name, known)?.hint ?? `Known options: ${[...known].sort().join(', ')}.`;
  return new InvalidArgumentError(`options.${name}`, `${where} has no option "${name}". ${hint}`);
}

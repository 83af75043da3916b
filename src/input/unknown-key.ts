import { InvalidArgumentError } from '../errors/input-errors.js';
import { equivalentOf } from './equivalent.js';

/** Longer keys are not repeated in full. */
const MAX_KEY_CHARS = 100;

/**
 * The error for an unknown option, or another unknown name. It says what to write instead, or else lists all known
 * names.
 */
export function unknownKeyError(
  path: string,
  key: string,
  known: readonly string[],
  what = 'option',
): InvalidArgumentError {
  const shown = key.length > MAX_KEY_CHARS ? `${key.slice(0, MAX_KEY_CHARS)}…` : key;
  const field = path === '' ? shown : `${path}.${shown}`;
  const equivalent = equivalentOf(shown, known);
  const hint = equivalent?.hint ?? `Known ones: ${known.join(', ')}.`;
  const suggestion = equivalent?.suggestion;
  return new InvalidArgumentError(field, `Unknown ${what} "${field}". ${hint}`, { details: { suggestion } });
}

import { InvalidArgumentError } from '../errors/input-errors.js';
import { nearestName } from './nearest-name.js';

/** Longer keys are not repeated in full. */
const MAX_KEY_CHARS = 100;

/**
 * The error for an unknown option, or another unknown name. It suggests the nearest known name, or else lists all of
 * them.
 */
export function unknownKeyError(
  path: string,
  key: string,
  known: readonly string[],
  what = 'option',
): InvalidArgumentError {
  const shown = key.length > MAX_KEY_CHARS ? `${key.slice(0, MAX_KEY_CHARS)}…` : key;
  const field = path === '' ? shown : `${path}.${shown}`;
  const suggestion = nearestName(shown, known);
  const hint =
    suggestion === undefined ? `Known ones: ${known.join(', ')}.` : `Did you mean "${suggestion}"?`;
  return new InvalidArgumentError(field, `Unknown ${what} "${field}". ${hint}`, { details: { suggestion } });
}

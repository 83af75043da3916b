import { InvalidArgumentError } from '../errors/input-errors.js';
import { nearestName } from './nearest-name.js';

/** The error for an option nobody knows; suggests the nearest known one, else names them all. */
export function unknownKeyError(path: string, key: string, known: readonly string[]): InvalidArgumentError {
  const field = path === '' ? key : `${path}.${key}`;
  const suggestion = nearestName(key, known);
  const hint =
    suggestion === undefined ? `Known ones: ${known.join(', ')}.` : `Did you mean "${suggestion}"?`;
  return new InvalidArgumentError(field, `Unknown option "${field}". ${hint}`, { details: { suggestion } });
}

import { sep } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { homeFolder } from './own-folder.js';

/**
 * Replaces a leading `~` with the home directory.
 *
 * @throws {@link InvalidArgumentError} when there is no home directory.
 */
export function expandHome(path: string): string {
  if (path !== '~' && !path.startsWith('~/') && !path.startsWith(`~${sep}`)) return path;
  const home = homeFolder();
  if (home !== undefined) return home + path.slice(1);
  const message = `directory: "${path}" begins with the home directory, and there is none. Set HOME, or write the path in full.`;
  throw new InvalidArgumentError('directory', message);
}

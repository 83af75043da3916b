import { isAbsolute, parse, relative, resolve, sep } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { expandHome } from '../input/expand-home.js';

/** Folders of the system that no cache belongs in, nor in anything below them. */
const SYSTEM_FOLDERS = ['/bin', '/boot', '/dev', '/etc', '/lib', '/lib64', '/proc', '/sbin', '/sys', '/usr'];

/**
 * The absolute path of a cache's folder: `~` is the home directory, the rest is relative to the working directory.
 * Touches no file.
 *
 * @param root When given, the folder must lie in it.
 * @throws {@link InvalidArgumentError} when it is the root of the file system, a system folder, or outside `root`.
 */
export function resolveCacheDirectory(directory: string, root: string | undefined): string {
  const path = resolve(expandHome(directory));
  if (path === parse(path).root || SYSTEM_FOLDERS.some((folder) => isInside(folder, path))) {
    throw new InvalidArgumentError(
      'directory',
      `directory: "${path}" belongs to the system. Choose a folder of your own, for instance ".tutti".`,
      { details: { directory: path } },
    );
  }
  const allowed = root === undefined ? undefined : resolve(expandHome(root));
  if (allowed !== undefined && !isInside(allowed, path)) {
    throw new InvalidArgumentError(
      'directory',
      `directory: "${path}" is outside rootDirectory "${allowed}". Choose a folder in it, or change rootDirectory.`,
      { details: { directory: path, rootDirectory: allowed } },
    );
  }
  return path;
}

// By steps from one to the other, not by comparing the beginnings: "/data/cache-evil" is not in "/data/cache".
function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

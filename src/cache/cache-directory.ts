import { realpath } from 'node:fs/promises';
import { dirname, join, parse, relative, resolve } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { expandHome } from '../input/expand-home.js';
import { findDetour, isInside } from '../input/own-folder.js';

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
  if (isSystemFolder(path)) {
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

/**
 * Checks where a cache's folder really lies, links followed: not in a system folder, not outside `root`, and not
 * below a link that leads elsewhere. What does not exist yet is judged by the folder it will be created in.
 *
 * @throws {@link InvalidArgumentError} when it must not be used.
 */
export async function checkRealDirectory(directory: string, root: string | undefined): Promise<void> {
  const allowed = root === undefined ? undefined : resolve(expandHome(root));
  const real = await realPathOf(directory);
  if (isSystemFolder(real)) throw refusal(directory, `it leads to "${real}", which belongs to the system`);
  if (allowed !== undefined && !isInside(await realPathOf(allowed), real)) {
    throw refusal(directory, `it leads to "${real}", which is outside rootDirectory "${allowed}"`);
  }
  const detour = await findDetour(directory, allowed);
  if (detour === undefined) return;
  throw refusal(
    directory,
    `"${detour.link}" on its way is a link that leads to "${detour.target}"; name the real folder`,
  );
}

function refusal(directory: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError('directory', `directory: "${directory}" is not used: ${why}.`, {
    details: { directory },
  });
}

/** The path with its links followed, as far as it exists. */
async function realPathOf(path: string): Promise<string> {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      return join(await realpath(existing), relative(existing, path));
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT' || existing === dirname(existing)) throw error;
    }
  }
}

function isSystemFolder(path: string): boolean {
  return path === parse(path).root || SYSTEM_FOLDERS.some((folder) => isInside(folder, path));
}

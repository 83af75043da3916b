import { lstat, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, parse, relative, sep } from 'node:path';

/** Whether a path is a folder or lies in it. By steps, as "/data/cache-evil" is not in "/data/cache". */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * The user's home directory; `undefined` where there is none that could hold files: no HOME and no entry in the list of
 * users, or a HOME that is empty or relative.
 */
export function homeFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  let home = env.HOME;
  if (home === undefined) {
    try {
      home = homedir();
    } catch {
      return undefined;
    }
  }
  return isAbsolute(home) ? home : undefined;
}

/**
 * Finds a symbolic link on the way to a folder that leads out of the folder it lies in: what is written below it for
 * its owner alone would end up where another user may have prepared a place. The folder itself may be a link, as that
 * was asked for by name; so may the home directory, the working directory, `root` and what lies at the top of the file
 * system. Windows protects files in other ways.
 *
 * @returns the link and where it leads, or `undefined`.
 */
export async function findDetour(
  path: string,
  root?: string,
): Promise<{ readonly link: string; readonly target: string } | undefined> {
  if (process.platform === 'win32') return undefined;
  for (const link of linksToCheck(path, root)) {
    const found = await lstat(link).catch(() => undefined);
    if (found === undefined) return undefined;
    if (!found.isSymbolicLink()) continue;
    const target = await realpath(link);
    if (!isInside(await realpath(dirname(link)), target)) return { link, target };
  }
  return undefined;
}

/** The folders above the path that are not trusted, from the top down. */
function linksToCheck(path: string, root: string | undefined): string[] {
  const trusted = [root, homeFolder(), process.cwd()].filter(
    (folder) => folder !== undefined && isInside(folder, path),
  );
  const steps = relative(parse(path).root, dirname(path)).split(sep).filter(Boolean);
  const folders = steps.map((_, index) => join(parse(path).root, ...steps.slice(0, index + 1)));
  return folders.slice(1).filter((folder) => !trusted.some((top) => isInside(folder, top as string)));
}

import { homedir } from 'node:os';
import { sep } from 'node:path';

/** A path as people write it: `~` at its beginning is the home directory. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') || path.startsWith(`~${sep}`)
    ? homedir() + path.slice(1)
    : path;
}

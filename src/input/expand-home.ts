import { homedir } from 'node:os';
import { sep } from 'node:path';

/** Replaces a leading `~` with the home directory. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') || path.startsWith(`~${sep}`)
    ? homedir() + path.slice(1)
    : path;
}
